//! Warnings of the profile strict about AuthorizationPolicies that are valid but less effective than they appear.

use super::Findings;
use crate::{
    cluster::Cluster,
    lower::istio::{path::is_template, property::HEADERS},
    resource::{
        Object,
        istio::{Action, AuthorizationPolicySpec, Condition, Operation, PathNormalization, Source},
    },
};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

type Policy = Object<AuthorizationPolicySpec>;

struct Trap<'a> {
    policy: &'a Policy,
    findings: &'a mut Findings,
}

impl Trap<'_> {
    fn warn(&mut self, code: &'static str, path: String, message: &str, help: &str) {
        self.findings.warning(self.policy, code, path, message, help);
    }
}

/// Adds the warnings about every AuthorizationPolicy of `cluster`.
pub(super) fn check(cluster: &Cluster, findings: &mut Findings) {
    let normalization = cluster.resources().mesh.path_normalization;
    let listening: BTreeSet<u16> = cluster.workloads().flat_map(|w| &w.ports).map(|p| p.port).collect();
    for policy in &cluster.resources().authorization_policies {
        let action = policy.spec.action.unwrap_or_default();
        for (i, rule) in policy.spec.rules.iter().flatten().enumerate() {
            let Some(rule) = rule else { continue };
            let path = format!("spec.rules[{i}]");
            let trap = &mut Trap { policy, findings };
            for (j, from) in rule.from.iter().flatten().enumerate() {
                if let Some(s) = from.as_ref().and_then(|f| f.source.as_ref()) {
                    source(trap, action, &format!("{path}.from[{j}].source"), s);
                }
            }
            for (j, to) in rule.to.iter().flatten().enumerate() {
                if let Some(o) = to.as_ref().and_then(|t| t.operation.as_ref()) {
                    operation(trap, action, normalization, &format!("{path}.to[{j}].operation"), o);
                    ports(trap, &listening, &format!("{path}.to[{j}].operation"), o);
                }
            }
            for (j, when) in rule.when.iter().flatten().enumerate() {
                if let Some(c) = when {
                    condition(trap, action, &format!("{path}.when[{j}]"), c);
                }
            }
        }
    }
}

fn given(list: &Option<Vec<String>>) -> bool {
    list.as_ref().is_some_and(|l| !l.is_empty())
}

fn empty(list: &Option<Vec<String>>) -> bool {
    list.as_ref().is_some_and(Vec::is_empty)
}

fn source(trap: &mut Trap<'_>, action: Action, path: &str, s: &Source) {
    let lists = [
        ("principals", &s.principals),
        ("requestPrincipals", &s.request_principals),
        ("namespaces", &s.namespaces),
        ("serviceAccounts", &s.service_accounts),
        ("ipBlocks", &s.ip_blocks),
        ("remoteIpBlocks", &s.remote_ip_blocks),
    ];
    empty_lists(trap, path, &lists);
    let nots = [
        ("notPrincipals", &s.not_principals),
        ("notNamespaces", &s.not_namespaces),
        ("notServiceAccounts", &s.not_service_accounts),
    ];
    for (name, list) in nots {
        if action == Action::Allow && given(list) {
            let message = "a plaintext peer has no identity, so the rule allows it";
            let help = "list the allowed identities, or require STRICT mutual TLS";
            trap.warn("not-identity-admits-plaintext", format!("{path}.{name}"), message, help);
        }
    }
    for (i, value) in s.principals.iter().flatten().enumerate() {
        if value.len() > 1 && value.strip_suffix('*').is_some_and(|p| !p.ends_with('/')) {
            let message = "the prefix ends inside a name, so it also matches longer names";
            let help = "end the prefix with a slash";
            trap.warn("prefix-inside-name", format!("{path}.principals[{i}]"), message, help);
        }
    }
    if given(&s.remote_ip_blocks) || given(&s.not_remote_ip_blocks) {
        let message = "a sidecar takes the client's address from X-Forwarded-For, which any caller can write";
        let help = "use it behind a gateway that overwrites the header, or use ipBlocks";
        trap.warn("forgeable-address", format!("{path}.remoteIpBlocks"), message, help);
    }
    let blocks = [&s.ip_blocks, &s.not_ip_blocks, &s.remote_ip_blocks, &s.not_remote_ip_blocks];
    for list in blocks.into_iter().flatten() {
        let has = |all: &str| list.iter().any(|v| v == all);
        if has("0.0.0.0/0") != has("::/0") {
            let message = "0.0.0.0/0 contains only IPv4 addresses, ::/0 only IPv6 addresses";
            trap.warn("one-family", path.into(), message, "list both to match every address");
        }
    }
}

