//! From a configuration to compiled policies: the only file that knows how the engine is fed.

use crate::{
    config::{Config, Direction, Mesh, PathNormalization},
    host::Host,
    policies::{Compiled, Policies},
};
use core::fmt;
use palisade::{
    Attributes, Cluster, Decision, Diagnostic, Options, Origin, PolicySet, Severity, Workload, lint,
    resource::{Resources, istio},
};
use proxy_wasm::types::LogLevel;
use serde_json::Value;

/// How many mistakes a refusal names; the rest are counted.
const MISTAKES_SHOWN: usize = 5;

/// Compiles the configuration for its workload. Findings that refuse nothing are logged.
///
/// # Errors
/// What is wrong, where, and what to do about it.
pub fn compile<H: Host>(config: &Config, host: &H) -> Result<Compiled, String> {
    if config.direction == Direction::Outbound {
        return Err(
            "`direction` is `outbound`, where Istio's policies do not act and Cilium's are not enforced \
                    by this module; attach it to inbound listeners or gateways"
                .to_owned(),
        );
    }
    let workload = config.workload(host)?;
    let build = |name: &str, list: &[Value]| {
        policy_set(list, &config.mesh, &workload, &mut |finding| {
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

fn policy_set(
    list: &[Value],
    mesh: &Mesh,
    workload: &Workload,
    warn: &mut dyn FnMut(&dyn fmt::Display),
) -> Result<Box<dyn Policies>, Vec<Diagnostic>> {
    let mut resources = Resources::default();
    let mut findings = Vec::new();
    for (document, value) in (0u32..).zip(list) {
        let origin = Origin { document, ..Origin::default() };
        findings.extend(resources.add(value.clone(), origin).err());
    }
    if let Some(kinds) = not_enforced(&resources) {
        warn(&format_args!("not enforced by this filter: {kinds}; enforce them where they act"));
    }
    set_mesh(&mut resources.mesh, mesh);
    let options = Options::default();
    let (cluster, more) = Cluster::new(resources);
    findings.extend(more);
    findings.extend(lint::check(&cluster, &options));
    let (mistakes, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    warnings.iter().for_each(|finding| warn(finding));
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Box::new(PolicySet::compile(&cluster, workload, &options)))
}

/// The kinds of policy that other parts of a cluster enforce, and how many of each are here.
fn not_enforced(resources: &Resources) -> Option<String> {
    let kinds = [
        ("PeerAuthentication", resources.peer_authentications.len()),
        ("RequestAuthentication", resources.request_authentications.len()),
        ("NetworkPolicy", resources.network_policies.len()),
        ("CiliumNetworkPolicy", resources.cilium_network_policies.len()),
        ("CiliumClusterwideNetworkPolicy", resources.cilium_clusterwide_network_policies.len()),
    ];
    let found: Vec<_> =
        kinds.iter().filter(|(_, n)| *n > 0).map(|(kind, n)| format!("{kind} ({n})")).collect();
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
    fn http(&self, request: &dyn Attributes) -> Decision {
        self.decide(request)
    }

    fn tcp(&self, connection: &dyn Attributes) -> Decision {
        self.decide_connection(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attributes::StreamAttributes, fake::Fake};
    use palisade::Verdict;

    fn config(text: &str) -> Config {
        Config::parse(text.as_bytes()).unwrap()
    }

    const GET_ONLY: &str = r#"{
        "workload": {"namespace": "foo"},
        "resources": [{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": "get", "namespace": "foo"},
            "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}}]}"#;

    #[test]
    fn policies_decide_what_the_proxy_shows() {
        let compiled = compile(&config(GET_ONLY), &Fake::default()).unwrap();
        let ask = |method: &[u8]| {
            let host = Fake::default().header(b":method", method);
            compiled.enforced.http(&StreamAttributes::new(&host)).verdict
        };

        assert_eq!(ask(b"GET"), Verdict::Allow);
        assert_eq!(ask(b"POST"), Verdict::Deny);
        assert!(compiled.shadow.is_none());
    }

    #[test]
    fn a_mistake_names_its_place_and_a_remedy() {
        let broken = GET_ONLY.replace("methods", "method");

        let reason = compile(&config(&broken), &Fake::default()).map(|_| ()).unwrap_err();

        assert!(reason.starts_with("resources[0]: error: unknown field `method`"), "{reason}");
        assert!(reason.contains("AuthorizationPolicy foo/get") && reason.contains("help: "), "{reason}");
    }

    #[test]
    fn what_is_not_enforced_is_refused() {
        let reason = compile(
            &config(r#"{"workload": {"namespace": "a"}, "direction": "outbound"}"#),
            &Fake::default(),
        )
        .map(|_| ())
        .unwrap_err();

        assert!(reason.contains("`outbound`"), "{reason}");
    }

    #[test]
    fn kinds_that_others_enforce_are_named_once() {
        let beside = GET_ONLY.replacen(
            r#""resources": ["#,
            r#""resources": [{"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
                "metadata": {"name": "strict", "namespace": "foo"}, "spec": {"mtls": {"mode": "STRICT"}}},"#,
            1,
        );
        let warned = |configuration: &str| {
            let host = Fake::default();
            compile(&config(configuration), &host).unwrap();
            let logged = host.logged.take().into_iter().map(|(_, message)| message);
            logged.filter(|message| message.contains("not enforced")).collect::<Vec<_>>()
        };

        assert!(warned(GET_ONLY).is_empty());
        let said = warned(&beside);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("resources: not enforced by this filter: PeerAuthentication (1)"),
            "{said:?}"
        );
    }

    #[test]
    fn the_mesh_comes_from_the_configuration() {
        let in_root = GET_ONLY
            .replacen('{', r#"{"mesh": {"rootNamespace": "meshwide"},"#, 1)
            .replace(r#""name": "get", "namespace": "foo""#, r#""name": "get", "namespace": "meshwide""#);
        let compiled = compile(&config(&in_root), &Fake::default()).unwrap();
        let host = Fake::default().header(b":method", b"POST");

        assert_eq!(compiled.enforced.http(&StreamAttributes::new(&host)).verdict, Verdict::Deny);
    }
}
