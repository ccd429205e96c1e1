//! `palisade export`.

use super::{
    accept::AcceptArgs,
    input::{ManifestArgs, OptionArgs, service, valid, workload},
};
use crate::{failure::Failure, output::Output, show::text::Text};
use clap::{Args, Subcommand};
use palisade::{
    MeshRole, Profile, enforcement,
    export::{Chain, envoy_rbac_for_service},
};
use serde_json::Value;

/// Print policies in the format of another tool.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Format {
    EnvoyRbac(EnvoyRbac),
}

/// Print the Envoy filters that istiod generates for a workload's AuthorizationPolicies, as JSON.
///
/// The output is a list of filters in the order in which Envoy runs them: CUSTOM (with the filter that calls the
/// provider), AUDIT, DENY, ALLOW. Dry-run policies are shadow rules. The list is empty if no policy applies.
#[derive(Debug, Args)]
struct EnvoyRbac {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// The workload: `NAMESPACE/NAME` of a Pod or of a controller among the manifests.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    workload: String,
    /// The Service or ServiceEntry whose filter chain is printed, if the workload is a waypoint.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    service: Option<String>,
    /// The network filters of a TCP port instead of the HTTP filters.
    #[arg(long)]
    tcp: bool,
    #[command(flatten)]
    accept: AcceptArgs,
    #[command(flatten)]
    options: OptionArgs,
}

impl Export {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        match &self.format {
            Format::EnvoyRbac(export) => export.run(),
        }
    }
}

impl EnvoyRbac {
    fn run(&self) -> Result<Output, Failure> {
        let options = self.options.options()?;
        let manifests = valid(&self.manifests, &options)?;
        let cluster = &manifests.cluster;
        let workload = workload(cluster, &self.workload)?;
        let service = self.service.as_deref().map(|name| service(cluster, name)).transpose()?;
        if service.is_some() && !matches!(workload.role, MeshRole::Waypoint(_)) {
            return Err(Failure::argument(
                "`--service` needs a waypoint as --workload",
                "policies of other proxies do not depend on the service",
            ));
        }
        if options.profile == Profile::Strict {
            return Err(Failure::argument(
                "the profile `strict` cannot be exported: Envoy's RBAC filter has no matchers for it",
                "leave out --profile, or use `palisade bundle`",
            ));
        }
        let inexact = enforcement::check_proxy(cluster, workload, service, &options);
        self.accept.check(inexact, &manifests)?;
        let chain = if self.tcp { Chain::Tcp } else { Chain::Http };
        let filters = Value::from(envoy_rbac_for_service(cluster, workload, service, chain, &options));
        Ok(Output { text: Text::json_pretty(&filters), code: 0 })
    }
}
