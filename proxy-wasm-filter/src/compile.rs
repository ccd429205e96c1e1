//! The compilation of a configuration's policies with the engine.

use crate::{
    egress::Egress,
    host::Host,
    plan::Plan,
    policies::{Compiled, Policies, StreamKind},
    types::LogLevel,
    workload,
};
use core::fmt;
use palisade::{
    Attributes, Cluster, Decision, Diagnostic, IdentitySource, Options, Origin, PolicySet, Read, RuleId,
    RuleTrace, Severity, Workload, enforcement, lint, nearest_miss, resource::Resources,
};
use palisade_plugin_config::{Config, ConfigError, Service, TrafficDirection};
use serde_json::Value;
use std::sync::Arc;

/// The maximum number of errors in the text of a refusal.
const ERRORS_SHOWN: usize = 5;

/// Compiles the policies of the configuration for its workload, and logs warnings.
///
/// # Errors
///
/// The workload is unknown, or the engine finds an error in a resource. The error has the position and a remedy.
pub fn compile<H: Host>(config: &Config, host: &H) -> Result<Compiled, ConfigError> {
    let workload = workload::resolve(config, host)?;
    let build = |name: &str, list: &[Value]| {
        policies(list, config, &workload, &mut |finding| {
            host.log(LogLevel::Warn, &format!("palisade: {name}: {finding}"));
        })
        .map_err(|errors| describe(name, &errors))
    };
    let enforced = build("resources", &config.resources)?;
    let shadow = match config.shadow_resources.as_slice() {
        [] => None,
        list => Some(build("shadowResources", list)?),
    };
    Ok(Compiled { enforced, shadow })
}

/// Compiles the resources of one list.
fn policies(
    list: &[Value],
    config: &Config,
    workload: &Workload,
    warn: &mut dyn FnMut(&dyn fmt::Display),
) -> Result<Box<dyn Policies>, Vec<Diagnostic>> {
    let mut resources = Resources::default();
    let mut findings = Vec::new();
    for (document, value) in (0u32..).zip(list) {
        let origin = Origin { document, ..Origin::default() };
        findings.extend(resources.add(value.clone(), origin).err());
    }
    if let Some(kinds) = kinds_not_enforced(&resources, config.direction) {
        warn(&format_args!(
            "not enforced by this filter: {kinds}; other components of the cluster enforce them"
        ));
    }
    config.mesh.apply_to(&mut resources.mesh);
    let mut options = Options::default();
    options.profile = config.profile;
    // A configuration with several providers requires an answer of each.
    options.istio.multiple_custom_providers = config.providers.len() > 1;
    // Envoy provides the first name of each kind in a certificate; the filter state of a waypoint has all names.
    options.envoy.peer_names_complete = workload.role.identity_source() == IdentitySource::FilterState;
    options.envoy.known_providers = configured_providers(&resources, config);
    let (cluster, more) = Cluster::new(resources);
    findings.extend(more);
    findings.extend(lint::check(&cluster, &options));
    findings.extend(inexact(&cluster, config, workload, &options));
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    warnings.iter().for_each(|finding| warn(finding));
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(match config.direction {
        TrafficDirection::Inbound => {
            let service = config.service.as_ref().map(Service::called);
            Box::new(PolicySet::for_service(&cluster, workload, service, &options))
        }
        TrafficDirection::Outbound => Box::new(Egress::compile(&cluster, workload, &options)),
    })
}

/// Returns an error for each policy that the filter cannot enforce exactly, or a warning if the configuration accepts it.
fn inexact(
    cluster: &Cluster,
    config: &Config,
    workload: &Workload,
    options: &Options,
) -> impl Iterator<Item = Diagnostic> {
    let service = config.service.as_ref().map(Service::called);
    let found = match config.direction {
        TrafficDirection::Outbound => enforcement::check_egress(cluster, workload, options),
        TrafficDirection::Inbound => {
            let mut found = enforcement::check_proxy(cluster, workload, service, options);
            found.extend(enforcement::check_custom(cluster, workload, service, options));
            found
        }
    };
    found.into_iter().map(|inexact| {
        let name = inexact.policy.to_string();
        let mut finding = inexact.finding;
        if config.accept_inexact.contains(&name) {
            finding.severity = Severity::Warning;
        } else {
            finding.help = Some(format!(
                "{}; or accept it: \"acceptInexact\": [\"{name}\"]",
                finding.help.unwrap_or_default()
            ));
        }
        finding
    })
}

/// Returns the kinds of policies that other components of a cluster enforce, each with the number of objects.
fn kinds_not_enforced(resources: &Resources, direction: TrafficDirection) -> Option<String> {
    let mesh = [("AuthorizationPolicy", resources.authorization_policies.len())];
    let network = [
        ("NetworkPolicy", resources.network_policies.len()),
        ("CiliumNetworkPolicy", resources.cilium_network_policies.len()),
        ("CiliumClusterwideNetworkPolicy", resources.cilium_clusterwide_network_policies.len()),
    ];
    let others = [
        ("PeerAuthentication", resources.peer_authentications.len()),
        ("RequestAuthentication", resources.request_authentications.len()),
    ];
    let by_direction: &[_] = match direction {
        TrafficDirection::Inbound => &network,
        TrafficDirection::Outbound => &mesh,
    };
    let kinds = others.iter().chain(by_direction);
    let found: Vec<_> = kinds.filter(|(_, n)| *n > 0).map(|(kind, n)| format!("{kind} ({n})")).collect();
    Some(found.join(", ")).filter(|found| !found.is_empty())
}

/// Returns the names of providers in `resources` that the configuration defines.
fn configured_providers(resources: &Resources, config: &Config) -> Vec<String> {
    let policies = resources.authorization_policies.iter();
    let named = policies.filter_map(|policy| policy.spec.provider.as_ref()?.name.as_ref());
    named.filter(|name| config.has_provider(name)).cloned().collect()
}

/// Joins errors to the text of a refusal.
fn describe(name: &str, errors: &[Diagnostic]) -> ConfigError {
    let shown: Vec<_> = errors
        .iter()
        .take(ERRORS_SHOWN)
        .map(|error| format!("{name}[{}]: {error}", error.origin.document))
        .collect();
    let rest = errors.len().saturating_sub(ERRORS_SHOWN);
    let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    ConfigError::new(format!("{}{more}", shown.join("; ")))
}

impl Policies for PolicySet {
    fn request(&self, request: &dyn Attributes) -> Decision {
        self.http().decide(request)
    }

    fn connection(&self, connection: &dyn Attributes) -> Decision {
        self.tcp().decide(connection)
    }

    fn after_providers(&self, request: &dyn Attributes) -> Decision {
        self.http().decide_after_custom(request)
    }

    fn providers(&self, request: &dyn Attributes) -> Read<Vec<(Arc<str>, RuleId)>> {
        Ok(self.http().providers(request)?.into_iter().collect())
    }

    fn nearest_miss(&self, kind: StreamKind, stream: &dyn Attributes) -> Option<RuleTrace> {
        let traces = match kind {
            StreamKind::Http => self.http().explain(stream),
            StreamKind::Tcp => self.tcp().explain(stream),
        };
        nearest_miss(&traces).cloned()
    }

    fn plan(&self, kind: StreamKind) -> Plan {
        match kind {
            StreamKind::Http => Plan::new(self.http().attributes()),
            StreamKind::Tcp => Plan::new(self.tcp().attributes()),
        }
        .with_identity(self.identity_source())
    }
}

#[cfg(test)]
mod tests;