fn empty_lists(trap: &mut Trap<'_>, path: &str, lists: &[(&str, &Option<Vec<String>>)]) {
    for (name, _) in lists.iter().filter(|(_, list)| empty(list)) {
        let message = "an empty list is equal to an absent field and restricts nothing";
        let finding = crate::Diagnostic::error("empty-list", message);
        trap.findings.add(
            trap.policy,
            finding.at(format!("{path}.{name}")).help("remove the field to match any value, or list values"),
        );
    }
}

fn operation(
    trap: &mut Trap<'_>,
    action: Action,
    normalization: PathNormalization,
    path: &str,
    o: &Operation,
) {
    let lists = [("hosts", &o.hosts), ("ports", &o.ports), ("methods", &o.methods), ("paths", &o.paths)];
    empty_lists(trap, path, &lists);
    let lists = match action {
        Action::Allow => [("notPaths", &o.not_paths), ("notMethods", &o.not_methods)],
        _ => [("paths", &o.paths), ("methods", &o.methods)],
    };
    let [(paths_name, paths), (methods_name, methods)] = lists;
    if given(paths) && matches!(normalization, PathNormalization::None | PathNormalization::Base) {
        let message = "the mesh does not merge slashes, so `//` or escapes bypass this path";
        let help = "set pathNormalization to MERGE_SLASHES or stricter, or allow only the permitted paths";
        trap.warn("unmerged-slashes", format!("{path}.{paths_name}"), message, help);
    }
    for (i, value) in paths.iter().flatten().enumerate() {
        if !value.contains('*') && !is_template(value) {
            let message =
                "only this exact path matches: not with a trailing slash, `;parameters` or an escaped `?`";
            let help = "add the path with `/*`, or list the permitted paths in an ALLOW rule";
            trap.warn("exact-path-guard", format!("{path}.{paths_name}[{i}]"), message, help);
        }
    }
    if given(methods) {
        let message = "over HTTP/2 a client can send any method name, and case is significant";
        let help = "list the permitted methods in an ALLOW rule";
        trap.warn("method-guard", format!("{path}.{methods_name}"), message, help);
    }
}

/// Warns about ports on which no workload listens. `ports` of a policy are ports of pods, not of Services. `listening`
/// contains the ports of all pods.
fn ports(trap: &mut Trap<'_>, listening: &BTreeSet<u16>, path: &str, o: &Operation) {
    for (i, value) in o.ports.iter().flatten().enumerate() {
        let Ok(port) = value.parse::<u16>() else { continue };
        if !listening.is_empty() && !listening.contains(&port) {
            let message = format!("no workload listens on port {port}");
            let help = "use the port the pod listens on, not the Service's";
            trap.warn("service-port", format!("{path}.ports[{i}]"), &message, help);
        }
    }
}

fn condition(trap: &mut Trap<'_>, action: Action, path: &str, c: &Condition) {
    let at = format!("{path}.key");
    if let Some(name) = c.key.strip_prefix(HEADERS) {
        if name.eq_ignore_ascii_case("[cookie]") {
            let message = "HTTP/2 joins cookies into one value, HTTP/1 does not";
            trap.warn(
                "cookie",
                at,
                message,
                "do not use cookies in policies, or match any part of the value",
            );
        } else {
            let message = "a client may repeat the header, and a comma inside one line is one value";
            let help = "let a gateway set the header, or use a claim of a validated token";
            trap.warn("client-header", at, message, help);
        }
    } else if c.key.starts_with("request.auth.claims") && action == Action::Deny {
        let message = "a claim of another type than string or list of strings never matches";
        trap.warn("untyped-claim", at, message, "list the permitted values in an ALLOW rule");
    } else if c.key == "connection.sni" {
        let message = "the server name of a connection does not restrict the Host of its requests";
        trap.warn("sni-is-not-host", at, message, "also restrict `hosts`");
    } else if c.key == "remote.ip" {
        let message = "a sidecar takes the client's address from X-Forwarded-For, which any caller can write";
        let help = "use it behind a gateway that overwrites the header, or use source.ip";
        trap.warn("forgeable-address", at, message, help);
    }
}
