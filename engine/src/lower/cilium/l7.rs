//! What a proxy looks at on the ports of one `toPorts` item (docs/semantics/cilium.md#cilium-l7-protocols).

use super::{Findings, http, name, peer::Scope, port::Place, proxied, selector::below, tls};
use crate::{
    ir::{NamePattern, Test},
    options::CiliumVersion,
    resource::cilium::{L7Rules, PortRule, TlsContext},
};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use serde_json::Value;

/// What a parser lets through.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum L7 {
    /// Everything: no parser.
    #[default]
    None,
    /// Lookups of these names.
    Dns(Vec<NamePattern>),
    /// Requests that pass all tests of one of these.
    Http(Vec<Vec<Test>>),
    /// What Kafka's or a named parser's rules say, which is decided by what no flow here carries.
    Other {
        /// The parser's name.
        parser: Box<str>,
        /// Whether one of its rules lets everything through.
        free: bool,
    },
}

/// What proxies look at on the ports of one `toPorts` item.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Inspection {
    pub(super) l7: L7,
    /// TLS server names of which one must be asked for; none means that none has to.
    pub(super) server_names: Vec<NamePattern>,
    pub(super) terminating: Option<TlsContext>,
    pub(super) originating: Option<TlsContext>,
    /// Name and priority of an Envoy listener that gets the traffic.
    pub(super) listener: Option<(String, i64)>,
    /// Why the endpoint's policy cannot be computed with it.
    pub(super) error: Option<Box<str>>,
}

impl Inspection {
    /// Whether nothing is looked at.
    pub(super) fn is_plain(&self) -> bool {
        self.l7 == L7::None && self.server_names.is_empty()
    }
}

/// Reads what `rule` has beside its ports.
pub(super) fn inspection(
    rule: &PortRule,
    place: Place,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Inspection {
    let mut seen = Inspection::default();
    if place.deny {
        dropped(rule, path, findings);
        return seen;
    }
    proxied::check(rule, place, path, scope, findings);
    tls::read(rule, path, scope, findings, &mut seen);
    let Some(rules) = &rule.rules else { return seen };
    let path = below(path, "rules");
    let other = other_parsers(rules, &path, scope, findings);
    if let Some(list) = rules.http.as_deref().filter(|l| !l.is_empty()) {
        seen.l7 = L7::Http(http::rules(list, &below(&path, "http"), scope, findings, &mut seen.error));
    } else if let Some(list) = rules.dns.as_deref().filter(|l| !l.is_empty()) {
        seen.l7 = L7::Dns(name::queries(list, &below(&path, "dns"), scope.options, findings));
    } else if let Some((parser, free)) = other {
        seen.l7 = L7::Other { parser, free };
    }
    seen
}

/// A deny rule has ports only; the API server drops what else is written
/// (docs/semantics/cilium.md#cilium-deny-fields).
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

/// Kafka and generic rules: removed in 1.20, which drops them silently
/// (docs/semantics/cilium.md#cilium-removed-parsers). Gives the parser, and whether one of its rules lets everything
/// through.
fn other_parsers(
    rules: &L7Rules,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Option<(Box<str>, bool)> {
    let fields =
        [(rules.kafka.is_some(), "kafka"), (rules.l7proto.is_some(), "l7proto"), (rules.l7.is_some(), "l7")];
    let removed = scope.options.cilium.version >= CiliumVersion::V1_20;
    for (_, field) in fields.into_iter().filter(|(set, _)| *set && removed) {
        let help = "remove it, and restrict the ports otherwise: every request on them is allowed";
        let message = format!("`{field}` was removed in Cilium 1.20, which drops it silently");
        findings.warn("dropped-field", &below(path, field), message, help);
    }
    if removed {
        return None;
    }
    let list = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let empty = |rule: &Value| rule.as_object().is_none_or(serde_json::Map::is_empty);
    let (kafka, generic) = (list(&rules.kafka), list(&rules.l7));
    let parser = rules.l7proto.as_deref().filter(|p| !p.is_empty());
    if parser.is_none() && !generic.is_empty() {
        findings.error("no-parser", &below(path, "l7"), "`l7` without `l7proto`", "name the parser");
    }
    let keyless = |rule: &Value| rule.as_object().is_some_and(|o| o.contains_key(""));
    if generic.iter().any(keyless) {
        findings.error("bad-l7", &below(path, "l7"), "an empty key", "name the key");
    }
    match parser {
        Some(name) => Some((name.into(), generic.is_empty() || generic.iter().any(empty))),
        None if kafka.is_empty() => None,
        None => {
            http::check_kafka(&kafka, &below(path, "kafka"), findings);
            Some(("kafka".into(), kafka.iter().any(empty)))
        }
    }
}
