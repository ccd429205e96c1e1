//! `palisade bundle`.

mod attachment;
mod configuration;
mod forms;
mod inexact;
mod istio;
mod module;
#[cfg(feature = "stats")]
mod stats;

use super::{
    accept::AcceptArgs,
    input::{ManifestArgs, OptionArgs, service, valid, workload},
};
use crate::{Output, failure::Failure, show::text::Text};
use attachment::Attachments;
use clap::{Args, ValueEnum};
use configuration::{Wanted, split_custom};
use inexact::Shape;
use module::Module;
use palisade::{MeshRole, Options};
use palisade_cases::Manifests;
use serde_json::Value;
use std::{collections::BTreeSet, path::PathBuf};

/// Print the configuration of the Envoy filter for a workload, with the policies that it enforces, as JSON.
///
/// By default the plugin configuration alone; other forms hold it as Envoy, Istio or Envoy Gateway take it, and
/// always fail closed. Towards the workload the filter enforces AuthorizationPolicies, away from it (`--direction
/// outbound`) Cilium's egress policies.
#[derive(Debug, Args)]
#[command(mut_arg("paths", |paths| paths.required(false).required_unless_present("stats")))]
pub(crate) struct Bundle {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// The workload: `NAMESPACE/NAME` of a Pod or of a controller among the manifests.
    #[arg(long, value_name = "NAMESPACE/NAME", required_unless_present_any = ["from_node", "stats"])]
    workload: Option<String>,
    /// The Service or ServiceEntry whose requests are decided, where the workload is a waypoint: policies that target it
    /// are bundled too.
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "workload")]
    service: Option<String>,
    /// Let each proxy read from its node who its workload is, and bundle the policies of all.
    #[arg(long, conflicts_with_all = ["workload", "stats"])]
    from_node: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Form::Json)]
    format: Form,
    /// Bundle for a network filter, which decides connections, rather than for an HTTP filter.
    #[arg(long)]
    tcp: bool,
    /// Which side of the workload the listener is on.
    #[arg(long, value_enum, default_value_t = Direction::Inbound)]
    direction: Direction,
    /// Whether a denial denies.
    #[arg(long, value_enum, default_value_t = Mode::Enforce)]
    mode: Mode,
    /// Where the module is: a file of the proxy for Envoy and an EnvoyFilter, an image or a URL for a WasmPlugin and
    /// Envoy Gateway, which need it.
    #[arg(long, value_name = "FILE|URL")]
    module: Option<String>,
    /// The port of 127.0.0.1 that the listener of `--format envoy-listener` opens.
    #[arg(long, value_name = "PORT", default_value_t = 15006)]
    port: u16,
    /// Ask this cluster of the proxy where a CUSTOM rule matches.
    #[arg(long, value_name = "CLUSTER")]
    provider: Option<String>,
    /// Candidate manifests, decided beside the others; only where they disagree is told. May be repeated.
    #[arg(long, value_name = "FILE|DIR")]
    shadow: Vec<PathBuf>,
    /// Print the bytes of the module, and of its VM after it was configured with 1, 100, 1,000 and 10,000 rules and with
    /// the policies of `-f` if any are given, instead.
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    accept: AcceptArgs,
    #[command(flatten)]
    options: OptionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The plugin configuration.
    Json,
    /// Istio's WasmPlugin.
    IstioWasmPlugin,
    /// Istio's EnvoyFilter.
    IstioEnvoyFilter,
    /// A file for Envoy's listener discovery.
    EnvoyListener,
    /// Envoy Gateway's EnvoyExtensionPolicy.
    EnvoyGateway,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// Towards it.
    Inbound,
    /// Away from it.
    Outbound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// It does.
    Enforce,
    /// It is only counted and told.
    Shadow,
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
        let mut wanted = Wanted {
            workload,
            service,
            outbound: self.direction == Direction::Outbound,
            shadow_mode: self.mode == Mode::Shadow,
            strict: options.profile == palisade::Profile::Strict,
            provider: self.provider.as_deref(),
            accepted: BTreeSet::new(),
        };
        self.check_form(&wanted)?;
        let shape = Shape { form: self.format, tcp: self.tcp };
        wanted.accepted = self.accept.check(shape.inexact(&wanted, &manifests, &options), &manifests)?;
        let mut configuration = wanted.configuration(&manifests)?;
        if !self.shadow.is_empty() {
            let candidates = self.manifests.with(self.shadow.clone());
            let candidates = valid(&candidates, &options)?;
            set(&mut configuration, "shadowResources", wanted.resources(&candidates)?.into());
        }
        if self.stats {
            return self.stats(Some(&configuration));
        }
        shape.warn(&wanted, &manifests);
        let printed = self.form(&wanted, &manifests, configuration, &options)?;
        Ok(Output { text: Text::json_pretty(&printed), code: 0 })
    }

    /// Fails for a form that the proxy has no place for.
    fn check_form(&self, wanted: &Wanted<'_>) -> Result<(), Failure> {
        let is_waypoint = wanted.workload.is_some_and(|w| matches!(w.role, MeshRole::Waypoint(_)));
        let refused = match self.format {
            _ if wanted.service.is_some() && !is_waypoint => (
                "`--service` needs a waypoint as --workload",
                "policies of other proxies do not depend on the service",
            ),
            _ if is_waypoint && wanted.outbound => {
                ("a waypoint has no outbound listeners", "bundle egress policies for the client's own proxy")
            }
            Form::IstioEnvoyFilter if wanted.service.is_some() => (
                "an EnvoyFilter attaches to every service of a waypoint",
                "use --format istio-wasm-plugin, which attaches to one service",
            ),
            Form::IstioWasmPlugin if self.from_node && wanted.outbound => (
                "a WasmPlugin for outbound traffic of every proxy also attaches to the listeners of gateways",
                "use --format istio-envoy-filter, or bundle each workload",
            ),
            Form::EnvoyGateway if self.tcp => (
                "Envoy Gateway runs wasm extensions on requests only",
                "leave out --tcp, or use another form",
            ),
            Form::EnvoyGateway if wanted.outbound => {
                ("Envoy Gateway has no outbound listeners", "leave out --direction, or use another form")
            }
            Form::EnvoyGateway if self.from_node => (
                "a proxy of Envoy Gateway has no node metadata of Istio to read its workload from",
                "bundle each gateway with --workload",
            ),
            _ => return Ok(()),
        };
        Err(Failure::argument(refused.0, refused.1))
    }

    fn form(
        &self,
        wanted: &Wanted<'_>,
        manifests: &Manifests,
        configuration: Value,
        options: &Options,
    ) -> Result<Value, Failure> {
        let Wanted { workload, service, outbound, .. } = *wanted;
        let subject = forms::Subject { workload, tcp: self.tcp, outbound };
        let module = Module(self.module.as_deref());
        Ok(match self.format {
            Form::Json => configuration,
            Form::EnvoyListener => subject.listener(&module.file()?, self.port, &configuration),
            Form::EnvoyGateway => {
                let code = module.code()?;
                let workload =
                    workload.ok_or_else(|| Failure::argument("missing `--workload`", "name the gateway"))?;
                forms::Subject::extension_policy(workload, code, configuration)
            }
            Form::IstioWasmPlugin | Form::IstioEnvoyFilter => {
                let cluster = &manifests.cluster;
                let attachments = match workload {
                    Some(workload) => {
                        Attachments::of_workload(cluster, workload, service, outbound, options)?
                    }
                    None => Attachments::of_mesh(cluster, outbound),
                };
                let shape = Shape { form: self.format, tcp: self.tcp };
                let has_tokens = !cluster.resources().request_authentications.is_empty();
                let (custom, others) = match split_custom(&configuration) {
                    (Some(custom), others) if shape.splits_custom() && !outbound && has_tokens => {
                        (Some(custom), others)
                    }
                    _ => (None, Some(configuration)),
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
                    Form::IstioWasmPlugin => extension.wasm_plugin(&module.url()?),
                    _ => extension.envoy_filter(&module.absolute_file()?),
                }
            }
        })
    }

    #[cfg(feature = "stats")]
    fn stats(&self, own: Option<&Value>) -> Result<Output, Failure> {
        let module = self.module.as_deref().unwrap_or("target/wasm/palisade_filter.wasm");
        stats::run(std::path::Path::new(module), &self.manifests.access(), own)
    }

    /// A WebAssembly runtime takes longer to build than everything else, and only this needs one.
    #[cfg(not(feature = "stats"))]
    #[expect(clippy::unused_self, reason = "the other build reads an argument")]
    fn stats(&self, _: Option<&Value>) -> Result<Output, Failure> {
        Err(Failure::argument(
            "this `palisade` was built without the WebAssembly runtime that `--stats` runs the module in"
                .to_owned(),
            "build one that has it: cargo run --release --features stats -- bundle --stats",
        ))
    }
}

/// Sets a field of an object.
fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}
