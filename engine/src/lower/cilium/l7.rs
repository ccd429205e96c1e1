//! What a proxy looks at on the ports of one `toPorts` item (`spec/cilium.md` 3 and 4).

use super::{Findings, name, peer::Scope, port::Place, proxied, selector::below};
use crate::{
    ir::NamePattern,
    options::CiliumVersion,
    resource::cilium::{L7Rules, PortRule},
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
    place: Place,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> L7 {
    if place.deny {
        dropped(rule, path, findings);
        return L7::None;
    }
    proxied::check(rule, place, path, scope, findings);
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
    if http.is_some() {
        findings.unsupported(&below(&path, "http"));
        return L7::Unsupported;
    }
    let Some(list) = dns else { return L7::None };
    let path = below(&path, "dns");
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
