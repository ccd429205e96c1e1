//! DNS names and name patterns (docs/semantics/cilium.md#cilium-canonical-names).

use crate::{
    ir::NamePattern,
    matcher::NameSet,
    options::{CiliumVersion, Options},
    resource::Resources,
};
use alloc::{boxed::Box, collections::BTreeSet, format, string::String, vec::Vec};
use core::{fmt, ops::ControlFlow};

/// The maximum length of a pattern.
const MAX_PATTERN: usize = 255;

/// The reason why a name or a pattern is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidName {
    /// A character that a name must not contain.
    Character(char),
    /// A character that a pattern must not contain.
    PatternCharacter(char),
    /// More characters than a pattern may have.
    Length(usize),
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(invalid) => write!(f, "`{invalid}` cannot stand in a name"),
            Self::PatternCharacter(invalid) => write!(f, "`{invalid}` cannot stand in a pattern"),
            Self::Length(length) => write!(f, "a pattern of {length} characters, more than {MAX_PATTERN}"),
        }
    }
}

/// Returns `name` in lower case with a final dot.
pub(crate) fn canonical(name: &str) -> Box<str> {
    let mut text = name.to_ascii_lowercase();
    if !text.ends_with('.') {
        text.push('.');
    }
    text.into()
}

/// Returns the pattern `text` in canonical form.
pub(crate) fn wildcard(text: &str, any_bytes: bool, options: &Options) -> NamePattern {
    NamePattern::Wildcard {
        pattern: canonical(text),
        subdomains: options.cilium.version >= CiliumVersion::V1_19,
        any_bytes,
    }
}

/// The labels of the identities of addresses that were learned for a name: one for each text of a `toFQDNs` item
/// (docs/semantics/cilium.md#cilium-fqdn-labels).
#[derive(Debug)]
pub(crate) struct FqdnLabels {
    patterns: NameSet,
    labels: Vec<String>,
}

impl FqdnLabels {
    /// Collects the labels of all policies.
    pub(crate) fn new(resources: &Resources, options: &Options) -> Self {
        let cilium =
            resources.cilium_network_policies.iter().chain(&resources.cilium_clusterwide_network_policies);
        let rules =
            cilium.flat_map(|policy| policy.spec.spec.iter().chain(policy.spec.specs.iter().flatten()));
        let items = rules.flat_map(|rule| rule.egress.iter().flatten());
        let items = items.flat_map(|entry| entry.to_fqdns.iter().flatten());
        let (mut patterns, mut labels) = (Vec::new(), Vec::new());
        for item in items {
            let text = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
            let (text, pattern) = match (text(&item.match_name), text(&item.match_pattern)) {
                (Some(text), None) => (text.clone(), NamePattern::Name(canonical(&text))),
                (None, Some(text)) => (text.clone(), wildcard(&text, false, options)),
                _ => continue,
            };
            patterns.push(pattern);
            labels.push(format!("fqdn:{text}"));
        }
        Self { patterns: NameSet::new(&patterns), labels }
    }

    /// Returns the labels of `name`, which is in canonical form, in order.
    pub(crate) fn of(&self, name: &str) -> Vec<String> {
        let mut labels = BTreeSet::new();
        let _ = self.patterns.each(name.as_bytes(), |pattern| {
            labels.extend(self.labels.get(pattern as usize));
            ControlFlow::Continue(())
        });
        labels.into_iter().cloned().collect()
    }
}

/// Whether the agent accepts `name` as a `matchName`.
///
/// # Errors
///
/// The reason why it is invalid.
pub(crate) fn validate_name(name: &str) -> Result<(), InvalidName> {
    match name.chars().find(|c| !is_name_char(*c)) {
        Some(invalid) => Err(InvalidName::Character(invalid)),
        None => Ok(()),
    }
}

/// Whether the agent accepts `pattern` as a `matchPattern`.
///
/// # Errors
///
/// The reason why it is invalid.
pub(crate) fn validate_pattern(pattern: &str) -> Result<(), InvalidName> {
    if let Some(invalid) = pattern.chars().find(|c| !is_name_char(*c) && *c != '*') {
        return Err(InvalidName::PatternCharacter(invalid));
    }
    if pattern.len() > MAX_PATTERN {
        return Err(InvalidName::Length(pattern.len()));
    }
    Ok(())
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
