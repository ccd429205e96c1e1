//! Names: `toFQDNs` and `rules.dns` (docs/semantics/cilium.md#cilium-canonical-names).

use super::{Findings, trap};
use crate::{
    ir::{Clause, NameAttribute, NamePattern, Test},
    matcher::NameSet,
    options::{CiliumVersion, Options},
    resource::{
        Resources,
        cilium::{DnsRule, FqdnSelector},
    },
};
use alloc::{boxed::Box, collections::BTreeSet, format, string::String, vec, vec::Vec};
use core::ops::ControlFlow;

/// Longest pattern.
const MAX: usize = 255;

/// Lower case with one final dot.
pub(crate) fn canonical(name: &str) -> Box<str> {
    let mut text = name.to_ascii_lowercase();
    if !text.ends_with('.') {
        text.push('.');
    }
    text.into()
}

/// A pattern in canonical form. One of stars alone stays as it is.
pub(crate) fn wildcard(text: &str, any_bytes: bool, options: &Options) -> NamePattern {
    NamePattern::Wildcard {
        pattern: canonical(text),
        subdomains: options.cilium.version >= CiliumVersion::V1_19,
        any_bytes,
    }
}

/// The clause of `toFQDNs`.
pub(super) fn peer_clause(
    list: &[FqdnSelector],
    path: &str,
    options: &Options,
    findings: &mut Findings,
) -> Clause {
    let mut patterns = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let (name, pattern) = fields(&item.match_name, &item.match_pattern, &at, findings);
        match (name, pattern) {
            (Some(_), Some(_)) => {
                let help = "write an item of its own for each: items are ORed";
                findings.error("two-names", &at, "both `matchName` and `matchPattern` are set", help);
            }
            (Some(name), None) => patterns.push(NamePattern::Name(canonical(name))),
            (None, Some(pattern)) => patterns.push(wildcard(pattern, false, options)),
            (None, None) => {
                let help = "name something with `matchName` or `matchPattern`";
                findings.warn("empty-name", &at, "the item matches only the root name", help);
                patterns.push(NamePattern::Name(".".into()));
            }
        }
    }
    let test = Test::name(NameAttribute::Peer, patterns);
    Clause { tests: vec![test], index: 0 }
}

/// The labels that names give to the identity of their addresses: one for each text of a `toFQDNs` item
/// (docs/semantics/cilium.md#cilium-fqdn-labels).
#[derive(Debug)]
pub(crate) struct FqdnLabels {
    patterns: NameSet,
    labels: Vec<String>,
}

impl FqdnLabels {
    /// The labels of all policies.
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

    /// The labels of `name`, in canonical form, in order.
    pub(crate) fn of(&self, name: &str) -> Vec<String> {
        let mut labels = BTreeSet::new();
        let _ = self.patterns.each(name.as_bytes(), |pattern| {
            labels.extend(self.labels.get(pattern as usize));
            ControlFlow::Continue(())
        });
        labels.into_iter().cloned().collect()
    }
}

/// The names that `rules.dns` lets pass; an item with both fields lets both pass.
pub(super) fn queries(
    list: &[DnsRule],
    path: &str,
    options: &Options,
    findings: &mut Findings,
) -> Vec<NamePattern> {
    trap::stars(list.iter().map(|item| item.match_pattern.as_deref()), path, options, findings);
    let mut patterns = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let (name, pattern) = fields(&item.match_name, &item.match_pattern, &at, findings);
        patterns.extend(name.map(|n| NamePattern::Name(canonical(n))));
        patterns.extend(pattern.map(|p| wildcard(p, true, options)));
        if name.is_none() && pattern.is_none() {
            let help = "name something with `matchName` or `matchPattern`";
            findings.warn("empty-name", &at, "the item matches no name", help);
        }
    }
    patterns
}

/// The two fields, where they are not empty, checked.
fn fields<'a>(
    name: &'a Option<String>,
    pattern: &'a Option<String>,
    path: &str,
    findings: &mut Findings,
) -> (Option<&'a str>, Option<&'a str>) {
    let name = name.as_deref().filter(|n| !n.is_empty());
    let pattern = pattern.as_deref().filter(|p| !p.is_empty());
    if let Some(Err(message)) = name.map(validate_name) {
        let help = "a name is ASCII without stars: for stars write `matchPattern`, for others punycode";
        findings.error("bad-name", &format!("{path}.matchName"), message, help);
    }
    if let Some(pattern) = pattern {
        check_pattern(pattern, &format!("{path}.matchPattern"), findings);
    }
    (name, pattern)
}

/// Reports what keeps `pattern` from being a `matchPattern`.
fn check_pattern(pattern: &str, path: &str, findings: &mut Findings) {
    if let Err(message) = validate_pattern(pattern) {
        findings.error("bad-name", path, message, "a pattern is a DNS name with `*`, at most 255 characters");
    }
}

/// Whether the agent accepts `name` as a `matchName`.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn validate_name(name: &str) -> Result<(), String> {
    match name.chars().find(|c| !is_name_char(*c)) {
        Some(bad) => Err(format!("`{bad}` cannot stand in a name")),
        None => Ok(()),
    }
}

/// Whether the agent accepts `pattern` as a `matchPattern`.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn validate_pattern(pattern: &str) -> Result<(), String> {
    if let Some(bad) = pattern.chars().find(|c| !is_name_char(*c) && *c != '*') {
        return Err(format!("`{bad}` cannot stand in a pattern"));
    }
    if pattern.len() > MAX {
        return Err(format!("a pattern of {} characters, more than {MAX}", pattern.len()));
    }
    Ok(())
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
