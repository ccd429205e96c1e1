//! Label selectors with Cilium's sources (docs/semantics/cilium.md#cilium-label-sources).

use super::Findings;
use crate::{
    cluster::identity::RESERVED,
    ir::{Operator, Requirement, Selector},
    resource::LabelSelector,
};
use alloc::{boxed::Box, format, string::String, vec::Vec};

/// How a key without a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys<'a> {
    /// As any source.
    Any,
    /// As this source, colons included in what is refused: Kubernetes' own selectors.
    Plain(&'a str),
    /// As this source, whatever the user wrote: node selectors.
    Forced(&'a str),
}

/// Reads `selector`, whose keys get `prefix`; mistakes are reported below `path`.
pub(super) fn selector(
    selector: &LabelSelector,
    keys: Keys<'_>,
    prefix: &str,
    path: &str,
    findings: &mut Findings,
) -> Selector {
    let mut requirements = Vec::new();
    for (key, value) in selector.match_labels.iter().flatten() {
        let at = format!("{path}.matchLabels");
        check_value(value, &at, findings);
        let operator = Operator::In([value.as_str().into()].into());
        requirements.extend(requirement(key, keys, prefix, operator, &at, findings));
    }
    for (i, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let at = format!("{path}.matchExpressions[{i}]");
        for value in &expression.values {
            check_value(value, &at, findings);
        }
        let values: Box<[Box<str>]> = expression.values.iter().map(|v| v.as_str().into()).collect();
        let (operator, takes_values) = match expression.operator.as_str() {
            "In" => (Operator::In(values), true),
            "NotIn" => (Operator::NotIn(values), true),
            "Exists" => (Operator::Exists, false),
            "DoesNotExist" => (Operator::DoesNotExist, false),
            other => {
                findings.error(
                    "bad-operator",
                    &format!("{at}.operator"),
                    format!("invalid operator `{other}`"),
                    "use `In`, `NotIn`, `Exists` or `DoesNotExist`; case counts",
                );
                continue;
            }
        };
        if takes_values == expression.values.is_empty() {
            let (what, help) = if takes_values {
                ("needs at least one value", "list the values")
            } else {
                ("takes no values", "remove the values, or use `In`")
            };
            let message = format!("`{}` {what}", expression.operator);
            findings.error("bad-values", &format!("{at}.values"), message, help);
        }
        requirements.extend(requirement(&expression.key, keys, prefix, operator, &at, findings));
    }
    Selector { requirements }
}

fn requirement(
    text: &str,
    keys: Keys<'_>,
    prefix: &str,
    operator: Operator,
    path: &str,
    findings: &mut Findings,
) -> Option<Requirement> {
    let (source, key) = split(text);
    let is_known = source.is_none_or(is_source);
    let (source, key) = match (keys, source) {
        (Keys::Plain(source), None) => (Some(source), key),
        (Keys::Plain(source), Some(_)) => (Some(source), text),
        (Keys::Forced(source), _) => (Some(source), key),
        (Keys::Any, source) => (source, key),
    };
    if !is_key(key) || !is_known {
        let help = "a key is an optional prefix, a slash and a name of letters, digits, `-`, `_` and `.`; \
                    a source stands before one colon";
        findings.error("bad-label", path, format!("invalid label key `{text}`"), help);
        return None;
    }
    Some(Requirement {
        source: source.filter(|s| *s != "any").map(Into::into),
        key: format!("{prefix}{key}").into(),
        operator,
    })
}

/// Source, where the text names one, and key.
fn split(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((source, key)) => (Some(source), key),
        None => (None, text),
    }
}

/// Whether `source` may stand before the colon of a key.
fn is_source(source: &str) -> bool {
    source.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && source.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

fn check_value(value: &str, path: &str, findings: &mut Findings) {
    if !(value.is_empty() || is_name(value)) {
        let help = "a value has at most 63 letters, digits, `-`, `_` and `.`, and begins and ends with a letter \
                    or digit";
        findings.error("bad-label", path, format!("invalid label value `{value}`"), help);
    }
}

/// A qualified name of Kubernetes: an optional DNS subdomain, a slash, a name.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => {
            !prefix.is_empty()
                && prefix.len() <= 253
                && prefix.split('.').all(|label| {
                    !label.is_empty()
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                })
                && is_name(name)
        }
    }
}

pub(super) fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    name.len() <= 63 && name.bytes().all(inner) && edge(name.bytes().next()) && edge(name.bytes().next_back())
}

impl Selector {
    /// Adds a requirement on the key of `source`.
    pub(super) fn require(&mut self, source: &str, key: &str, operator: Operator) {
        self.requirements.push(Requirement { source: Some(source.into()), key: key.into(), operator });
    }

    /// Whether some requirement, of whatever operator, is on `key` of `source` or of any source.
    pub(super) fn names(&self, source: &str, key: &str) -> bool {
        self.requirements.iter().any(|r| *r.key == *key && r.source.as_deref().is_none_or(|s| s == source))
    }
}

/// `In` with one value.
pub(super) fn equals(value: &str) -> Operator {
    Operator::In([value.into()].into())
}

/// A selector of one label of `reserved`.
pub(super) fn reserved(key: &str) -> Selector {
    let mut selector = Selector::default();
    selector.require(RESERVED, key, equals(""));
    selector
}

/// The text of a path below `path`.
pub(super) fn below(path: &str, field: &str) -> String {
    format!("{path}.{field}")
}
