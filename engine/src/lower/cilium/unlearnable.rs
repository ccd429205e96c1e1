//! toFQDNs rules whose names nobody may ask for, so that no address is ever learned (T30).

use super::{
    assemble::Endpoint,
    peer::Ends,
    policy::{Lowered, Policy},
};
use crate::{
    cluster::EndKind,
    ir::{
        Attribute, DirectionLayer, Effect, NamePattern, NetworkLayer, Pattern, Rule, Selector, Unlearnable,
    },
    labels::Labels,
    matcher::name::matches_one,
    options::Options,
};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

/// A toFQDNs rule that can never have an address, and where that is so.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) rule: Unlearnable,
    /// Where the rule stands in its object.
    pub(crate) path: String,
    /// Whether any lookup passes the proxy.
    pub(crate) any_dns_rule: bool,
    /// The endpoint; none where the policy selects none that is known, and was judged by itself.
    pub(crate) endpoint: Option<String>,
}

impl Lowered {
    /// What the policy at `index` says alone, of an endpoint that it selects.
    fn alone(&self, index: usize, options: &Options) -> NetworkLayer {
        let Some(policy) = self.policies.get(index) else { return NetworkLayer::default() };
        let everything = Policy { subject: Selector::default(), ..policy.clone() };
        let kind = if policy.host { EndKind::Host } else { EndKind::Pod };
        let endpoint = Endpoint { kind, labels: &Labels::default(), ports: &[] };
        Self { policies: Vec::from([everything]) }.layer(&endpoint, options)
    }

    /// Every toFQDNs rule that can never have an address, once.
    pub(crate) fn unlearnable(&self, endpoints: &[(String, Endpoint<'_>)], options: &Options) -> Vec<Lost> {
        let mut found: Vec<Lost> = Vec::new();
        for (index, policy) in self.policies.iter().enumerate().filter(|(_, p)| names_something(p)) {
            let mut layers: Vec<(Option<String>, NetworkLayer)> = Vec::new();
            for (name, endpoint) in endpoints.iter().filter(|(_, e)| policy.selects(e)) {
                layers.push((Some(name.clone()), self.layer(endpoint, options)));
            }
            if layers.is_empty() {
                layers.push((None, self.alone(index, options)));
            }
            for (endpoint, layer) in layers {
                let any_dns_rule = !layer.egress.observed.is_empty();
                for rule in layer.egress.unlearnable {
                    let entry = policy.egress.entries.iter().find(|e| e.id == rule.id);
                    let known = found.iter().any(|f| f.rule.id == rule.id);
                    if let Some(entry) = entry.filter(|_| !known) {
                        let (path, endpoint) = (entry.path.clone(), endpoint.clone());
                        found.push(Lost { rule, path, any_dns_rule, endpoint });
                    }
                }
            }
        }
        found
    }
}

fn names_something(policy: &Policy) -> bool {
    policy.egress.entries.iter().any(|e| match &e.ends {
        Ends::Only(clauses) => {
            clauses.iter().flat_map(|c| &c.tests).any(|t| t.attribute == Attribute::PeerName)
        }
        Ends::Anyone => false,
    })
}

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
