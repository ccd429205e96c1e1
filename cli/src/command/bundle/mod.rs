//! `palisade bundle`.

mod attachment;
mod configuration;
mod envoy;
mod format;
mod inexact;
mod istio;
mod module;
#[cfg(feature = "stats")]
mod stats;

use super::{
    accept::AcceptArgs,
    input::{ManifestArgs, OptionArgs, service, valid, workload},
};
use crate::{failure::Failure, output::Output, show::text::Text};
use attachment::Attachments;
use clap::{Args, ValueEnum};
use configuration::{Settings, split_custom};
use format::Format;
use inexact::Deployment;
use module::Module;
use palisade::{MeshRole, Options};
use palisade_manifests::Manifests;
use palisade_plugin_config::{Config, TrafficDirection};
use serde_json::Value;
use std::{collections::BTreeSet, path::PathBuf};

/// Print the configuration of the Envoy filter for a workload, with the policies that it enforces, as JSON.
///
/// The default format is the plugin configuration alone. The other formats are objects for Envoy, Istio or Envoy Gateway
/// that contain it; all fail closed. The filter enforces AuthorizationPolicies on inbound traffic, and Cilium's egress
/// policies on outbound traffic (`--direction outbound`).
#[derive(Debug, Args)]
#[command(mut_arg("paths", |paths| paths.required(false).required_unless_present("stats")))]
pub(crate) struct Bundle {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// The workload: `NAMESPACE/NAME` of a Pod or of a controller among the manifests.
    #[arg(long, value_name = "NAMESPACE/NAME", required_unless_present_any = ["from_node", "stats"])]
    workload: Option<String>,
    /// The Service or ServiceEntry whose requests the filter of a waypoint decides; the bundle includes the policies that
    /// target it.
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "workload")]
    service: Option<String>,
    /// Bundle the policies of all workloads; each proxy reads its workload from its node metadata.
    #[arg(long, conflicts_with_all = ["workload", "stats"])]
    from_node: bool,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Bundle for a network filter, which decides connections, instead of an HTTP filter.
    #[arg(long)]
    tcp: bool,
    /// The direction of the listener's traffic.
    #[arg(long, value_enum, default_value_t = Direction::Inbound)]
    direction: Direction,
    /// Whether the filter blocks denied streams.
    #[arg(long, value_enum, default_value_t = Mode::Enforce)]
    mode: Mode,
    /// The location of the module: a file of the proxy for Envoy and an EnvoyFilter; an image or a URL, which is required,
    /// for a WasmPlugin and Envoy Gateway.
    #[arg(long, value_name = "FILE|URL")]
    module: Option<String>,
    /// The port of the listener of `--format envoy-listener` on 127.0.0.1.
    #[arg(long, value_name = "PORT", default_value_t = 15006)]
    port: u16,
    /// The proxy's cluster that decides requests that a CUSTOM rule matches.
    #[arg(long, value_name = "CLUSTER")]
    provider: Option<String>,
    /// Candidate manifests, which the filter evaluates only to report different verdicts. May be repeated.
    #[arg(long, value_name = "FILE|DIR")]
    shadow: Vec<PathBuf>,
    /// Print the size of the module, and of its VM with 1, 100, 1,000 and 10,000 rules and with the policies of `-f`,
    /// instead of a bundle.
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    accept: AcceptArgs,
    #[command(flatten)]
    options: OptionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// Traffic to the workload.
    Inbound,
    /// Traffic from the workload.
    Outbound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// The filter blocks them.
    Enforce,
    /// The filter only counts and logs them.
    Shadow,
}

impl From<Direction> for TrafficDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => Self::Inbound,
            Direction::Outbound => Self::Outbound,
        }
    }
}

impl From<Mode> for palisade_plugin_config::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Enforce => Self::Enforce,
            Mode::Shadow => Self::Shadow,
        }
    }
}

