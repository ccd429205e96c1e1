//! `toFQDNs` rules for whose names no DNS rule allows a lookup, so that no address is ever learned
//! (docs/semantics/cilium.md#cilium-lookup-and-connection).

use super::super::model::name::wildcard;
use crate::{
    ir::{DirectionLayer, Effect, NameAttribute, NamePattern, Predicate, Rule, Unlearnable},
    matcher::{NameSet, name::matches_one},
    options::Options,
};
use alloc::{
    boxed::Box,
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::ops::ControlFlow;

/// Returns the toFQDNs rules of `layer` with the names that the DNS proxy forwards for no rule.
pub(crate) fn unlearnable(layer: &DirectionLayer) -> Vec<Unlearnable> {
    let allow = || layer.rules.iter().filter(|rule| rule.effect == Effect::Allow);
    let mut names = BTreeSet::new();
    for rule in allow() {
        names.extend(patterns(rule, NameAttribute::Peer));
    }
    if names.is_empty() {
        return Vec::new();
    }
    let mut queries = BTreeSet::new();
    for rule in layer.lookups.iter().filter(|rule| rule.effect == Effect::Allow) {
        let mut own = patterns(rule, NameAttribute::DnsQuery).peekable();
        if own.peek().is_none() {
            // The rule allows every lookup.
            return Vec::new();
        }
        queries.extend(own);
    }
    let lost = without_overlap(names, &queries);
    let mut found = Vec::new();
    for rule in allow() {
        let names = patterns(rule, NameAttribute::Peer).filter(|name| lost.contains(name));
        let names: Vec<Box<str>> = names.map(|name| name.to_string().into()).collect();
        if !names.is_empty() {
            found.push(Unlearnable { id: rule.id.clone(), names });
        }
    }
    found
}

/// Returns those of `names` that have no name in common with any of `queries`, by a sample name of each pattern.
fn without_overlap<'n>(
    names: BTreeSet<&'n NamePattern>,
    queries: &BTreeSet<&NamePattern>,
) -> BTreeSet<&'n NamePattern> {
    let queried = NameSet::new(queries.iter().copied());
    let rest: Vec<&NamePattern> =
        names.into_iter().filter(|name| !queried.matches(sample(name).as_bytes())).collect();
    let wanted = NameSet::new(rest.iter().copied());
    let mut learnable: Vec<bool> = rest.iter().map(|_| false).collect();
    for query in queries {
        let _ = wanted.each(sample(query).as_bytes(), |place| {
            learnable.get_mut(place as usize).into_iter().for_each(|learnable| *learnable = true);
            ControlFlow::Continue(())
        });
    }
    rest.into_iter().zip(learnable).filter(|(_, learnable)| !learnable).map(|(name, _)| name).collect()
}

fn patterns(rule: &Rule, attribute: NameAttribute) -> impl Iterator<Item = &NamePattern> {
    let tests = rule.groups.iter().flat_map(|g| &g.clauses).flat_map(|c| &c.tests);
    let lists = tests.filter_map(move |t| match &t.predicate {
        Predicate::Name(own, names) if *own == attribute => Some(names),
        _ => None,
    });
    lists.flatten()
}

/// Returns a name that `pattern` matches.
fn sample(pattern: &NamePattern) -> Box<str> {
    match pattern {
        NamePattern::Name(name) => name.clone(),
        NamePattern::Wildcard { pattern, .. } => pattern.replace("**", "*").replace('*', "x").into(),
    }
}

/// Describes why the names of `lost` have no address, with a suggestion.
pub(crate) fn lost_name(lost: &Unlearnable, any_dns_rule: bool) -> String {
    let (names, why) = (lost.names.join("`, `"), lost_why(any_dns_rule));
    format!("`{names}` of {} never has an address: {why}; {}", lost.id, remedy(lost))
}

/// Whether `name`, in canonical form, is one of the names of `lost`.
pub(crate) fn is_lost(lost: &Unlearnable, name: &str, options: &Options) -> bool {
    lost.names.iter().any(|n| matches_one(&wildcard(n, false, options), name.as_bytes()))
}

/// Describes why a name has no address.
pub(crate) fn lost_why(any_dns_rule: bool) -> &'static str {
    if any_dns_rule {
        "no DNS rule lets the pod ask for it"
    } else {
        "without `rules.dns` on port 53 no lookup passes the DNS proxy and no name is ever learned"
    }
}

/// Returns the suggestion to add the missing DNS rule.
pub(crate) fn remedy(lost: &Unlearnable) -> String {
    let items: Vec<_> = lost
        .names
        .iter()
        .map(|name| {
            let field = if name.contains('*') { "matchPattern" } else { "matchName" };
            format!("{{{field}: \"{name}\"}}")
        })
        .collect();
    format!("add `rules: {{dns: [{}]}}` to the `toPorts` that opens port 53", items.join(", "))
}
