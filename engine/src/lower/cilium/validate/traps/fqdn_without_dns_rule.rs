//! The search for `toFQDNs` rules without a DNS rule, over every endpoint of the cluster
//! (docs/semantics/cilium.md#cilium-lookup-and-connection).

use super::{
    super::super::{
        lower::{Endpoint, Lowered, lost_why, remedy},
        model::{PeerSpec, Policy},
    },
    objects::{NamedEndpoint, Objects},
};
use crate::{
    cluster::EndpointKind,
    diagnostic::{Diagnostic, Findings},
    ir::{DirectionLayer, NameAttribute, Predicate, Unlearnable},
    labels::Labels,
    options::Options,
    rule_id::RuleId,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Warns of each `toFQDNs` rule for whose names no DNS rule allows a lookup.
pub(super) fn check(
    lowered: &Lowered,
    endpoints: &[NamedEndpoint<'_>],
    options: &Options,
    objects: &Objects<'_>,
    findings: &mut Findings,
) {
    for lost in unlearnable(lowered, endpoints, options) {
        let of = lost.endpoint.map_or_else(String::new, |e| format!(" for {e}"));
        let (names, why) = (lost.rule.names.join("`, `"), lost_why(lost.any_dns_rule));
        let message = format!("`{names}` never has an address{of}: {why}");
        let finding = Diagnostic::warning("fqdn-without-dns-rule", message);
        let finding = finding.at(format!("{}.toFQDNs", lost.path)).help(remedy(&lost.rule));
        objects.add(&lost.rule.id.policy, finding, findings);
    }
}

/// A `toFQDNs` rule whose names never have an address.
struct Lost {
    rule: Unlearnable,
    /// The path of the rule in its object.
    path: String,
    /// Whether a DNS rule allows any lookup.
    any_dns_rule: bool,
    /// The endpoint; `None` if the policy selects no known endpoint and was evaluated by itself.
    endpoint: Option<String>,
}

/// Returns the egress rules of an endpoint that `policy` alone selects.
fn alone(lowered: &Lowered, policy: &Policy, options: &Options) -> DirectionLayer {
    let kind = if policy.is_host { EndpointKind::Host } else { EndpointKind::Pod };
    let endpoint = Endpoint { kind, labels: &Labels::default(), ports: &[] };
    lowered.layer_by(&[policy], &endpoint, options).egress
}

/// Returns every `toFQDNs` rule whose names never have an address, each once, in the order of the policies.
///
/// Endpoints that the same subjects select have the same egress rules, so these are computed once for all of them.
fn unlearnable(lowered: &Lowered, endpoints: &[NamedEndpoint<'_>], options: &Options) -> Vec<Lost> {
    let naming: Vec<bool> = lowered.policies().iter().map(names_something).collect();
    if !naming.contains(&true) {
        return Vec::new();
    }
    let mut found = Found { places: places(lowered, &naming), rules: BTreeMap::new() };
    let subjects = lowered.subjects().of_policies();
    let naming_subjects: BTreeSet<usize> =
        subjects.iter().filter(|(policy, _)| naming.get(**policy) == Some(&true)).map(|(_, s)| *s).collect();
    let mut selected = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (name, endpoint) in endpoints {
        let selecting = lowered.subjects().selecting(endpoint);
        if !selecting.iter().any(|subject| naming_subjects.contains(subject)) || seen.contains(&selecting) {
            continue;
        }
        found.add(lowered.layer_of(&selecting, endpoint, options).egress, Some(name));
        selected.extend(selecting.iter().copied());
        seen.insert(selecting);
    }
    for (place, (policy, _)) in
        lowered.policies().iter().zip(&naming).enumerate().filter(|(_, (_, names))| **names)
    {
        if !subjects.get(&place).is_some_and(|subject| selected.contains(subject)) {
            found.add(alone(lowered, policy, options), None);
        }
    }
    found.rules.into_values().collect()
}

/// Returns the place of each egress rule of the policies that are `naming` names: its number, and its path.
fn places<'l>(lowered: &'l Lowered, naming: &[bool]) -> BTreeMap<&'l RuleId, (usize, &'l str)> {
    let policies = lowered.policies().iter().zip(naming).filter(|(_, names)| **names);
    let entries = policies.flat_map(|(policy, _)| &policy.egress.entries).enumerate();
    entries.map(|(number, entry)| (&entry.id, (number, entry.path.as_str()))).collect()
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
    policy.egress.entries.iter().any(|e| match &e.peers {
        PeerSpec::AnyOf(clauses) => {
            let mut tests = clauses.iter().flat_map(|c| &c.tests);
            tests.any(|t| matches!(t.predicate, Predicate::Name(NameAttribute::Peer, _)))
        }
        PeerSpec::Any => false,
    })
}