impl Bundle {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        if self.stats && self.manifests.is_empty() {
            return self.stats(None);
        }
        let options = self.options.options()?;
        let manifests = valid(&self.manifests, &options)?;
        let workload = self.workload.as_deref().map(|name| workload(&manifests.cluster, name)).transpose()?;
        let service = self.service.as_deref().map(|name| service(&manifests.cluster, name)).transpose()?;
        let mut settings = Settings {
            workload,
            service,
            direction: self.direction.into(),
            mode: self.mode.into(),
            profile: options.profile,
            provider: self.provider.as_deref(),
            accepted: BTreeSet::new(),
        };
        self.check_format(&settings)?;
        let deployment = Deployment { format: self.format, tcp: self.tcp };
        settings.accepted =
            self.accept.check(deployment.inexact(&settings, &manifests, &options), &manifests)?;
        let mut config = settings.configuration(&manifests);
        if !self.shadow.is_empty() {
            let candidates = self.manifests.with(self.shadow.clone());
            let candidates = valid(&candidates, &options)?;
            config.shadow_resources = settings.resources(&candidates);
        }
        if self.stats {
            return self.stats(Some(&config));
        }
        deployment.warn(&settings, &manifests);
        let printed = self.print(&settings, &manifests, config, &options)?;
        Ok(Output { text: Text::json_pretty(&printed), code: 0 })
    }

    /// Checks that the format supports the workload and the direction.
    fn check_format(&self, settings: &Settings<'_>) -> Result<(), Failure> {
        let is_waypoint = settings.workload.is_some_and(|w| matches!(w.role, MeshRole::Waypoint(_)));
        let refused = match self.format {
            _ if settings.service.is_some() && !is_waypoint => (
                "`--service` needs a waypoint as --workload",
                "policies of other proxies do not depend on the service",
            ),
            _ if is_waypoint && settings.is_outbound() => {
                ("a waypoint has no outbound listeners", "bundle egress policies for the client's own proxy")
            }
            Format::IstioEnvoyFilter if settings.service.is_some() => (
                "an EnvoyFilter attaches to every service of a waypoint",
                "use --format istio-wasm-plugin, which attaches to one service",
            ),
            Format::IstioWasmPlugin if self.from_node && settings.is_outbound() => (
                "a WasmPlugin for outbound traffic of every proxy also attaches to the listeners of gateways",
                "use --format istio-envoy-filter, or bundle each workload",
            ),
            Format::EnvoyGateway if self.tcp => (
                "Envoy Gateway runs wasm extensions on requests only",
                "leave out --tcp, or use another format",
            ),
            Format::EnvoyGateway if settings.is_outbound() => {
                ("Envoy Gateway has no outbound listeners", "leave out --direction, or use another format")
            }
            Format::EnvoyGateway if self.from_node => (
                "the node metadata of an Envoy Gateway proxy does not describe its workload",
                "bundle each gateway with --workload",
            ),
            _ => return Ok(()),
        };
        Err(Failure::argument(refused.0, refused.1))
    }

    /// Returns the configuration in the format.
    fn print(
        &self,
        settings: &Settings<'_>,
        manifests: &Manifests,
        config: Config,
        options: &Options,
    ) -> Result<Value, Failure> {
        let Settings { workload, service, .. } = *settings;
        let outbound = settings.is_outbound();
        let subject = envoy::Subject { workload, tcp: self.tcp, outbound };
        let module = Module(self.module.as_deref());
        Ok(match self.format {
            Format::Json => config.to_json(),
            Format::EnvoyListener => subject.listener(&module.file()?, self.port, &config),
            Format::EnvoyGateway => {
                let code = module.code()?;
                let workload =
                    workload.ok_or_else(|| Failure::argument("missing `--workload`", "name the gateway"))?;
                envoy::Subject::extension_policy(workload, code, &config)
            }
            Format::IstioWasmPlugin | Format::IstioEnvoyFilter => {
                let cluster = &manifests.cluster;
                let attachments = match workload {
                    Some(workload) => {
                        Attachments::of_workload(cluster, workload, service, outbound, options)?
                    }
                    None => Attachments::of_mesh(cluster, outbound),
                };
                let deployment = Deployment { format: self.format, tcp: self.tcp };
                let has_tokens = !cluster.resources().request_authentications.is_empty();
                let (custom, others) = match split_custom(&config) {
                    (Some(custom), others) if deployment.splits_custom() && !outbound && has_tokens => {
                        (Some(custom), others)
                    }
                    _ => (None, Some(config)),
                };
                let has_tunnels = !outbound && istio::has_tunnels(cluster, workload);
                let extension = istio::Extension {
                    subject: &subject,
                    attachments: &attachments,
                    custom,
                    others,
                    has_tunnels,
                };
                match self.format {
                    Format::IstioWasmPlugin => extension.wasm_plugin(&module.url()?),
                    _ => extension.envoy_filter(&module.absolute_file()?),
                }
            }
        })
    }

    #[cfg(feature = "stats")]
    fn stats(&self, own: Option<&Config>) -> Result<Output, Failure> {
        let module = self.module.as_deref().unwrap_or("target/wasm/palisade_filter.wasm");
        stats::run(std::path::Path::new(module), &self.manifests.access(), own)
    }

    /// Reports that this build has no WebAssembly runtime, which takes longer to build than everything else.
    #[cfg(not(feature = "stats"))]
    #[expect(clippy::unused_self, reason = "the other build reads an argument")]
    fn stats(&self, _: Option<&Config>) -> Result<Output, Failure> {
        Err(Failure::argument(
            "this `palisade` was built without the WebAssembly runtime, which `--stats` needs".to_owned(),
            "build it with the runtime: cargo run --release --features stats -- bundle --stats",
        ))
    }
}
