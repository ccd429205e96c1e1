//! What the agent refuses of the part of a `toPorts` item that a proxy looks at
//! (docs/semantics/cilium.md#cilium-l7-protocols).
//!
//! Rules without an item are no rules. Of rules with an item, an empty list counts as given.

use super::{
    Findings,
    peer::Scope,
    port::{Place, is_service_name, parse_port},
    selector::below,
    trap_l7,
};
use crate::{
    options::CiliumVersion,
    resource::cilium::{HttpRule, L7Rules, PortProtocol, PortRule},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// Checks the item `rule` at `path`, which is none of a deny entry.
pub(super) fn check(rule: &PortRule, place: Place, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    let rules = rule.rules.as_ref().filter(|rules| !is_empty(rules, scope));
    server_names(rule, rules.is_some(), path, findings);
    trap_l7::check(rule, path, scope, findings);
    if let Some(listener) = &rule.listener {
        let at = below(path, "listener");
        if !place.egress {
            let help = "write it in egress";
            findings.error("listener-on-ingress", &at, "a listener stands in egress only", help);
        }
        if rules.is_some() {
            let message = "a listener stands beside rules of a proxy";
            findings.error("listener-with-rules", &at, message, "keep one of the two");
        }
        let kind = listener.envoy_config.as_ref().and_then(|c| c.kind.as_deref());
        if scope.namespace.is_none() && kind == Some("CiliumEnvoyConfig") {
            let message = "a policy of the whole cluster names a listener of one namespace";
            let help = "name a CiliumClusterwideEnvoyConfig";
            findings.error("listener-scope", &below(&at, "envoyConfig.kind"), message, help);
        }
    }
    let Some(rules) = rules else { return };
    let at = below(path, "rules");
    let parsers = given(rules, scope);
    if parsers.len() > 1 {
        let message = format!("rules of several parsers stand together: {}", parsers.join(", "));
        findings.error("two-parsers", &at, message, "write an item of `toPorts` of its own for each");
    }
    if place.host {
        host(rules, place, &at, findings);
    }
    let ports = rule.ports.as_deref().unwrap_or_default();
    let dns = rules.dns.as_ref().is_some_and(|list| !list.is_empty());
    if dns && !place.egress {
        let help = "names are asked for by the source: write the rule in its egress";
        findings.error("dns-on-ingress", &below(&at, "dns"), "DNS rules stand in egress only", help);
    }
    if rules.dns.is_some() && ports.is_empty() {
        let help = "list the port: usually 53";
        findings.error("l7-without-port", &below(&at, "dns"), "DNS rules without a port", help);
    }
    for (i, port) in ports.iter().enumerate() {
        check_port(port, dns, &format!("{path}.ports[{i}]"), scope, findings);
    }
    for (i, item) in rules.http.iter().flatten().enumerate() {
        header_matches(item, &format!("{at}.http[{i}]"), findings);
    }
}

/// Whether `rules` restrict nothing. Before 1.19 the agent looked only at whether a list was given.
fn is_empty(rules: &L7Rules, scope: &Scope<'_>) -> bool {
    if scope.options.cilium.version < CiliumVersion::V1_19 {
        return given(rules, scope).is_empty();
    }
    let removed = scope.options.cilium.version >= CiliumVersion::V1_20;
    let other =
        |value: &Option<Value>| !removed && value.as_ref().is_some_and(|v| *v != Value::Array(Vec::new()));
    rules.http.as_ref().is_none_or(Vec::is_empty)
        && rules.dns.as_ref().is_none_or(Vec::is_empty)
        && !other(&rules.kafka)
        && !other(&rules.l7)
        && (removed || rules.l7proto.is_none())
}

/// The parsers that `rules` names and this version knows.
fn given(rules: &L7Rules, scope: &Scope<'_>) -> Vec<&'static str> {
    let removed = scope.options.cilium.version >= CiliumVersion::V1_20;
    let parsers = [
        ("http", rules.http.is_some()),
        ("dns", rules.dns.is_some()),
        ("kafka", rules.kafka.is_some() && !removed),
        ("l7", (rules.l7.is_some() || rules.l7proto.is_some()) && !removed),
    ];
    parsers.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
}

fn server_names(rule: &PortRule, with_rules: bool, path: &str, findings: &mut Findings) {
    let names = rule.server_names.as_deref().unwrap_or_default();
    let at = below(path, "serverNames");
    if !names.is_empty() && with_rules && rule.terminating_tls.is_none() {
        let help = "add `terminatingTLS`, or write two items: the proxy cannot read what TLS hides";
        let message = "server names stand beside rules of a proxy, which needs `terminatingTLS`";
        findings.error("sni-with-rules", &at, message, help);
    }
    for (i, _) in names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
        let at = format!("{at}[{i}]");
        findings.error("bad-name", &at, "an empty server name", "name a server, or remove the item");
    }
}

/// Policies of nodes know DNS rules on egress, and no other.
fn host(rules: &L7Rules, place: Place, path: &str, findings: &mut Findings) {
    let help = "nodes are guarded at L3 and L4 only; on egress DNS rules are known too";
    if !place.egress {
        findings.error("l7-on-host", path, "rules of a proxy on the ingress of nodes", help);
    } else if rules.http.as_ref().is_some_and(|list| !list.is_empty()) {
        findings.error("l7-on-host", &below(path, "http"), "HTTP rules on the egress of nodes", help);
    }
}

/// A proxy needs ports of its protocol: TCP, or for DNS also UDP and any.
fn check_port(port: &PortProtocol, dns: bool, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    let text = port.port.as_deref().unwrap_or_default();
    let number = parse_port(text).filter(|_| !is_service_name(text));
    let mut protocol = port.protocol.as_deref().unwrap_or_default().to_string();
    if scope.options.cilium.version < CiliumVersion::V1_19 {
        // The agent brought it to upper case before it looked.
        protocol.make_ascii_uppercase();
    }
    if !dns && protocol != "TCP" {
        let what = if protocol.is_empty() { "any protocol".to_string() } else { format!("`{protocol}`") };
        let message = format!("these rules go with TCP, not with {what}");
        findings.error("l7-protocol", &below(path, "protocol"), message, "write `protocol: TCP`");
    }
    if number == Some(0) {
        findings.error("l7-port-0", &below(path, "port"), "rules of a proxy on every port", "name the port");
    }
    if dns && number.is_some_and(|first| port.end_port.unwrap_or(0) > i32::from(first)) {
        let message = "DNS rules on a range of ports";
        findings.error("l7-range", &below(path, "endPort"), message, "name one port");
    }
}

fn header_matches(rule: &HttpRule, path: &str, findings: &mut Findings) {
    let empty = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
    for (i, item) in rule.header_matches.iter().flatten().enumerate() {
        let at = format!("{path}.headerMatches[{i}]");
        if empty(&item.name) {
            findings.error("bad-header", &below(&at, "name"), "the header has no name", "name the header");
        }
        let known = |m: &&str| matches!(*m, "" | "LOG" | "ADD" | "DELETE" | "REPLACE");
        if let Some(mismatch) = item.mismatch.as_deref().filter(|m| !known(m)) {
            let message = format!("invalid action `{mismatch}`");
            let help = "use LOG, ADD, DELETE or REPLACE, or leave it out: then the rule does not match";
            findings.error("bad-header", &below(&at, "mismatch"), message, help);
        }
        if item.secret.as_ref().is_some_and(|secret| empty(&secret.name)) {
            findings.error("bad-header", &below(&at, "secret"), "no secret is named", "name the Secret");
        }
    }
}
