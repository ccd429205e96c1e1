//! Label selectors with Cilium's sources (docs/semantics/cilium.md#cilium-label-sources).

use super::fault::{Faults, SelectorFault};
use crate::{
    cluster::identity::RESERVED,
    ir::{Operator, Requirement, Selector},
    resource::LabelSelector,
};
use alloc::{boxed::Box, format, vec::Vec};

/// The interpretation of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys<'a> {
    /// A key without a source matches every source.
    Any,
    /// Every key has this source, and a colon is invalid: selectors of Kubernetes' own kinds.
    Plain(&'a str),
    /// Every key has this source, which replaces a source in the text: node selectors.
    Forced(&'a str),
}

/// Reads `selector` at `path`, whose keys get `prefix`.
pub(crate) fn selector(
    selector: &LabelSelector,
    keys: Keys<'_>,
    prefix: &str,
    path: &str,
    faults: &mut Faults,
) -> Selector {
    let mut requirements = Vec::new();
    for (key, value) in selector.match_labels.iter().flatten() {
        let at = format!("{path}.matchLabels");
        check_value(value, &at, faults);
        let operator = Operator::In([value.as_str().into()].into());
        requirements.extend(requirement(key, keys, prefix, operator, &at, faults));
    }
    for (i, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let at = format!("{path}.matchExpressions[{i}]");
        for value in &expression.values {
            check_value(value, &at, faults);
        }
        let values: Box<[Box<str>]> = expression.values.iter().map(|v| v.as_str().into()).collect();
        let (operator, takes_values) = match expression.operator.as_str() {
            "In" => (Operator::In(values), true),
            "NotIn" => (Operator::NotIn(values), true),
            "Exists" => (Operator::Exists, false),
            "DoesNotExist" => (Operator::DoesNotExist, false),
            other => {
                faults.add(format!("{at}.operator"), SelectorFault::UnknownOperator(other.into()));
                continue;
            }
        };
        if takes_values == expression.values.is_empty() {
            let fault =
                if takes_values { SelectorFault::MissingValues } else { SelectorFault::UnexpectedValues };
            faults.add(format!("{at}.values"), fault(expression.operator.clone()));
        }
        requirements.extend(requirement(&expression.key, keys, prefix, operator, &at, faults));
    }
    Selector { requirements }
}

fn requirement(
    text: &str,
    keys: Keys<'_>,
    prefix: &str,
    operator: Operator,
    path: &str,
    faults: &mut Faults,
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
        faults.add(path, SelectorFault::InvalidKey(text.into()));
        return None;
    }
    Some(Requirement {
        source: source.filter(|s| *s != "any").map(Into::into),
        key: format!("{prefix}{key}").into(),
        operator,
    })
}

/// Splits the text of a key at its source.
fn split(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((source, key)) => (Some(source), key),
        None => (None, text),
    }
}

/// Whether `source` is a valid source before the colon of a key.
fn is_source(source: &str) -> bool {
    source.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && source.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

fn check_value(value: &str, path: &str, faults: &mut Faults) {
    if !(value.is_empty() || is_name(value)) {
        faults.add(path, SelectorFault::InvalidValue(value.into()));
    }
}

/// Whether `key` is a qualified name of Kubernetes: an optional DNS subdomain and a slash, then a name.
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

/// Whether `name` is a name or a value of a label of Kubernetes.
pub(crate) fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    name.len() <= 63 && name.bytes().all(inner) && edge(name.bytes().next()) && edge(name.bytes().next_back())
}

impl Selector {
    /// Adds a requirement on the key of `source`.
    pub(crate) fn require(&mut self, source: &str, key: &str, operator: Operator) {
        self.requirements.push(Requirement { source: Some(source.into()), key: key.into(), operator });
    }

    /// Whether some requirement, of whatever operator, is on `key` of `source` or of any source.
    pub(crate) fn names(&self, source: &str, key: &str) -> bool {
        self.requirements.iter().any(|r| *r.key == *key && r.source.as_deref().is_none_or(|s| s == source))
    }
}

/// `In` with one value.
pub(crate) fn equals(value: &str) -> Operator {
    Operator::In([value.into()].into())
}

/// A selector of one label of `reserved`.
pub(crate) fn reserved(key: &str) -> Selector {
    let mut selector = Selector::default();
    selector.require(RESERVED, key, equals(""));
    selector
}
