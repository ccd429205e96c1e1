//! `palisade bundle`.

mod configuration;
mod forms;
#[cfg(feature = "stats")]
mod stats;

use super::input::{ManifestArgs, OptionArgs, valid, workload};
use crate::{Output, failure::Failure, show::text::Text};
use clap::{Args, ValueEnum};
use configuration::Wanted;
use serde_json::Value;
use std::path::PathBuf;

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
    /// Where the module is: a file for Envoy, an image for Istio and Envoy Gateway.
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
        let wanted = Wanted {
            workload,
            outbound: self.direction == Direction::Outbound,
            shadow_mode: self.mode == Mode::Shadow,
            strict: options.profile == palisade::Profile::Strict,
            provider: self.provider.as_deref(),
        };
        let mut configuration = wanted.configuration(&manifests)?;
        if !self.shadow.is_empty() {
            let candidates = self.manifests.with(self.shadow.clone());
            let candidates = valid(&candidates, &options)?;
            set(&mut configuration, "shadowResources", wanted.resources(&candidates)?.into());
        }
        if self.stats {
            return self.stats(Some(&configuration));
        }
        let subject = forms::Subject { workload, tcp: self.tcp, outbound: wanted.outbound };
        let module = self.module.as_deref();
        let printed = match self.format {
            Form::Json => configuration,
            Form::IstioWasmPlugin => subject.wasm_plugin(module, configuration),
            Form::IstioEnvoyFilter => subject.envoy_filter(module, &configuration),
            Form::EnvoyListener => subject.listener(module, self.port, &configuration),
            Form::EnvoyGateway => subject.extension_policy(module, configuration),
        };
        Ok(Output { text: Text::json_pretty(&printed), code: 0 })
    }

    #[cfg(feature = "stats")]
    fn stats(&self, own: Option<&Value>) -> Result<Output, Failure> {
        let module = self.module.as_deref().unwrap_or("target/wasm/palisade_filter.wasm");
        stats::run(std::path::Path::new(module), own)
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
