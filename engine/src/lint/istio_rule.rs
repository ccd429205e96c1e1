//! What istiod's webhook refuses in one rule of an AuthorizationPolicy.

use super::{Findings, istio::MAX_RULES};
use crate::{
    lower::istio::{
        condition::{CLAIMS, HEADERS, METADATA},
        field::{cidr, port},
        path::template_error,
    },
    resource::{
        Object,
        istio::{Action, AuthorizationPolicySpec, Condition, Operation, Rule, Source},
    },
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

type Policy = Object<AuthorizationPolicySpec>;
type Check = fn(&str) -> Option<String>;

/// Checks `rule`, which stands at `path`.
pub(super) fn check(policy: &Policy, action: Action, path: &str, rule: &Rule, findings: &mut Findings) {
    if rule.from.as_ref().is_some_and(Vec::is_empty) {
        findings.error(
            policy,
            format!("{path}.from"),
            "an empty list",
            "remove the field to mean any source",
        );
    }
    if rule.to.as_ref().is_some_and(Vec::is_empty) {
        findings.error(
            policy,
            format!("{path}.to"),
            "an empty list",
            "remove the field to mean any operation",
        );
    }
    let lists = [("from", rule.from.as_ref().map(Vec::len)), ("to", rule.to.as_ref().map(Vec::len))];
    for (name, length) in lists {
        if length.is_some_and(|length| length > MAX_RULES) {
            let help = "write a second rule for the rest";
            findings.error(policy, format!("{path}.{name}"), "more than 512 entries", help);
        }
    }
    for (i, from) in rule.from.iter().flatten().enumerate() {
        let path = format!("{path}.from[{i}].source");
        match from.as_ref().and_then(|f| f.source.as_ref()).filter(|s| !s.is_empty()) {
            None => {
                findings.error(policy, path, "an empty source", "name at least one property of the source")
            }
            Some(source) => check_source(policy, action, &path, source, findings),
        }
    }
    for (i, to) in rule.to.iter().flatten().enumerate() {
        let path = format!("{path}.to[{i}].operation");
        match to.as_ref().and_then(|t| t.operation.as_ref()).filter(|o| !o.is_empty()) {
            None => {
                let help = "name at least one property of the operation";
                findings.error(policy, path, "an empty operation", help);
            }
            Some(operation) => check_operation(policy, &path, operation, findings),
        }
    }
    for (i, condition) in rule.when.iter().flatten().enumerate() {
        let path = format!("{path}.when[{i}]");
        match condition {
            None => findings.error(policy, path, "a null condition", "remove it"),
            Some(condition) => check_condition(policy, action, &path, condition, findings),
        }
    }
    if action == Action::Deny {
        warn_of_tcp(policy, path, rule, findings);
    }
}

/// A field with its `not` form: name, values, what is wrong with one value.
fn fields(
    policy: &Policy,
    path: &str,
    lists: &[(&str, &Option<Vec<String>>, Check)],
    findings: &mut Findings,
) {
    for (name, values, wrong) in lists {
        for (i, value) in values.iter().flatten().enumerate() {
            let problem = if value.is_empty() { Some("an empty value".to_string()) } else { wrong(value) };
            if let Some(problem) = problem {
                let help = "correct or remove the value";
                findings.error(policy, format!("{path}.{name}[{i}]"), problem, help);
            }
        }
    }
}

fn anything(_: &str) -> Option<String> {
    None
}

fn address(value: &str) -> Option<String> {
    cidr(value).is_none().then(|| format!("invalid IP address or CIDR block `{value}`"))
}

fn port_number(value: &str) -> Option<String> {
    port(value).is_none().then(|| format!("a port must be a whole number from 0 to 65535, got `{value}`"))
}

fn path_value(value: &str) -> Option<String> {
    template_error(value).map(|problem| format!("`{value}`: {problem}"))
}

fn service_account(value: &str) -> Option<String> {
    let wrong = if value.len() > 320 {
        "longer than 320 characters"
    } else if value.contains('*') {
        "service accounts know no wildcard"
    } else if value.matches('/').count() > 1 || value.starts_with('/') || value.ends_with('/') {
        "not of the form NAMESPACE/NAME or NAME"
    } else {
        return None;
    };
    Some(format!("`{value}`: {wrong}"))
}

fn trust_domain(value: &str) -> Option<String> {
    if value.contains('/') {
        return Some(format!("`{value}`: a trust domain holds no slash"));
    }
    one_star(value)
}

fn one_star(value: &str) -> Option<String> {
    let inner = value.strip_prefix('*').or_else(|| value.strip_suffix('*')).unwrap_or(value);
    inner.contains('*').then(|| format!("`{value}`: one star, at either end"))
}

fn check_source(policy: &Policy, action: Action, path: &str, source: &Source, findings: &mut Findings) {
    let s = source;
    fields(
        policy,
        path,
        &[
            ("principals", &s.principals, anything),
            ("notPrincipals", &s.not_principals, anything),
            ("requestPrincipals", &s.request_principals, anything),
            ("notRequestPrincipals", &s.not_request_principals, anything),
            ("namespaces", &s.namespaces, anything),
            ("notNamespaces", &s.not_namespaces, anything),
            ("serviceAccounts", &s.service_accounts, service_account),
            ("notServiceAccounts", &s.not_service_accounts, service_account),
            ("trustDomains", &s.trust_domains, trust_domain),
            ("notTrustDomains", &s.not_trust_domains, trust_domain),
            ("ipBlocks", &s.ip_blocks, address),
            ("notIpBlocks", &s.not_ip_blocks, address),
            ("remoteIpBlocks", &s.remote_ip_blocks, address),
            ("notRemoteIpBlocks", &s.not_remote_ip_blocks, address),
        ],
        findings,
    );
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|l| !l.is_empty());
    let accounts = given(&s.service_accounts) || given(&s.not_service_accounts);
    let others = [&s.principals, &s.not_principals, &s.namespaces, &s.not_namespaces];
    if accounts && others.into_iter().any(given) {
        let help = "use either serviceAccounts, or principals and namespaces";
        findings.error(policy, path, "serviceAccounts beside principals or namespaces", help);
    }
    for (name, list) in
        [("serviceAccounts", &s.service_accounts), ("notServiceAccounts", &s.not_service_accounts)]
    {
        if list.as_ref().is_some_and(|l| l.len() > 16) {
            findings.error(policy, format!("{path}.{name}"), "more than 16 values", "list at most 16");
        }
    }
    let identities = [
        ("principals", &s.principals),
        ("notPrincipals", &s.not_principals),
        ("requestPrincipals", &s.request_principals),
        ("notRequestPrincipals", &s.not_request_principals),
        ("namespaces", &s.namespaces),
        ("notNamespaces", &s.not_namespaces),
        ("serviceAccounts", &s.service_accounts),
        ("notServiceAccounts", &s.not_service_accounts),
        ("trustDomains", &s.trust_domains),
        ("notTrustDomains", &s.not_trust_domains),
    ];
    if action == Action::Custom {
        for (name, _) in identities.into_iter().filter(|(_, list)| given(list)) {
            let help = "CUSTOM rules run before identities are known: remove the field";
            findings.error(policy, format!("{path}.{name}"), format!("`{name}` in a CUSTOM policy"), help);
        }
    }
    for (name, list) in [("principals", &s.principals), ("notPrincipals", &s.not_principals)] {
        for (i, value) in list.iter().flatten().enumerate().filter(|(_, v)| v.starts_with("spiffe://")) {
            let message = format!("`{value}` never matches: istiod adds the `spiffe://` itself");
            let at = format!("{path}.{name}[{i}]");
            findings.warning(policy, "spiffe-scheme", at, message, "leave `spiffe://` out");
        }
    }
}

