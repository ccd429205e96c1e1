//! Extension providers that istiod rejects, and CUSTOM policies that name a missing or rejected provider.

use super::Findings;
use crate::{
    cluster::Cluster,
    diagnostic::Diagnostic,
    lower::istio::{DRY_RUN, go_bool, provider::Providers},
    options::Options,
    resource::istio::Action,
};
use alloc::format;

/// Checks the providers of the mesh, and the policies that name them.
pub(super) fn check(cluster: &Cluster, options: &Options, findings: &mut Findings) {
    let resources = cluster.resources();
    let providers =
        Providers::with_known(&resources.mesh.extension_providers, &options.envoy.known_providers);
    for (name, reason) in providers.refused() {
        let message = format!("invalid extension provider `{name}`: {reason}");
        let help = "correct the provider: istiod denies every request that a CUSTOM policy with this provider matches";
        let finding = Diagnostic::warning("invalid-extension-provider", message);
        let origin = resources.mesh_origin.clone().unwrap_or_default();
        let finding = finding.at("data.mesh.extensionProviders").help(help);
        let title = format!("ConfigMap {}/istio", resources.mesh.root_namespace);
        findings.push(finding.of(title, &origin));
    }
    // Without a mesh configuration among the manifests, the providers are unknown.
    let is_mesh_known = resources.mesh_origin.is_some();
    for policy in &resources.authorization_policies {
        if policy.spec.action != Some(Action::Custom) {
            continue;
        }
        let dry_run = policy.metadata.annotations.get(DRY_RUN).and_then(|value| go_bool(value));
        let name = policy.spec.provider.as_ref().and_then(|provider| provider.name.as_deref());
        let name = name.unwrap_or_default();
        match providers.get(name) {
            Ok(_) if dry_run == Some(true) => {
                let message = "istiod enforces a CUSTOM policy in dry run as a DENY policy";
                let help = "remove the annotation, or the policy";
                let path = format!("metadata.annotations.{DRY_RUN}");
                findings.warning(policy, "dry-run-custom", path, message, help);
            }
            Err(reason) if is_mesh_known && dry_run != Some(true) && !name.is_empty() => {
                let message = format!(
                    "extension provider `{name}`: {reason}; istiod denies every request that the policy matches"
                );
                let help = "define the provider in the mesh configuration, under extensionProviders";
                findings.warning(policy, "unusable-provider", "spec.provider.name", message, help);
            }
            _ => {}
        }
    }
}
