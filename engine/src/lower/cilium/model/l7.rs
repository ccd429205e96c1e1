//! The L7 part of a `toPorts` item: L7 rules, TLS and listeners (docs/semantics/cilium.md#cilium-l7-protocols).

use super::{
    fault::{Faults, L7Fault},
    fqdn, http, kafka, sanitize,
    scope::{EntryKind, Scope, below},
    tls,
};
use crate::{
    ir::{NamePattern, Test},
    options::CiliumVersion,
    resource::cilium::{L7Rules, PortRule, TlsContext},
};
use alloc::{boxed::Box, string::String, vec::Vec};
use serde_json::Value;

/// The L7 rules of one parser.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum L7 {
    /// No L7 rules.
    #[default]
    None,
    /// Allows lookups of these names.
    Dns(Vec<NamePattern>),
    /// Allows requests that match all tests of one of these rules.
    Http(Vec<Vec<Test>>),
    /// Rules for Kafka or for a parser that `l7proto` names. No flow here carries the content that they match.
    Other {
        /// The name of the parser.
        parser: Box<str>,
        /// Whether one of the rules allows everything.
        is_unrestricted: bool,
    },
}

/// The policy of a `toPorts` item for the content of a connection, as Cilium's type of this name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PerSelectorPolicy {
    pub(crate) l7: L7,
    /// TLS server names, of which the client must send one; empty if none is required.
    pub(crate) server_names: Vec<NamePattern>,
    pub(crate) terminating: Option<TlsContext>,
    pub(crate) originating: Option<TlsContext>,
    /// Name and priority of an Envoy listener that receives the traffic.
    pub(crate) listener: Option<(String, i64)>,
    /// The reason why the agent cannot compute the policy of the endpoint.
    pub(crate) error: Option<Box<str>>,
}

impl PerSelectorPolicy {
    /// Whether it has neither L7 rules nor server names.
    pub(crate) fn is_plain(&self) -> bool {
        self.l7 == L7::None && self.server_names.is_empty()
    }

    pub(crate) fn is_dns(&self) -> bool {
        matches!(self.l7, L7::Dns(_))
    }

    pub(crate) fn has_server_names(&self) -> bool {
        !self.server_names.is_empty()
    }
}

/// Reads the fields of `rule` except its ports. The API server drops those fields of a deny entry.
pub(crate) fn per_selector_policy(
    rule: &PortRule,
    kind: EntryKind,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> PerSelectorPolicy {
    if kind.is_deny {
        return PerSelectorPolicy::default();
    }
    sanitize::item(rule, kind, path, scope, faults);
    let tls = tls::read(rule, path, scope, faults);
    let mut policy = PerSelectorPolicy {
        l7: L7::None,
        server_names: tls.server_names,
        terminating: rule.terminating_tls.clone(),
        originating: rule.originating_tls.clone(),
        listener: tls.listener,
        error: tls.error,
    };
    let Some(rules) = &rule.rules else { return policy };
    let path = below(path, "rules");
    let other = other_parser(rules, &path, scope, faults);
    if let Some(list) = rules.http.as_deref().filter(|l| !l.is_empty()) {
        policy.l7 = L7::Http(http::rules(list, &below(&path, "http"), scope, faults, &mut policy.error));
    } else if let Some(list) = rules.dns.as_deref().filter(|l| !l.is_empty()) {
        policy.l7 = L7::Dns(fqdn::queries(list, &below(&path, "dns"), scope.options, faults));
    } else if let Some((parser, is_unrestricted)) = other {
        policy.l7 = L7::Other { parser, is_unrestricted };
    }
    policy
}

/// Returns the parser of Kafka or generic rules, and whether one of its rules allows everything. Cilium 1.20 drops these
/// fields (docs/semantics/cilium.md#cilium-removed-parsers).
fn other_parser(
    rules: &L7Rules,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Option<(Box<str>, bool)> {
    if scope.options.cilium.version >= CiliumVersion::V1_20 {
        return None;
    }
    let list = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let empty = |rule: &Value| rule.as_object().is_none_or(serde_json::Map::is_empty);
    let (kafka, generic) = (list(&rules.kafka), list(&rules.l7));
    let parser = rules.l7proto.as_deref().filter(|p| !p.is_empty());
    if parser.is_none() && !generic.is_empty() {
        faults.add(below(path, "l7"), L7Fault::MissingParser);
    }
    let keyless = |rule: &Value| rule.as_object().is_some_and(|o| o.contains_key(""));
    if generic.iter().any(keyless) {
        faults.add(below(path, "l7"), L7Fault::EmptyL7Key);
    }
    match parser {
        Some(name) => Some((name.into(), generic.is_empty() || generic.iter().any(empty))),
        None if kafka.is_empty() => None,
        None => {
            kafka::sanitize(&kafka, &below(path, "kafka"), faults);
            Some(("kafka".into(), kafka.iter().any(empty)))
        }
    }
}