fn check_operation(policy: &Policy, path: &str, operation: &Operation, findings: &mut Findings) {
    let o = operation;
    fields(
        policy,
        path,
        &[
            ("hosts", &o.hosts, anything),
            ("notHosts", &o.not_hosts, anything),
            ("ports", &o.ports, port_number),
            ("notPorts", &o.not_ports, port_number),
            ("methods", &o.methods, anything),
            ("notMethods", &o.not_methods, anything),
            ("paths", &o.paths, path_value),
            ("notPaths", &o.not_paths, path_value),
        ],
        findings,
    );
}

fn check_condition(
    policy: &Policy,
    action: Action,
    path: &str,
    condition: &Condition,
    findings: &mut Findings,
) {
    let key = condition.key.as_str();
    let values = condition.values.iter().flatten().count() + condition.not_values.iter().flatten().count();
    if values == 0 {
        let help = "give values or notValues";
        findings.error(policy, path, "a condition with neither values nor notValues", help);
    }
    let mut wrong: Check = anything;
    let mapped = [HEADERS, CLAIMS, METADATA].into_iter().find_map(|prefix| key.strip_prefix(prefix));
    let known = match (mapped, key) {
        (Some(name), _) => name.split_once('[').is_some_and(|(_, k)| k.ends_with(']') && k.len() > 1),
        (None, "source.ip" | "remote.ip" | "destination.ip") => {
            wrong = address;
            true
        }
        (None, "destination.port") => {
            wrong = port_number;
            true
        }
        (None, "source.serviceAccount") => {
            wrong = service_account;
            true
        }
        (None, "source.trustDomain") => {
            wrong = one_star;
            true
        }
        (None, key) => matches!(
            key,
            "source.namespace"
                | "source.principal"
                | "request.auth.principal"
                | "request.auth.audiences"
                | "request.auth.presenter"
                | "connection.sni"
        ),
    };
    if !known {
        let help = "use one of the documented keys; an unknown one drops the whole rule, for DENY too";
        findings.error(policy, format!("{path}.key"), format!("key `{key}`"), help);
        return;
    }
    let lists = [("values", &condition.values, wrong), ("notValues", &condition.not_values, wrong)];
    fields(policy, path, &lists, findings);
    let identity = key.starts_with("request.auth.")
        || matches!(
            key,
            "source.namespace" | "source.serviceAccount" | "source.trustDomain" | "source.principal"
        );
    if action == Action::Custom && identity {
        let help = "CUSTOM rules run before identities are known: remove the condition";
        findings.error(policy, format!("{path}.key"), format!("key `{key}` in a CUSTOM policy"), help);
    }
}

