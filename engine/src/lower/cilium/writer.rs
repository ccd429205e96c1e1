//! Writes the entries of one level as rules in order of precedence
//! (docs/semantics/cilium.md#cilium-merge-same-selector).

use super::{
    assemble::Endpoint,
    conflict::selectors,
    guarded::Guarded,
    l7::L7,
    named_port::{PortNumbers, RangeEnds},
    peer::Ends,
    policy::Entry,
    port::{Number, Port, PortGroup, Ports},
};
use crate::{
    ir::{
        Clause, DirectionLayer, Effect, Group, NameAttribute, Proxy, Rule, Section, Test, Text,
        TextAttribute, TransportRange,
    },
    rule_id::RuleId,
};
use alloc::{collections::BTreeSet, vec, vec::Vec};

pub(super) struct Writer<'a> {
    pub(super) endpoint: &'a Endpoint<'a>,
    pub(super) is_egress: bool,
    /// Whether a proxy refuses anything: since 1.18 not without default deny
    /// (docs/semantics/cilium.md#cilium-l7-without-default-deny).
    pub(super) refuses: bool,
    /// The entries that have a rule already.
    pub(super) known: BTreeSet<RuleId>,
    /// Ends of the ranges that begin at a named port (docs/semantics/cilium.md#cilium-named-port-range).
    pub(super) range_ends: RangeEnds,
    /// What port names stand for on egress.
    pub(super) numbers: &'a PortNumbers,
    /// The tier of the level being written.
    pub(super) tier: u8,
    pub(super) layer: DirectionLayer,
}

