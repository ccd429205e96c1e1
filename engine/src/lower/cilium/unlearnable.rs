//! toFQDNs rules whose names nobody may ask for, so that no address is ever learned (T30).

use crate::{
    ir::{Attribute, DirectionLayer, Effect, NamePattern, Pattern, Rule, Unlearnable},
    matcher::name::matches_one,
    options::Options,
};
use alloc::{boxed::Box, string::ToString, vec::Vec};

/// The toFQDNs rules of `layer` some of whose names no observed lookup may be about.
pub(super) fn unlearnable(layer: &DirectionLayer) -> Vec<Unlearnable> {
    let observed = |rule: &&Rule| layer.observed.iter().any(|o| o.id == rule.id);
    let asked: Vec<&Rule> =
        layer.rules.iter().filter(|r| r.effect == Effect::Allow).filter(observed).collect();
    let mut found = Vec::new();
    for rule in layer.rules.iter().filter(|r| r.effect == Effect::Allow) {
        let names = patterns(rule, &Attribute::PeerName);
        let names = names.filter(|name| !asked.iter().any(|rule| may_ask(rule, name)));
        let names: Vec<Box<str>> = names.map(|n| n.to_string().into()).collect();
        if !names.is_empty() {
            found.push(Unlearnable { id: rule.id.clone(), names });
        }
    }
    found
}

fn patterns<'r>(rule: &'r Rule, attribute: &'r Attribute) -> impl Iterator<Item = &'r NamePattern> {
    let tests = rule.groups.iter().flat_map(|g| &g.clauses).flat_map(|c| &c.tests);
    let tests = tests.filter(move |t| t.attribute == *attribute);
    tests.flat_map(|t| &t.patterns).filter_map(|p| match p {
        Pattern::Name(name) => Some(name),
        _ => None,
    })
}

/// Whether some name that `name` stands for may be asked for by `rule`; without names of its own it lets every
/// name pass.
fn may_ask(rule: &Rule, name: &NamePattern) -> bool {
    let mut queries = patterns(rule, &Attribute::DnsQuery).peekable();
    queries.peek().is_none() || queries.any(|query| overlap(query, name))
}

/// Whether the two have a name in common, judged by a name of each.
fn overlap(a: &NamePattern, b: &NamePattern) -> bool {
    matches_one(a, sample(b).as_bytes()) || matches_one(b, sample(a).as_bytes())
}

/// A name that `pattern` matches.
fn sample(pattern: &NamePattern) -> Box<str> {
    match pattern {
        NamePattern::Name(name) => name.clone(),
        NamePattern::Wildcard { pattern, .. } => pattern.replace("**", "*").replace('*', "x").into(),
    }
}

/// Why the names of `lost` have no address, and the remedy.
pub(crate) fn lost_name(lost: &Unlearnable, any_dns_rule: bool) -> alloc::string::String {
    let (names, why) = (lost.names.join("`, `"), lost_why(any_dns_rule));
    alloc::format!("`{names}` of {} never has an address: {why}; {}", lost.id, remedy(lost))
}

/// Whether `name`, in canonical form, is one of those `lost` is about.
pub(crate) fn is_lost(lost: &Unlearnable, name: &str, options: &Options) -> bool {
    lost.names.iter().any(|n| matches_one(&super::name::wildcard(n, false, options), name.as_bytes()))
}

/// Why a name has no address.
pub(crate) fn lost_why(any_dns_rule: bool) -> &'static str {
    if any_dns_rule {
        "no DNS rule lets the pod ask for it"
    } else {
        "without `rules.dns` on port 53 no lookup passes the DNS proxy and no name is ever learned"
    }
}

/// The DNS rule that is missing.
pub(crate) fn remedy(lost: &Unlearnable) -> alloc::string::String {
    let items: Vec<_> = lost
        .names
        .iter()
        .map(|name| {
            let field = if name.contains('*') { "matchPattern" } else { "matchName" };
            alloc::format!("{{{field}: \"{name}\"}}")
        })
        .collect();
    alloc::format!("add `rules: {{dns: [{}]}}` to the `toPorts` that opens port 53", items.join(", "))
}
