//! toFQDNs rules whose names nobody may ask for, so that no address is ever learned
//! (docs/semantics/cilium.md#cilium-lookup-and-connection).

use super::{
    assemble::Endpoint,
    peer::Ends,
    policy::{Lowered, Policy},
};
use crate::{
    cluster::EndKind,
    ir::{DirectionLayer, Effect, NameAttribute, NamePattern, Predicate, Rule, Unlearnable},
    labels::Labels,
    matcher::{NameSet, name::matches_one},
    options::Options,
    rule_id::RuleId,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::ops::ControlFlow;

/// A toFQDNs rule that can never have an address, and where that is so.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) rule: Unlearnable,
    /// Where the rule stands in its object.
    pub(crate) path: String,
    /// Whether any lookup passes the proxy.
    pub(crate) any_dns_rule: bool,
    /// The endpoint; none if the policy selects none that is known, and was judged by itself.
    pub(crate) endpoint: Option<String>,
}

/// An endpoint by its name in reports.
type Named<'a> = (String, Endpoint<'a>);

impl Lowered {
    /// Returns the egress rules of an endpoint that `policy` alone selects.
    fn alone(&self, policy: &Policy, options: &Options) -> DirectionLayer {
        let kind = if policy.host { EndKind::Host } else { EndKind::Pod };
        let endpoint = Endpoint { kind, labels: &Labels::default(), ports: &[] };
        self.layer_by(&[policy], &endpoint, options).egress
    }

    /// Returns every toFQDNs rule that can never have an address, each once, in the order of the policies.
    ///
    /// Endpoints that the same subjects select have the same egress rules, so these are computed once for all of them.
    pub(crate) fn unlearnable(&self, endpoints: &[Named<'_>], options: &Options) -> Vec<Lost> {
        let naming: Vec<bool> = self.policies.iter().map(names_something).collect();
        if !naming.contains(&true) {
            return Vec::new();
        }
        let mut found = Found { places: self.places(&naming), rules: BTreeMap::new() };
        let subjects = self.subjects.of_policies();
        let naming_subjects: BTreeSet<usize> = subjects
            .iter()
            .filter(|(policy, _)| naming.get(**policy) == Some(&true))
            .map(|(_, s)| *s)
            .collect();
        let mut selected = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for (name, endpoint) in endpoints {
            let selecting = self.subjects.selecting(endpoint);
            if !selecting.iter().any(|subject| naming_subjects.contains(subject)) || seen.contains(&selecting)
            {
                continue;
            }
            found.add(self.layer_of(&selecting, endpoint, options).egress, Some(name));
            selected.extend(selecting.iter().copied());
            seen.insert(selecting);
        }
        for (place, (policy, _)) in
            self.policies.iter().zip(&naming).enumerate().filter(|(_, (_, names))| **names)
        {
            if !subjects.get(&place).is_some_and(|subject| selected.contains(subject)) {
                found.add(self.alone(policy, options), None);
            }
        }
        found.rules.into_values().collect()
    }

    /// Returns the place of each egress rule of the policies that are `naming` names: its number, and its path.
    fn places(&self, naming: &[bool]) -> BTreeMap<&RuleId, (usize, &str)> {
        let policies = self.policies.iter().zip(naming).filter(|(_, names)| **names);
        let entries = policies.flat_map(|(policy, _)| &policy.egress.entries).enumerate();
        entries.map(|(number, entry)| (&entry.id, (number, entry.path.as_str()))).collect()
    }
}

/// The rules without an address so far.
struct Found<'l> {
    places: BTreeMap<&'l RuleId, (usize, &'l str)>,
    /// By their numbers.
    rules: BTreeMap<usize, Lost>,
}

impl Found<'_> {
    fn add(&mut self, layer: DirectionLayer, endpoint: Option<&String>) {
        let any_dns_rule = !layer.lookups.is_empty();
        for rule in layer.unlearnable {
            if let Some((number, path)) = self.places.get(&rule.id) {
                self.rules.entry(*number).or_insert_with(|| Lost {
                    rule,
                    path: (*path).to_string(),
                    any_dns_rule,
                    endpoint: endpoint.cloned(),
                });
            }
        }
    }
}

fn names_something(policy: &Policy) -> bool {
    policy.egress.entries.iter().any(|e| match &e.ends {
        Ends::Only(clauses) => {
            let mut tests = clauses.iter().flat_map(|c| &c.tests);
            tests.any(|t| matches!(t.predicate, Predicate::Name(NameAttribute::Peer, _)))
        }
        Ends::Anyone => false,
    })
}

/// Returns the toFQDNs rules of `layer` with the names that the DNS proxy forwards for no rule.
pub(super) fn unlearnable(layer: &DirectionLayer) -> Vec<Unlearnable> {
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
            // The rule lets every lookup pass.
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

/// Returns those of `names` that have no name in common with any of `queries`, judged by a sample name of each pattern.
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

/// A name that `pattern` matches.
fn sample(pattern: &NamePattern) -> Box<str> {
    match pattern {
        NamePattern::Name(name) => name.clone(),
        NamePattern::Wildcard { pattern, .. } => pattern.replace("**", "*").replace('*', "x").into(),
    }
}

/// Why the names of `lost` have no address, and the remedy.
pub(crate) fn lost_name(lost: &Unlearnable, any_dns_rule: bool) -> String {
    let (names, why) = (lost.names.join("`, `"), lost_why(any_dns_rule));
    format!("`{names}` of {} never has an address: {why}; {}", lost.id, remedy(lost))
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