impl Writer<'_> {
    fn push(&mut self, rule: Rule) {
        self.known.insert(rule.id.clone());
        self.layer.rules.push(rule);
    }

    /// Deny, then redirects to a proxy, then the rest of allow, then pass.
    pub(super) fn level(&mut self, entries: &[&Entry]) {
        self.tier = entries.first().map_or(0, |entry| entry.level.tier);
        let of = |effect: Effect| entries.iter().filter(move |e| e.effect == effect);
        for entry in of(Effect::Deny) {
            self.plain(entry, Effect::Deny, &|_| true, &|_| true);
        }
        let allow: Vec<&Entry> = of(Effect::Allow).copied().collect();
        let is_dns = |group: &PortGroup| matches!(group.l7(), L7::Dns(_));
        for (entry, group) in allow.iter().flat_map(|e| groups(e).map(move |g| (e, g))) {
            if is_dns(group) {
                // A lookup at the server goes to the DNS proxy, whatever else reaches the server
                // (docs/semantics/cilium.md#cilium-dns-not-lifted).
                let rule = self.rule(entry, Some(self.ports(&[group], |_| true)), Effect::Redirect);
                self.push(rule);
            }
            if group.seen.terminating.is_some() {
                let rule = self.rule(entry, Some(self.ports(&[group], |_| true)), Effect::Allow);
                self.layer.terminated.push(rule);
            }
        }
        let restricted = |e: &&Entry| groups(e).any(|g| !g.seen.is_plain() && !is_dns(g));
        if self.refuses && allow.iter().any(restricted) {
            self.inspected(&allow);
            self.layer.resumes.push(self.layer.rules.len() as u32);
        } else {
            for entry in &allow {
                self.plain(entry, Effect::Allow, &|_| true, &|g| !is_dns(g));
            }
        }
        for entry in of(Effect::Pass) {
            self.plain(entry, Effect::Pass, &|_| true, &|_| true);
        }
    }

    /// The rules of a level where proxies look at TLS or requests: whoever gets through them, then who may not.
    ///
    /// The proxy asks for the server name first and for the request then, each of all rules that are about the flow: a
    /// rule that asks for nothing lets everything through.
    fn inspected(&mut self, allow: &[&Entry]) {
        let named = |g: &PortGroup| !g.seen.server_names.is_empty();
        let mut guarded = Guarded::default();
        for (entry, group) in
            allow.iter().flat_map(|e| groups(e).map(move |g| (e, g))).filter(|(_, g)| named(g))
        {
            guarded.add(&group.ports, &selectors(&entry.ends));
        }
        if !guarded.is_empty() {
            self.stage(allow, &guarded, Stage::ServerName);
            let next = self.layer.rules.len() as u32;
            self.layer.stages.push(next);
        }
        self.stage(allow, &guarded, Stage::Request);
    }

    fn stage(&mut self, allow: &[&Entry], guarded: &Guarded, stage: Stage) {
        let (effect, proxy) = match stage {
            Stage::ServerName => (Effect::Proceed, Proxy::Tls),
            Stage::Request => (Effect::Allow, Proxy::Http),
        };
        let none = Guarded::default();
        let mut fences = Vec::new();
        for (entry, group) in allow.iter().flat_map(|e| groups(e).map(move |g| (e, g))) {
            let asks = match (stage, group.l7()) {
                (Stage::ServerName, _) if !group.seen.server_names.is_empty() => {
                    let names = group.seen.server_names.iter().cloned();
                    let test = Test::name(NameAttribute::ServerName, names);
                    vec![vec![test]]
                }
                (Stage::Request, L7::Http(rules)) => rules.clone(),
                (Stage::Request, L7::Other { free: false, .. }) => Vec::new(),
                _ => continue,
            };
            let proxy = if matches!(group.l7(), L7::Other { .. }) { Proxy::Other } else { proxy };
            let is_named = !group.seen.server_names.is_empty();
            for (ends, ports) in self.pieces(entry, group, if is_named { &none } else { guarded }) {
                let ports = self.port_group(group.index, &ports);
                let mut rule = self.rule_of(entry, &ends, Some(ports), effect.clone());
                fences.push(Rule { effect: Effect::Refuse(proxy), ..rule.clone() });
                if !asks.iter().any(Vec::is_empty) {
                    let clause = |(tests, index): (&Vec<Test>, u32)| Clause { tests: tests.clone(), index };
                    let clauses = asks.iter().zip(0..).map(clause).collect();
                    rule.groups.push(Group { section: Section::L7, clauses });
                }
                self.push(rule);
            }
        }
        // What asks for nothing at this stage. A range does not lift what is asked on egress (CVE-2024-52529).
        let silent = |g: &PortGroup| match stage {
            Stage::ServerName => g.seen.server_names.is_empty() && !matches!(g.l7(), L7::Dns(_)),
            Stage::Request => matches!(g.l7(), L7::None | L7::Other { free: true, .. }),
        };
        let is_egress = self.is_egress;
        let late = |port: &Port| is_egress && port.is_range();
        for entry in allow {
            self.silent(entry, &effect, &|p| !late(p), &silent, guarded, stage);
        }
        self.layer.rules.extend(fences);
        for entry in allow {
            self.silent(entry, &effect, &late, &silent, guarded, stage);
        }
    }

    /// The rules for the groups of `entry` that are `silent`, without what a rule with server names on the very same
    /// ports and selector takes in (docs/semantics/cilium.md#cilium-server-names-same-selector).
    fn silent(
        &mut self,
        entry: &Entry,
        effect: &Effect,
        wanted: &dyn Fn(&Port) -> bool,
        silent: &dyn Fn(&PortGroup) -> bool,
        guarded: &Guarded,
        stage: Stage,
    ) {
        let own = selectors(&entry.ends);
        let taken = |g: &PortGroup| {
            g.seen.server_names.is_empty()
                && g.ports.iter().any(|port| own.iter().any(|selector| guarded.contains(port, selector)))
        };
        let whole = |g: &PortGroup| silent(g) && (stage == Stage::Request || !taken(g));
        self.plain(entry, effect.clone(), wanted, &whole);
        for group in groups(entry).filter(|g| silent(g) && !whole(g)) {
            for (ends, ports) in self.pieces(entry, group, guarded) {
                let ports: Vec<Port> = ports.into_iter().filter(|p| wanted(p)).collect();
                if !ports.is_empty() {
                    let ports = self.port_group(group.index, &ports);
                    let rule = self.rule_of(entry, &ends, Some(ports), effect.clone());
                    self.push(rule);
                }
            }
        }
    }

    /// `group` of `entry` without the pairs of port and selector in `guarded`.
    fn pieces(&self, entry: &Entry, group: &PortGroup, guarded: &Guarded) -> Vec<(Ends, Vec<Port>)> {
        if guarded.is_empty() {
            return vec![(entry.ends.clone(), group.ports.clone())];
        }
        let (hit, rest): (Vec<_>, Vec<_>) = selectors(&entry.ends)
            .into_iter()
            .partition(|s| group.ports.iter().any(|p| guarded.contains(p, s)));
        if hit.is_empty() {
            return vec![(entry.ends.clone(), group.ports.clone())];
        }
        let only = |selectors: Vec<Vec<Test>>| {
            Ends::Only(selectors.into_iter().map(|tests| Clause { tests, index: 0 }).collect())
        };
        let mut pieces = Vec::new();
        for selector in hit {
            let ports: Vec<Port> =
                group.ports.iter().filter(|p| !guarded.contains(p, &selector)).cloned().collect();
            if !ports.is_empty() {
                pieces.push((only(vec![selector]), ports));
            }
        }
        if !rest.is_empty() {
            pieces.push((only(rest), group.ports.clone()));
        }
        pieces
    }

    /// The rule for those groups of `entry` that `which` picks, and of them the ports that `wanted` picks.
    fn plain(
        &mut self,
        entry: &Entry,
        effect: Effect,
        wanted: &dyn Fn(&Port) -> bool,
        which: &dyn Fn(&PortGroup) -> bool,
    ) {
        let known = self.known.contains(&entry.id);
        let ports = match (&entry.ports, &entry.ends) {
            // Neither who nor what: the entry only arms default deny (docs/semantics/cilium.md#cilium-empty-entry).
            (Ports::Any, Ends::Anyone) if known => return,
            (Ports::Any, Ends::Anyone) => Some(Group { section: Section::Peer, clauses: Vec::new() }),
            (Ports::Any, Ends::Only(_)) if wanted(&Port::ALL) => None,
            (Ports::Any, Ends::Only(_)) => return,
            (Ports::Listed(list), _) => {
                let plain: Vec<&PortGroup> = list.iter().filter(|g| which(g)).collect();
                let ports = self.ports(&plain, wanted);
                if ports.clauses.is_empty() && known {
                    return;
                }
                Some(ports)
            }
        };
        let rule = self.rule(entry, ports, effect);
        self.push(rule);
    }

    pub(super) fn rule(&self, entry: &Entry, ports: Option<Group>, effect: Effect) -> Rule {
        self.rule_of(entry, &entry.ends, ports, effect)
    }

    pub(super) fn rule_of(&self, entry: &Entry, ends: &Ends, ports: Option<Group>, effect: Effect) -> Rule {
        let mut groups = Vec::new();
        if let Ends::Only(clauses) = ends
            && !clauses.iter().any(|c| c.tests.is_empty())
        {
            groups.push(Group { section: Section::Peer, clauses: clauses.clone() });
        }
        groups.extend(ports);
        Rule { id: entry.id.clone(), effect, groups }
    }

    fn ports(&self, list: &[&PortGroup], wanted: impl Fn(&Port) -> bool) -> Group {
        let mut clauses = Vec::new();
        for group in list {
            let ports: Vec<Port> = group.ports.iter().filter(|p| wanted(p)).cloned().collect();
            clauses.extend(self.port_group(group.index, &ports).clauses);
        }
        Group { section: Section::Ports, clauses }
    }

    /// One clause for the numbers of `ports`, and one for each name.
    fn port_group(&self, index: u32, ports: &[Port]) -> Group {
        let mut clauses = Vec::new();
        let mut ranges = Vec::new();
        {
            for port in ports {
                match &port.number {
                    Number::Range(first, last) => {
                        ranges.push(TransportRange::new(port.protocol, *first, *last));
                    }
                    Number::Named(_) if self.is_egress && !self.numbers.by_destination => {
                        let end = self.range_ends.of(self.tier, port);
                        let range = |first: u16| TransportRange::new(port.protocol, first, end.max(first));
                        ranges.extend(self.numbers.of(port).into_iter().map(range));
                    }
                    Number::Named(name) if self.is_egress => {
                        let all = TransportRange::new(port.protocol, 0, u16::MAX);
                        let name = Text::Exact(name.clone());
                        let tests = vec![Test::text(TextAttribute::PortName, [name]), Test::transport([all])];
                        clauses.push(Clause { tests, index });
                    }
                    Number::Named(name) => {
                        let own = self.endpoint.ports.iter();
                        let own = own.filter(|p| p.name == **name && p.protocol == port.protocol);
                        let end = self.range_ends.of(self.tier, port);
                        ranges.extend(own.map(|p| {
                            let last = end.max(p.port);
                            TransportRange::new(port.protocol, p.port, last)
                        }));
                    }
                }
            }
            if !ranges.is_empty() {
                let tests = vec![Test::transport(ranges)];
                clauses.push(Clause { tests, index });
            }
        }
        Group { section: Section::Ports, clauses }
    }
}

/// What the proxy asks for, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    ServerName,
    Request,
}

pub(super) fn groups(entry: &Entry) -> impl Iterator<Item = &PortGroup> {
    match &entry.ports {
        Ports::Any => Default::default(),
        Ports::Listed(groups) => groups.iter(),
    }
}
