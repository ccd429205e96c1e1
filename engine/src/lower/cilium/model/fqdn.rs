//! The items of `toFQDNs` and `rules.dns`.

use super::{
    fault::{Faults, PeerFault},
    name::{canonical, validate_name, validate_pattern, wildcard},
};
use crate::{
    ir::{Clause, NameAttribute, NamePattern, Test},
    options::Options,
    resource::cilium::{DnsRule, FqdnSelector},
};
use alloc::{format, string::String, vec, vec::Vec};

/// Returns the clause of the `toFQDNs` list at `path`.
pub(super) fn peer_clause(
    list: &[FqdnSelector],
    path: &str,
    options: &Options,
    faults: &mut Faults,
) -> Clause {
    let mut patterns = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let (name, pattern) = fields(&item.match_name, &item.match_pattern, &at, faults);
        match (name, pattern) {
            (Some(_), Some(_)) => faults.add(at, PeerFault::NameAndPattern),
            (Some(name), None) => patterns.push(NamePattern::Name(canonical(name))),
            (None, Some(pattern)) => patterns.push(wildcard(pattern, false, options)),
            // An empty item matches the root name.
            (None, None) => patterns.push(NamePattern::Name(".".into())),
        }
    }
    let test = Test::name(NameAttribute::Peer, patterns);
    Clause { tests: vec![test], index: 0 }
}

/// Returns the names that the `rules.dns` list at `path` allows. An item with both fields allows both.
pub(super) fn queries(
    list: &[DnsRule],
    path: &str,
    options: &Options,
    faults: &mut Faults,
) -> Vec<NamePattern> {
    let mut patterns = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let (name, pattern) = fields(&item.match_name, &item.match_pattern, &at, faults);
        patterns.extend(name.map(|n| NamePattern::Name(canonical(n))));
        patterns.extend(pattern.map(|p| wildcard(p, true, options)));
    }
    patterns
}

/// Returns the two fields of an item unless they are empty.
fn fields<'a>(
    name: &'a Option<String>,
    pattern: &'a Option<String>,
    path: &str,
    faults: &mut Faults,
) -> (Option<&'a str>, Option<&'a str>) {
    let name = name.as_deref().filter(|n| !n.is_empty());
    let pattern = pattern.as_deref().filter(|p| !p.is_empty());
    if let Some(Err(reason)) = name.map(validate_name) {
        faults.add(format!("{path}.matchName"), PeerFault::InvalidName(reason));
    }
    if let Some(Err(reason)) = pattern.map(validate_pattern) {
        faults.add(format!("{path}.matchPattern"), PeerFault::InvalidPattern(reason));
    }
    (name, pattern)
}
