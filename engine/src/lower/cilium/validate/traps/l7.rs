//! Warnings about L7 rules, TLS and listeners (docs/semantics/cilium.md#cilium-l7-without-default-deny,
//! docs/semantics/cilium.md#cilium-path-with-query, docs/semantics/cilium.md#cilium-http-headers).

use super::{
    super::super::model::{Scope, below, envoy_rejection, has_secret, is_accepted_by_agent, secret_value},
    names,
};
use crate::{
    diagnostic::Report,
    options::CiliumVersion,
    resource::cilium::{HeaderMatch, HttpRule, L7Rules, PortRule},
};
use alloc::{format, vec::Vec};

/// Adds the warnings about the item `rule` at `path`, which is not in a deny entry.
pub(super) fn check(rule: &PortRule, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    for (i, name) in rule.server_names.iter().flatten().enumerate() {
        if !name.is_empty() && name.bytes().all(|b| b == b'*') {
            let at = format!("{path}.serverNames[{i}]");
            let message =
                format!("`{name}` matches every server name; it only requires TLS with a server name");
            report.warn("any-server-name", &at, message, "list the names, such as `*.example.com`");
        }
    }
    for (context, field) in
        [(&rule.terminating_tls, "terminatingTLS"), (&rule.originating_tls, "originatingTLS")]
    {
        if context.as_ref().is_some_and(|context| !has_secret(context, scope)) {
            let help = "give the Secret's manifest; without it the agent keeps the old policy";
            report.warn("missing-secret", &below(path, field), "there is no such Secret", help);
        }
    }
    if rule.listener.is_some() {
        let message =
            "what the listener does with the traffic is its own: only the policy in front is decided";
        let help = "also read the CiliumEnvoyConfig";
        report.warn("listener-decides", &below(path, "listener"), message, help);
    }
    let Some(rules) = &rule.rules else { return };
    let path = below(path, "rules");
    removed_parsers(rules, &path, scope, report);
    let http_rules = rules.http.as_deref().unwrap_or_default();
    for (i, item) in http_rules.iter().enumerate() {
        http(item, &format!("{path}.http[{i}]"), scope, report);
    }
    if http_rules.is_empty() {
        let list = rules.dns.as_deref().unwrap_or_default();
        let items = || list.iter().map(|item| (item.match_name.as_deref(), item.match_pattern.as_deref()));
        let at = below(&path, "dns");
        names::stars(items().map(|(_, pattern)| pattern), &at, scope.options, report);
        names::empty(items(), "the item matches no name", &at, report);
    }
}

/// Warns of the fields of `rule` at `path`, in a deny entry, that the API server drops: such a rule has ports only
/// (docs/semantics/cilium.md#cilium-deny-fields).
pub(super) fn dropped(rule: &PortRule, path: &str, report: &mut Report<'_>) {
    let fields = [
        (rule.rules.is_some(), "rules"),
        (rule.server_names.is_some(), "serverNames"),
        (rule.terminating_tls.is_some(), "terminatingTLS"),
        (rule.originating_tls.is_some(), "originatingTLS"),
        (rule.listener.is_some(), "listener"),
    ];
    for (_, field) in fields.into_iter().filter(|(set, _)| *set) {
        let help = "remove it: the whole port is denied";
        let message = format!("deny rules have no `{field}`, so it is dropped silently");
        report.warn("dropped-field", &below(path, field), message, help);
    }
}

/// Warns of the parsers that Cilium 1.20 drops (docs/semantics/cilium.md#cilium-removed-parsers).
fn removed_parsers(rules: &L7Rules, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    if scope.options.cilium.version < CiliumVersion::V1_20 {
        return;
    }
    let fields =
        [(rules.kafka.is_some(), "kafka"), (rules.l7proto.is_some(), "l7proto"), (rules.l7.is_some(), "l7")];
    for (_, field) in fields.into_iter().filter(|(set, _)| *set) {
        let help = "remove it, and restrict the ports otherwise: every request on them is allowed";
        let message = format!("`{field}` was removed in Cilium 1.20, which drops it silently");
        report.warn("dropped-field", &below(path, field), message, help);
    }
}

/// Warns of L7 rules in an entry at `path` of a rule that does not enable default deny
/// (docs/semantics/cilium.md#cilium-l7-without-default-deny).
pub(super) fn without_default_deny(items: &[PortRule], path: &str, report: &mut Report<'_>) {
    for (i, rules) in items.iter().enumerate().filter_map(|(i, item)| Some((i, item.rules.as_ref()?))) {
        let lists = [
            ("http", rules.http.as_ref().map_or(0, Vec::len)),
            ("dns", rules.dns.as_ref().map_or(0, Vec::len)),
        ];
        for (field, _) in lists.into_iter().filter(|(_, len)| *len > 0) {
            let at = format!("{path}.toPorts[{i}].rules.{field}");
            let message = "without default deny the proxy denies nothing, unless another rule enables default deny for the direction";
            let help = "leave `enableDefaultDeny` out, or remove the rules";
            report.warn("idle-proxy-rules", &at, message, help);
        }
    }
}

fn http(rule: &HttpRule, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    for (field, text, is_checked) in
        [("method", &rule.method, true), ("path", &rule.path, true), ("host", &rule.host, false)]
    {
        let Some(text) = text.as_deref().filter(|t| !t.is_empty()) else { continue };
        // The agent rejects an expression that it does not accept itself.
        if is_checked && !is_accepted_by_agent(text) {
            continue;
        }
        if let Some(why) = envoy_rejection(text) {
            let help =
                "Envoy then refuses the whole policy of every endpoint it selects: write it differently";
            let message = format!("the proxy refuses `{text}`: {why}");
            report.warn("proxy-refuses", &below(path, field), message, help);
        }
    }
    for (i, text) in rule.headers.iter().flatten().enumerate() {
        if let Some((name, value)) = text.split_once(':')
            && !text.contains(' ')
        {
            let at = format!("{path}.headers[{i}]");
            let message = format!("without a space all of `{text}` is a header's name, which no request has");
            let help = "write `Name: value`, or the name alone";
            report.warn("header-without-space", &at, message, help);
            let message = format!("`{text}` requires a header with that whole name, which no request has");
            let help = match value {
                "" => format!("write `{name}` to require the header with any value"),
                value => format!("write `{name}: {value}`, with a space"),
            };
            report.warn("header-text", &at, message, &help);
        }
    }
    for (i, item) in rule.header_matches.iter().flatten().enumerate() {
        header_secret(item, &format!("{path}.headerMatches[{i}].secret"), scope, report);
    }
    let open = |path: &str| path.ends_with('*') || path.ends_with('+') || path.contains('?');
    if let Some(text) = rule.path.as_deref().filter(|p| scope.is_strict() && !p.is_empty() && !open(p)) {
        let message = format!("`{text}` is matched with the query, so a request with one is refused");
        let help = format!("write `{text}([?].*)?` where a query is fine");
        report.warn("path-with-query", &below(path, "path"), message, &help);
    }
}

/// Warns of a header match whose value is in a Secret that does not exist, or that has several keys.
fn header_secret(item: &HeaderMatch, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    let has_value = item.value.as_deref().is_some_and(|value| !value.is_empty());
    let Some(reference) = item.secret.as_ref().filter(|_| !has_value) else { return };
    if secret_value(reference, scope).is_none() {
        let help = "use a Secret with exactly one key, or add a `value`";
        let message = "there is no such Secret with one key, so the rule never matches";
        report.warn("missing-secret", path, message, help);
    }
}
