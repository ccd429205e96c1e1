//! The rules of one direction in order of precedence, as Cilium's `mapState` orders the entries of a policy map
//! (docs/semantics/cilium.md#cilium-merge-same-selector).

use super::{
    super::model::{Entry, PeerSpec, Port, PortGroup, Ports},
    port_clauses::PortClauses,
};
use crate::{
    ir::{DirectionLayer, Effect, Group, Rule, Section},
    rule_id::RuleId,
};
use alloc::{collections::BTreeSet, vec::Vec};

/// Collects the rules of one direction of an endpoint.
#[derive(Debug)]
pub(super) struct MapState<'a> {
    pub(super) ports: PortClauses<'a>,
    /// Whether proxies deny requests: since 1.18 only with default deny
    /// (docs/semantics/cilium.md#cilium-l7-without-default-deny).
    pub(super) enforces_l7: bool,
    /// The entries that have a rule already.
    with_rule: BTreeSet<RuleId>,
    /// The tier of the level that is being added.
    pub(super) tier: u8,
    pub(super) layer: DirectionLayer,
}

/// The ports of an entry that a rule includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortSelection {
    All,
    /// All but the port ranges on egress.
    WithoutEgressRanges,
    /// The port ranges on egress alone.
    EgressRanges,
}

impl PortSelection {
    fn includes(self, port: &Port, is_egress: bool) -> bool {
        match self {
            Self::All => true,
            Self::WithoutEgressRanges => !(is_egress && port.is_range()),
            Self::EgressRanges => is_egress && port.is_range(),
        }
    }
}

impl<'a> MapState<'a> {
    pub(super) fn new(ports: PortClauses<'a>, enforces_l7: bool) -> Self {
        let (with_rule, layer) = (BTreeSet::new(), DirectionLayer::default());
        Self { ports, enforces_l7, with_rule, tier: 0, layer }
    }

    /// Adds the rules of `entries`, which are sorted by level.
    pub(super) fn add(&mut self, entries: &[&Entry]) {
        for tier in entries.chunk_by(|a, b| a.level.tier == b.level.tier) {
            if !self.layer.rules.is_empty() {
                self.layer.tiers.push(self.layer.rules.len() as u32);
            }
            tier.chunk_by(|a, b| a.level == b.level).for_each(|level| self.add_level(level));
        }
    }

    /// Adds the rules of one level: deny, then redirects to the DNS proxy, then allow, then pass.
    fn add_level(&mut self, entries: &[&Entry]) {
        self.tier = entries.first().map_or(0, |entry| entry.level.tier);
        let with = |effect: Effect| entries.iter().filter(move |entry| entry.effect == effect);
        for entry in with(Effect::Deny) {
            self.add_entry(entry, &Effect::Deny, &all_groups(entry), PortSelection::All);
        }
        let allow: Vec<&Entry> = with(Effect::Allow).copied().collect();
        for (entry, group) in groups_of(&allow) {
            if group.policy.is_dns() {
                // A lookup at the server is redirected to the DNS proxy, even if another rule allows the server
                // (docs/semantics/cilium.md#cilium-dns-not-lifted).
                let ports = self.ports.clauses(self.tier, group, &group.ports);
                self.push(rule(entry, Some(ports), Effect::Redirect));
            }
            if group.policy.terminating.is_some() {
                let ports = self.ports.clauses(self.tier, group, &group.ports);
                self.layer.terminated.push(rule(entry, Some(ports), Effect::Allow));
            }
        }
        let has_l7 = groups_of(&allow).any(|(_, group)| !group.policy.is_plain() && !group.policy.is_dns());
        if self.enforces_l7 && has_l7 {
            self.add_l7_stages(&allow);
            self.layer.resumes.push(self.layer.rules.len() as u32);
        } else {
            for entry in &allow {
                let groups: Vec<_> = entry.port_groups().filter(|group| !group.policy.is_dns()).collect();
                self.add_entry(entry, &Effect::Allow, &groups, PortSelection::All);
            }
        }
        for entry in with(Effect::Pass) {
            self.add_entry(entry, &Effect::Pass, &all_groups(entry), PortSelection::All);
        }
    }

    /// Adds the rule of `entry` for the selected ports of `groups`, which are some of its own.
    pub(super) fn add_entry(
        &mut self,
        entry: &Entry,
        effect: &Effect,
        groups: &[&PortGroup],
        selection: PortSelection,
    ) {
        let has_rule = self.with_rule.contains(&entry.id);
        let ports = match (&entry.ports, &entry.peers) {
            // An entry without peers and ports only enables default deny (docs/semantics/cilium.md#cilium-empty-entry).
            (Ports::Any, PeerSpec::Any) if has_rule => return,
            (Ports::Any, PeerSpec::Any) => Some(Group { section: Section::Peer, clauses: Vec::new() }),
            (Ports::Any, PeerSpec::AnyOf(_)) if self.includes(selection, &Port::ALL) => None,
            (Ports::Any, PeerSpec::AnyOf(_)) => return,
            (Ports::Listed(_), _) => {
                let ports = self.ports.clauses_of(self.tier, groups, |port| self.includes(selection, port));
                if ports.clauses.is_empty() && has_rule {
                    return;
                }
                Some(ports)
            }
        };
        self.push(rule(entry, ports, effect.clone()));
    }

    pub(super) fn push(&mut self, rule: Rule) {
        self.with_rule.insert(rule.id.clone());
        self.layer.rules.push(rule);
    }

    pub(super) fn includes(&self, selection: PortSelection, port: &Port) -> bool {
        selection.includes(port, self.ports.is_egress)
    }
}

/// Returns each group of `entries` with its entry.
pub(super) fn groups_of<'e>(entries: &'e [&'e Entry]) -> impl Iterator<Item = (&'e Entry, &'e PortGroup)> {
    entries.iter().flat_map(|entry| entry.port_groups().map(move |group| (*entry, group)))
}

fn all_groups(entry: &Entry) -> Vec<&PortGroup> {
    entry.port_groups().collect()
}

/// Returns the rule of `entry` for `ports`.
pub(super) fn rule(entry: &Entry, ports: Option<Group>, effect: Effect) -> Rule {
    rule_for(entry, &entry.peers, ports, effect)
}

/// Returns the rule of `entry` for `peers`, which are some of its own, and `ports`.
pub(super) fn rule_for(entry: &Entry, peers: &PeerSpec, ports: Option<Group>, effect: Effect) -> Rule {
    let mut groups = Vec::new();
    if let PeerSpec::AnyOf(clauses) = peers
        && !clauses.iter().any(|clause| clause.tests.is_empty())
    {
        groups.push(Group { section: Section::Peer, clauses: clauses.clone() });
    }
    groups.extend(ports);
    Rule { id: entry.id.clone(), effect, groups }
}
