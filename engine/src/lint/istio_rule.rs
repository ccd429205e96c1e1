//! The checks of istiod's webhook for one rule of an AuthorizationPolicy.

use super::Findings;
use crate::{
    lower::istio::{
        condition::METADATA,
        field::{ListField, OPERATION_FIELDS, SOURCE_FIELDS},
        path::template_error,
        property::{CLAIMS, HEADERS, Property},
        value::{cidr, port},
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

/// The maximum number of rules, and of items of each list, in the schema of the CRD.
pub(super) const MAX_RULES: usize = 512;

/// Checks `rule`, the rule at `path`.
pub(super) fn check(policy: &Policy, action: Action, path: &str, rule: &Rule, findings: &mut Findings) {
    if rule.from.as_ref().is_some_and(Vec::is_empty) {
        findings.rejected_by_istiod(
            policy,
            format!("{path}.from"),
            "an empty list",
            "remove the field to mean any source",
        );
    }
    if rule.to.as_ref().is_some_and(Vec::is_empty) {
        findings.rejected_by_istiod(
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
            findings.rejected_by_istiod(policy, format!("{path}.{name}"), "more than 512 entries", help);
        }
    }
    for (i, from) in rule.from.iter().flatten().enumerate() {
        let path = format!("{path}.from[{i}].source");
        match from.as_ref().and_then(|f| f.source.as_ref()).filter(|s| !s.is_empty()) {
            None => findings.rejected_by_istiod(
                policy,
                path,
                "an empty source",
                "name at least one property of the source",
            ),
            Some(source) => check_source(policy, action, &path, source, findings),
        }
    }
    for (i, to) in rule.to.iter().flatten().enumerate() {
        let path = format!("{path}.to[{i}].operation");
        match to.as_ref().and_then(|t| t.operation.as_ref()).filter(|o| !o.is_empty()) {
            None => {
                let help = "name at least one property of the operation";
                findings.rejected_by_istiod(policy, path, "an empty operation", help);
            }
            Some(operation) => check_operation(policy, &path, operation, findings),
        }
    }
    for (i, condition) in rule.when.iter().flatten().enumerate() {
        let path = format!("{path}.when[{i}]");
        match condition {
            None => findings.rejected_by_istiod(policy, path, "a null condition", "remove it"),
            Some(condition) => check_condition(policy, action, &path, condition, findings),
        }
    }
    if action == Action::Deny {
        warn_of_tcp(policy, path, rule, findings);
    }
}

/// Checks the values of every field of `object`, the object at `path`.
fn check_fields<T>(
    policy: &Policy,
    path: &str,
    object: &T,
    fields: &[ListField<T>],
    findings: &mut Findings,
) {
    for field in fields {
        let at = format!("{path}.{}", field.name());
        check_values(policy, &at, field.values(object), |value| invalid(&field.property, value), findings);
    }
}

/// Checks the values of the list at `path`. `invalid` returns the reason for which the webhook rejects a value.
fn check_values(
    policy: &Policy,
    path: &str,
    values: &[String],
    invalid: impl Fn(&str) -> Option<String>,
    findings: &mut Findings,
) {
    for (i, value) in values.iter().enumerate() {
        let problem = if value.is_empty() { Some("an empty value".to_string()) } else { invalid(value) };
        if let Some(problem) = problem {
            findings.rejected_by_istiod(
                policy,
                format!("{path}[{i}]"),
                problem,
                "correct or remove the value",
            );
        }
    }
}

/// Returns the reason for which the webhook rejects `value`, or `None` if it accepts the value.
fn invalid(property: &Property, value: &str) -> Option<String> {
    match property {
        Property::SourceIp | Property::RemoteIp | Property::DestinationIp => address(value),
        Property::DestinationPort => port_number(value),
        Property::Path => path_value(value),
        Property::ServiceAccount => service_account(value),
        Property::TrustDomain => trust_domain(value),
        Property::Principal
        | Property::RequestPrincipal
        | Property::Namespace
        | Property::Host
        | Property::Method
        | Property::Audience
        | Property::Presenter
        | Property::ServerName
        | Property::Header(_)
        | Property::Claim(_) => None,
    }
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
        "a service account must not contain a wildcard"
    } else if value.matches('/').count() > 1 || value.starts_with('/') || value.ends_with('/') {
        "not of the form NAMESPACE/NAME or NAME"
    } else {
        return None;
    };
    Some(format!("`{value}`: {wrong}"))
}

fn trust_domain(value: &str) -> Option<String> {
    if value.contains('/') {
        return Some(format!("`{value}`: a trust domain must not contain a slash"));
    }
    one_star(value)
}

fn one_star(value: &str) -> Option<String> {
    let inner = value.strip_prefix('*').or_else(|| value.strip_suffix('*')).unwrap_or(value);
    inner.contains('*').then(|| format!("`{value}`: a star is valid only once, at the start or the end"))
}

fn check_source(policy: &Policy, action: Action, path: &str, source: &Source, findings: &mut Findings) {
    check_fields(policy, path, source, &SOURCE_FIELDS, findings);
    let stated = || SOURCE_FIELDS.iter().filter(|field| !field.values(source).is_empty());
    let states = |property| stated().any(|field| field.property == property);
    if states(Property::ServiceAccount) && (states(Property::Principal) || states(Property::Namespace)) {
        let help = "use either serviceAccounts, or principals and namespaces";
        findings.rejected_by_istiod(
            policy,
            path,
            "serviceAccounts together with principals or namespaces",
            help,
        );
    }
    for field in stated().filter(|field| field.property == Property::ServiceAccount) {
        if field.values(source).len() > 16 {
            let at = format!("{path}.{}", field.name());
            findings.rejected_by_istiod(policy, at, "more than 16 values", "list at most 16");
        }
    }
    if action == Action::Custom {
        for name in stated().filter(|field| field.property.is_identity()).map(ListField::name) {
            let help = "CUSTOM rules run before identities are known: remove the field";
            findings.rejected_by_istiod(
                policy,
                format!("{path}.{name}"),
                format!("`{name}` in a CUSTOM policy"),
                help,
            );
        }
    }
    for field in stated().filter(|field| field.property == Property::Principal) {
        let values = field.values(source).iter().enumerate();
        for (i, value) in values.filter(|(_, v)| v.starts_with("spiffe://")) {
            let message = format!("`{value}` never matches: istiod adds `spiffe://`");
            let at = format!("{path}.{}[{i}]", field.name());
            findings.warning(policy, "spiffe-scheme", at, message, "leave `spiffe://` out");
        }
    }
}

fn check_operation(policy: &Policy, path: &str, operation: &Operation, findings: &mut Findings) {
    check_fields(policy, path, operation, &OPERATION_FIELDS, findings);
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
        let help = "add values or notValues";
        findings.rejected_by_istiod(policy, path, "a condition with neither values nor notValues", help);
    }
    let name = [HEADERS, CLAIMS, METADATA].into_iter().find_map(|prefix| key.strip_prefix(prefix));
    let has_valid_name = name
        .is_none_or(|name| name.split_once('[').is_some_and(|(_, key)| key.ends_with(']') && key.len() > 1));
    let property = Property::of_key(key);
    if !has_valid_name || (property.is_none() && name.is_none()) {
        let help = "use one of the documented keys; an unknown one drops the whole rule, for DENY too";
        findings.rejected_by_istiod(policy, format!("{path}.key"), format!("key `{key}`"), help);
        return;
    }
    let invalid = |value: &str| match &property {
        // Unlike in `trustDomains`, the webhook accepts a slash here.
        Some(Property::TrustDomain) => one_star(value),
        Some(property) => invalid(property, value),
        None => None,
    };
    for (name, list) in [("values", &condition.values), ("notValues", &condition.not_values)] {
        check_values(
            policy,
            &format!("{path}.{name}"),
            list.as_deref().unwrap_or_default(),
            invalid,
            findings,
        );
    }
    let identity = property.as_ref().is_some_and(Property::is_identity);
    if action == Action::Custom && identity {
        let help = "CUSTOM rules run before identities are known: remove the condition";
        findings.rejected_by_istiod(
            policy,
            format!("{path}.key"),
            format!("key `{key}` in a CUSTOM policy"),
            help,
        );
    }
}

/// Warns about a DENY rule that has only HTTP fields. Istio ignores these fields on TCP ports, so the rule denies every
/// connection to them.
fn warn_of_tcp(policy: &Policy, path: &str, rule: &Rule, findings: &mut Findings) {
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|l| !l.is_empty());
    let operations: Vec<&Operation> =
        rule.to.iter().flatten().flatten().filter_map(|t| t.operation.as_ref()).collect();
    let sources: Vec<&Source> =
        rule.from.iter().flatten().flatten().filter_map(|f| f.source.as_ref()).collect();
    let no_ports = operations.iter().any(|o| !given(&o.ports) && !given(&o.not_ports));
    let l4 = |s: &Source| {
        let mut fields = SOURCE_FIELDS.iter().filter(|field| !field.property.is_http());
        fields.any(|field| !field.values(s).is_empty())
    };
    let http_only_sources = operations.is_empty() && !sources.is_empty() && sources.iter().any(|s| !l4(s));
    if (!operations.is_empty() && no_ports) || http_only_sources {
        let message =
            "Istio ignores HTTP-only fields on TCP ports, so this rule denies every connection to them";
        let help = "add `ports` to limit the rule to HTTP ports";
        findings.warning(policy, "deny-hits-tcp", path, message, help);
    }
}
