//! Faults of the L7 part of a `toPorts` item, as `Sanitize` of the agent finds them
//! (docs/semantics/cilium.md#cilium-l7-protocols).
//!
//! `rules` without an item are no rules. In `rules` with an item, an empty list counts as given.

use super::{
    fault::{Faults, L7Fault},
    port_number::{is_service_name, parse_port},
    scope::{EntryKind, Scope, below},
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

/// Records the faults of the item `rule` at `path`, which is not in a deny entry.
pub(super) fn item(rule: &PortRule, kind: EntryKind, path: &str, scope: &Scope<'_>, faults: &mut Faults) {
    let rules = rule.rules.as_ref().filter(|rules| !is_empty(rules, scope));
    server_names(rule, rules.is_some(), path, faults);
    if let Some(listener) = &rule.listener {
        let at = below(path, "listener");
        if !kind.is_egress {
            faults.add(at.as_str(), L7Fault::ListenerOnIngress);
        }
        if rules.is_some() {
            faults.add(at.as_str(), L7Fault::ListenerWithRules);
        }
        let config = listener.envoy_config.as_ref().and_then(|c| c.kind.as_deref());
        if scope.namespace.is_none() && config == Some("CiliumEnvoyConfig") {
            faults.add(below(&at, "envoyConfig.kind"), L7Fault::ListenerOfNamespace);
        }
    }
    let Some(rules) = rules else { return };
    let at = below(path, "rules");
    let parsers = given(rules, scope);
    if parsers.len() > 1 {
        faults.add(at.as_str(), L7Fault::SeveralParsers(parsers));
    }
    if kind.is_host {
        host(rules, kind, &at, faults);
    }
    let ports = rule.ports.as_deref().unwrap_or_default();
    let dns = rules.dns.as_ref().is_some_and(|list| !list.is_empty());
    if dns && !kind.is_egress {
        faults.add(below(&at, "dns"), L7Fault::DnsOnIngress);
    }
    if rules.dns.is_some() && ports.is_empty() {
        faults.add(below(&at, "dns"), L7Fault::DnsWithoutPort);
    }
    for (i, port) in ports.iter().enumerate() {
        check_port(port, dns, &format!("{path}.ports[{i}]"), scope, faults);
    }
    for (i, item) in rules.http.iter().flatten().enumerate() {
        header_matches(item, &format!("{at}.http[{i}]"), faults);
    }
}

/// Whether `rules` are no rules. Before 1.19 a list that is given is enough, even if it is empty.
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

/// Returns the parsers that `rules` names and that this release has.
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

fn server_names(rule: &PortRule, with_rules: bool, path: &str, faults: &mut Faults) {
    let names = rule.server_names.as_deref().unwrap_or_default();
    let at = below(path, "serverNames");
    if !names.is_empty() && with_rules && rule.terminating_tls.is_none() {
        faults.add(at.as_str(), L7Fault::ServerNamesWithRules);
    }
    for (i, _) in names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
        faults.add(format!("{at}[{i}]"), L7Fault::EmptyServerName);
    }
}

/// The only L7 rules of a policy of nodes are DNS rules on egress.
fn host(rules: &L7Rules, kind: EntryKind, path: &str, faults: &mut Faults) {
    if !kind.is_egress {
        faults.add(path, L7Fault::NodeIngress);
    } else if rules.http.as_ref().is_some_and(|list| !list.is_empty()) {
        faults.add(below(path, "http"), L7Fault::NodeHttp);
    }
}

/// L7 rules need ports of TCP, or for DNS also of UDP or every protocol.
fn check_port(port: &PortProtocol, dns: bool, path: &str, scope: &Scope<'_>, faults: &mut Faults) {
    let text = port.port.as_deref().unwrap_or_default();
    let number = parse_port(text).filter(|_| !is_service_name(text));
    let mut protocol = port.protocol.as_deref().unwrap_or_default().to_string();
    if scope.options.cilium.version < CiliumVersion::V1_19 {
        // Earlier agents compare it in upper case.
        protocol.make_ascii_uppercase();
    }
    if !dns && protocol != "TCP" {
        faults.add(below(path, "protocol"), L7Fault::Protocol(protocol));
    }
    if number == Some(0) {
        faults.add(below(path, "port"), L7Fault::EveryPort);
    }
    if dns && number.is_some_and(|first| port.end_port.unwrap_or(0) > i32::from(first)) {
        faults.add(below(path, "endPort"), L7Fault::DnsOnRange);
    }
}

fn header_matches(rule: &HttpRule, path: &str, faults: &mut Faults) {
    let empty = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
    for (i, item) in rule.header_matches.iter().flatten().enumerate() {
        let at = format!("{path}.headerMatches[{i}]");
        if empty(&item.name) {
            faults.add(below(&at, "name"), L7Fault::HeaderWithoutName);
        }
        let known = |m: &&str| matches!(*m, "" | "LOG" | "ADD" | "DELETE" | "REPLACE");
        if let Some(mismatch) = item.mismatch.as_deref().filter(|m| !known(m)) {
            faults.add(below(&at, "mismatch"), L7Fault::InvalidMismatchAction(mismatch.into()));
        }
        if item.secret.as_ref().is_some_and(|secret| empty(&secret.name)) {
            faults.add(below(&at, "secret"), L7Fault::SecretWithoutName);
        }
    }
}
