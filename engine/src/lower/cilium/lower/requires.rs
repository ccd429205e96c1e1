//! `fromRequires` and `toRequires`: requirements on every peer of an endpoint (up to Cilium 1.18).
//!
//! They allow no peer by themselves. The agent adds all requirements of one direction to each `fromEndpoints` or
//! `toEndpoints` of that direction, of every policy; those of allow and deny rules separately.

use super::super::model::{Direction, Entry, PeerSpec, Policy};
use crate::ir::{Clause, Effect, Predicate, Requirement, Test};
use alloc::{collections::BTreeSet, vec, vec::Vec};

/// Returns the entries of the policies `selecting` with the requirements; `None` if no rule has a requirement.
pub(crate) fn narrowed<'a>(
    selecting: &[&'a Policy],
    of: impl Fn(&'a Policy) -> &'a Direction,
) -> Option<Vec<Entry>> {
    let with = |effect: Effect| -> Vec<Requirement> {
        let entries = selecting.iter().flat_map(|p| &of(p).entries).filter(|e| e.effect == effect);
        // Many policies have the same requirement, and each peer of each of them gets all.
        let mut known = BTreeSet::new();
        entries.flat_map(|e| &e.requires).filter(|requirement| known.insert(*requirement)).cloned().collect()
    };
    let (allow, deny) = (with(Effect::Allow), with(Effect::Deny));
    if allow.is_empty() && deny.is_empty() {
        return None;
    }
    let entries = selecting.iter().flat_map(|p| &of(p).entries).map(|entry| {
        let requirements = if entry.effect == Effect::Deny { &deny } else { &allow };
        narrow(entry, requirements)
    });
    Some(entries.collect())
}

fn narrow(entry: &Entry, requirements: &[Requirement]) -> Entry {
    let mut entry = entry.clone();
    if let PeerSpec::AnyOf(clauses) = &mut entry.peers
        && entry.by_endpoints
        && !requirements.is_empty()
    {
        for clause in clauses {
            *clause = require(core::mem::take(clause), requirements);
        }
    }
    entry
}

fn require(mut clause: Clause, requirements: &[Requirement]) -> Clause {
    if clause.tests.is_empty() {
        let everyone = crate::ir::Selector { requirements: requirements.to_vec() };
        clause.tests = vec![Test::labels([everyone])];
        return clause;
    }
    for test in &mut clause.tests {
        if let Predicate::Labels(selectors) = &mut test.predicate {
            for selector in selectors {
                selector.requirements.extend(requirements.iter().cloned());
            }
        }
    }
    clause
}
