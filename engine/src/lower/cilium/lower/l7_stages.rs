//! The rules of a level whose connections a proxy inspects: first by TLS server name, then by request
//! (docs/semantics/cilium.md#cilium-server-names-same-selector).
//!
//! At each stage the proxy evaluates every rule that matches the flow. A rule without a condition allows everything.

use super::{
    super::model::{Entry, L7, PeerSpec, Port, PortGroup},
    conflict::selectors,
    map_state::{MapState, PortSelection, groups_of, rule_for},
    sni_scoped::SniScoped,
};
use crate::ir::{Clause, Effect, Field, Group, NameAttribute, Proxy, Rule, Section, Test};
use alloc::{vec, vec::Vec};

/// A check of the proxy, in the order in which it performs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    ServerName,
    Request,
}

impl Stage {
    /// Returns the effect of a rule whose conditions a connection meets.
    fn effect(self) -> Effect {
        match self {
            Self::ServerName => Effect::Proceed,
            Self::Request => Effect::Allow,
        }
    }

    /// Returns the conditions of `group` at this stage, of which one must match; `None` if the stage does not restrict
    /// it.
    fn conditions(self, group: &PortGroup) -> Option<Vec<Vec<Test>>> {
        match (self, group.l7()) {
            (Self::ServerName, _) if group.policy.has_server_names() => {
                let names = group.policy.server_names.iter().cloned();
                let field = Field::new("toPorts[#].serverNames").index(group.index);
                Some(vec![vec![Test::name(NameAttribute::ServerName, names).at(field)]])
            }
            (Self::Request, L7::Http(rules)) => Some(rules.clone()),
            // No flow here carries the content that the rules of another parser match.
            (Self::Request, L7::Other { is_unrestricted: false, .. }) => Some(Vec::new()),
            _ => None,
        }
    }

    /// Whether `group` allows everything at this stage.
    fn is_unrestricted(self, group: &PortGroup) -> bool {
        match self {
            Self::ServerName => !group.policy.has_server_names() && !group.policy.is_dns(),
            Self::Request => matches!(group.l7(), L7::None | L7::Other { is_unrestricted: true, .. }),
        }
    }

    /// Returns the proxy that denies the connections of `group` that meet no condition.
    fn proxy(self, group: &PortGroup) -> Proxy {
        match (self, group.l7()) {
            (_, L7::Other { .. }) => Proxy::Other,
            (Self::ServerName, _) => Proxy::Tls,
            (Self::Request, _) => Proxy::Http,
        }
    }
}

