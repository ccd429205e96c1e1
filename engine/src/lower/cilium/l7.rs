//! What a proxy looks at on the ports of one `toPorts` item (`spec/cilium.md` 3 and 4).

use super::{
    Findings, name,
    peer::Scope,
    port::{Place, is_service_name},
    selector::below,
};
use crate::{
    ir::NamePattern,
    options::CiliumVersion,
    resource::cilium::{L7Rules, PortProtocol, PortRule},
};
use alloc::{format, vec::Vec};

/// What a proxy lets through.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum L7 {
    /// Everything: no proxy.
    #[default]
    None,
    /// Lookups of these names.
    Dns(Vec<NamePattern>),
    /// Nothing can be said: the field is not supported yet, and was reported.
    Unsupported,
}

/// Reads what `rule` has beside its ports.
pub(super) fn l7(
    rule: &PortRule,
    ports: &[PortProtocol],
    place: Place,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> L7 {
    if place.deny {
        dropped(rule, path, findings);
        return L7::None;
    }
    for (set, field) in [
        (rule.server_names.as_ref().is_some_and(|l| !l.is_empty()), "serverNames"),
        (rule.terminating_tls.is_some(), "terminatingTLS"),
        (rule.originating_tls.is_some(), "originatingTLS"),
        (rule.listener.is_some(), "listener"),
    ] {
        if set {
            findings.unsupported(&below(path, field));
        }
    }
    let Some(rules) = &rule.rules else { return L7::None };
    let path = below(path, "rules");
    removed_parsers(rules, &path, scope, findings);
    let http = rules.http.as_deref().filter(|l| !l.is_empty());
    let dns = rules.dns.as_deref().filter(|l| !l.is_empty());
    if http.is_some() && dns.is_some() {
        let help = "write an item of `toPorts` of its own for each";
        findings.error("two-parsers", &path, "`http` and `dns` stand together", help);
        return L7::Unsupported;
    }
    if http.is_some() {
        check_ports(ports, &["TCP"], false, &below(&path, "http"), findings);
        findings.unsupported(&below(&path, "http"));
        return L7::Unsupported;
    }
    let Some(list) = dns else { return L7::None };
    let path = below(&path, "dns");
    if !place.egress {
        let help = "names are asked for by the source: write the rule in its egress";
        findings.error("dns-on-ingress", &path, "DNS rules stand in egress only", help);
    }
    if ports.is_empty() {
        findings.error("l7-without-port", &path, "DNS rules without a port", "list the port: usually 53");
    }
    check_ports(ports, &["", "ANY", "TCP", "UDP"], true, &path, findings);
    L7::Dns(name::queries(list, &path, scope.options, findings))
}

/// A deny rule has ports only; the API server drops what else is written (T24).
fn dropped(rule: &PortRule, path: &str, findings: &mut Findings) {
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
        findings.warn("dropped-field", &below(path, field), message, help);
    }
}

/// Kafka and generic rules: removed in 1.20, which drops them silently (T42).
fn removed_parsers(rules: &L7Rules, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    let fields =
        [(rules.kafka.is_some(), "kafka"), (rules.l7proto.is_some(), "l7proto"), (rules.l7.is_some(), "l7")];
    for (_, field) in fields.into_iter().filter(|(set, _)| *set) {
        let at = below(path, field);
        if scope.options.cilium_version >= CiliumVersion::V1_20 {
            let help = "remove it, and restrict the ports otherwise: every request on them is allowed";
            let message = format!("`{field}` was removed in Cilium 1.20, which drops it silently");
            findings.warn("dropped-field", &at, message, help);
        } else {
            findings.unsupported(&at);
        }
    }
}

/// A proxy needs ports of its protocol.
fn check_ports(
    ports: &[PortProtocol],
    protocols: &[&str],
    single: bool,
    path: &str,
    findings: &mut Findings,
) {
    for port in ports {
        let protocol = port.protocol.as_deref().unwrap_or_default().to_ascii_uppercase();
        if !protocols.contains(&protocol.as_str()) {
            let message = format!("these rules do not go with protocol `{protocol}`");
            findings.error("l7-protocol", path, message, "set the port's `protocol` as the rules need it");
        }
        let text = port.port.as_deref().unwrap_or_default();
        if text == "0" {
            findings.error("l7-port-0", path, "rules of a proxy on every port", "name the port");
        }
        let end = port.end_port.unwrap_or(0);
        let first = text.parse::<i32>().unwrap_or(0);
        if single && end > first && !is_service_name(text) {
            findings.error("l7-range", path, "DNS rules on a range of ports", "name one port");
        }
    }
}