/// A DENY rule whose fields all vanish on a TCP port denies every connection to it.
fn warn_of_tcp(policy: &Policy, path: &str, rule: &Rule, findings: &mut Findings) {
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|l| !l.is_empty());
    let operations: Vec<&Operation> =
        rule.to.iter().flatten().flatten().filter_map(|t| t.operation.as_ref()).collect();
    let sources: Vec<&Source> =
        rule.from.iter().flatten().flatten().filter_map(|f| f.source.as_ref()).collect();
    let no_ports = operations.iter().any(|o| !given(&o.ports) && !given(&o.not_ports));
    let l4 = |s: &Source| {
        [
            &s.principals,
            &s.not_principals,
            &s.namespaces,
            &s.not_namespaces,
            &s.service_accounts,
            &s.not_service_accounts,
            &s.ip_blocks,
            &s.not_ip_blocks,
            &s.remote_ip_blocks,
            &s.not_remote_ip_blocks,
        ]
        .into_iter()
        .any(given)
    };
    let http_only_sources = operations.is_empty() && !sources.is_empty() && sources.iter().any(|s| !l4(s));
    if (!operations.is_empty() && no_ports) || http_only_sources {
        let message = "on TCP ports the fields that need a request are erased, and this DENY rule matches every \
                       connection";
        let help = "add `ports` to say which ports are meant";
        findings.warning(policy, "deny-hits-tcp", path, message, help);
    }
}