impl MapState<'_> {
    /// Adds the rules of the allow entries of one level, stage by stage.
    pub(super) fn add_l7_stages(&mut self, allow: &[&Entry]) {
        let mut sni_scoped = SniScoped::default();
        for (entry, group) in groups_of(allow).filter(|(_, group)| group.policy.has_server_names()) {
            sni_scoped.add(&group.ports, &selectors(&entry.peers));
        }
        if !sni_scoped.is_empty() {
            self.add_stage(allow, &sni_scoped, Stage::ServerName);
            let next = self.layer.rules.len() as u32;
            self.layer.stages.push(next);
        }
        self.add_stage(allow, &sni_scoped, Stage::Request);
    }

    /// Adds the rules of one stage: those with conditions, those without, and the denial of everything else. A port range
    /// without conditions does not lift the conditions of another rule on egress (CVE-2024-52529), so it comes last.
    fn add_stage(&mut self, allow: &[&Entry], sni_scoped: &SniScoped, stage: Stage) {
        let default_denies = self.add_conditional_rules(allow, sni_scoped, stage);
        for entry in allow {
            self.add_unrestricted_rules(entry, PortSelection::WithoutEgressRanges, sni_scoped, stage);
        }
        self.layer.rules.extend(default_denies);
        for entry in allow {
            self.add_unrestricted_rules(entry, PortSelection::EgressRanges, sni_scoped, stage);
        }
    }

    /// Adds the rules with conditions at `stage`, and returns the rules that deny what meets none of them.
    fn add_conditional_rules(&mut self, allow: &[&Entry], sni_scoped: &SniScoped, stage: Stage) -> Vec<Rule> {
        let none = SniScoped::default();
        let mut default_denies = Vec::new();
        for (entry, group) in groups_of(allow) {
            let Some(conditions) = stage.conditions(group) else { continue };
            let proxy = stage.proxy(group);
            let scoped = if group.policy.has_server_names() { &none } else { sni_scoped };
            for (peers, ports) in split(entry, group, scoped) {
                let ports = self.ports.clauses(self.tier, group, &ports);
                let mut rule = rule_for(entry, &peers, Some(ports), stage.effect());
                default_denies.push(Rule { effect: Effect::Refuse(proxy), ..rule.clone() });
                if !conditions.iter().any(Vec::is_empty) {
                    let clause = |(tests, index): (&Vec<Test>, u32)| Clause { tests: tests.clone(), index };
                    let clauses = conditions.iter().zip(0..).map(clause).collect();
                    rule.groups.push(Group { section: Section::L7, clauses });
                }
                self.push(rule);
            }
        }
        default_denies
    }

    /// Adds the rules for the groups of `entry` without conditions at `stage`. At the stage of server names they do not
    /// apply to the ports and selectors of a rule with server names
    /// (docs/semantics/cilium.md#cilium-server-names-same-selector).
    fn add_unrestricted_rules(
        &mut self,
        entry: &Entry,
        selection: PortSelection,
        sni_scoped: &SniScoped,
        stage: Stage,
    ) {
        let own = selectors(&entry.peers);
        let is_scoped = |group: &PortGroup| {
            !group.policy.has_server_names() && sni_scoped.contains_any(&group.ports, &own)
        };
        let unrestricted = entry.port_groups().filter(|group| stage.is_unrestricted(group));
        let (whole, scoped): (Vec<_>, Vec<_>) =
            unrestricted.partition(|group| stage == Stage::Request || !is_scoped(group));
        self.add_entry(entry, &stage.effect(), &whole, selection);
        for group in scoped {
            for (peers, ports) in split(entry, group, sni_scoped) {
                let ports: Vec<Port> =
                    ports.into_iter().filter(|port| self.includes(selection, port)).collect();
                if !ports.is_empty() {
                    let ports = self.ports.clauses(self.tier, group, &ports);
                    self.push(rule_for(entry, &peers, Some(ports), stage.effect()));
                }
            }
        }
    }
}

/// Returns the peers and ports of `group` of `entry` without the pairs of port and selector in `sni_scoped`.
fn split(entry: &Entry, group: &PortGroup, sni_scoped: &SniScoped) -> Vec<(PeerSpec, Vec<Port>)> {
    if sni_scoped.is_empty() {
        return vec![(entry.peers.clone(), group.ports.clone())];
    }
    let own = selectors(&entry.peers);
    let (scoped, rest): (Vec<_>, Vec<_>) = own
        .into_iter()
        .partition(|selector| group.ports.iter().any(|port| sni_scoped.contains(port, selector)));
    if scoped.is_empty() {
        return vec![(entry.peers.clone(), group.ports.clone())];
    }
    let only = |selectors: Vec<Vec<Test>>| {
        PeerSpec::AnyOf(selectors.into_iter().map(|tests| Clause { tests, index: 0 }).collect())
    };
    let mut parts = Vec::new();
    for selector in scoped {
        let ports: Vec<Port> =
            group.ports.iter().filter(|port| !sni_scoped.contains(port, &selector)).cloned().collect();
        if !ports.is_empty() {
            parts.push((only(vec![selector]), ports));
        }
    }
    if !rest.is_empty() {
        parts.push((only(rest), group.ports.clone()));
    }
    parts
}
