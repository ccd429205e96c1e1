//! From a configuration to compiled policies: the only file that knows how the engine is fed.

use crate::{
    config::{Config, Direction, Mesh, PathNormalization},
    egress::Egress,
    host::Host,
    plan::Plan,
    policies::{Compiled, Policies, StreamKind},
    types::LogLevel,
};
use core::fmt;
use palisade::{
    Attributes, Cluster, Decision, Diagnostic, IdentitySource, Options, Origin, PolicySet, Read, RuleId,
    RuleTrace, Severity, Workload, enforcement, lint, nearest_miss,
    resource::{Resources, istio},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// How many mistakes a refusal names; the rest are counted.
const MISTAKES_SHOWN: usize = 5;

/// Compiles the configuration for its workload. Findings that refuse nothing are logged.
///
/// # Errors
/// What is wrong, where, and what to do about it.
pub fn compile<H: Host>(config: &Config, host: &H) -> Result<Compiled, String> {
    let workload = config.workload(host)?;
    let build = |name: &str, list: &[Value]| {
        policies(list, config, &workload, &mut |finding| {
            host.log(LogLevel::Warn, &format!("palisade: {name}: {finding}"));
        })
        .map_err(|mistakes| describe(name, &mistakes))
    };
    let enforced = build("resources", &config.resources)?;
    let shadow = match config.shadow_resources.as_slice() {
        [] => None,
        list => Some(build("shadowResources", list)?),
    };
    Ok(Compiled { enforced, shadow })
}

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
    if let Some(kinds) = not_enforced(&resources, config.direction) {
        warn(&format_args!("not enforced by this filter: {kinds}; enforce them where they act"));
    }
    set_mesh(&mut resources.mesh, &config.mesh);
    set_providers(&mut resources, config);
    let mut options = Options::default();
    options.profile = config.profile;
    // Who names several means that all of them are asked.
    options.istio.multiple_custom_providers = config.providers.len() > 1;
    // Envoy shows a filter the first name of each kind in a certificate; the filter state of a waypoint has all.
    options.envoy.peer_names_complete = workload.role.identity_source() == IdentitySource::FilterState;
    let (cluster, more) = Cluster::new(resources);
    findings.extend(more);
    findings.extend(lint::check(&cluster, &options));
    findings.extend(not_exact(&cluster, config, workload, &options));
    let (mistakes, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    warnings.iter().for_each(|finding| warn(finding));
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(match config.direction {
        Direction::Inbound => {
            Box::new(PolicySet::for_service(&cluster, workload, config.called_service(), &options))
        }
        Direction::Outbound => Box::new(Egress::compile(&cluster, workload, &options)),
    })
}

/// Errors for the policies that the filter cannot enforce exactly; warnings for those that the configuration accepts.
fn not_exact(
    cluster: &Cluster,
    config: &Config,
    workload: &Workload,
    options: &Options,
) -> impl Iterator<Item = Diagnostic> {
    let service = config.called_service();
    let found = match config.direction {
        Direction::Outbound => enforcement::check_egress(cluster, workload, options),
        Direction::Inbound => {
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

/// The kinds of policy that other parts of a cluster enforce, and how many of each are here.
fn not_enforced(resources: &Resources, direction: Direction) -> Option<String> {
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
        Direction::Inbound => &network,
        Direction::Outbound => &mesh,
    };
    let kinds = others.iter().chain(by_direction);
    let found: Vec<_> = kinds.filter(|(_, n)| *n > 0).map(|(kind, n)| format!("{kind} ({n})")).collect();
    Some(found.join(", ")).filter(|found| !found.is_empty())
}

/// What the configuration says of the mesh goes before what a ConfigMap among the resources says.
fn set_mesh(mesh: &mut istio::MeshConfig, told: &Mesh) {
    if let Some(namespace) = &told.root_namespace {
        mesh.root_namespace.clone_from(namespace);
    }
    if let Some(domain) = &told.trust_domain {
        mesh.trust_domain.clone_from(domain);
    }
    if !told.trust_domain_aliases.is_empty() {
        mesh.trust_domain_aliases.clone_from(&told.trust_domain_aliases);
    }
    if let Some(normalization) = told.path_normalization {
        mesh.path_normalization = match normalization {
            PathNormalization::None => istio::PathNormalization::None,
            PathNormalization::Base => istio::PathNormalization::Base,
            PathNormalization::MergeSlashes => istio::PathNormalization::MergeSlashes,
            PathNormalization::DecodeAndMergeSlashes => istio::PathNormalization::DecodeAndMergeSlashes,
        };
    }
}

/// A provider that only the configuration knows is one that policies may name.
fn set_providers(resources: &mut Resources, config: &Config) {
    let policies = &resources.authorization_policies;
    let named = policies.iter().filter_map(|policy| policy.spec.provider.as_ref()?.name.as_ref());
    let asked = named.filter(|name| config.provider.is_some() || config.providers.contains_key(*name));
    for name in asked.cloned().collect::<BTreeSet<_>>() {
        let known = &mut resources.mesh.extension_providers;
        if !known.iter().any(|provider| provider.name == name) {
            let service = json!({"service": "configured.at.the.filter", "port": 80});
            known.push(istio::Provider { name, envoy_ext_authz_http: Some(service), ..Default::default() });
        }
    }
}

fn describe(name: &str, mistakes: &[Diagnostic]) -> String {
    let shown: Vec<_> = mistakes
        .iter()
        .take(MISTAKES_SHOWN)
        .map(|mistake| format!("{name}[{}]: {mistake}", mistake.origin.document))
        .collect();
    let rest = mistakes.len().saturating_sub(MISTAKES_SHOWN);
    let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join("; "))
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
