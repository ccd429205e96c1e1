//! The rules of one endpoint in order of precedence (`spec/cilium.md` 0, 2.1 and 2.9).

use super::{
    l7::L7,
    peer::Ends,
    policy::{Direction, Entry, Level, Lowered, Policy},
    port::{Number, Port, PortGroup, Ports},
    requires,
    unlearnable::unlearnable,
};
use crate::{
    cluster::{EndKind, NamedPort},
    ir::{
        Attribute, Clause, DirectionLayer, Effect, Group, NetworkLayer, Pattern, Posture, Proxy, Rule,
        Section, Test, Text,
    },
    labels::Labels,
    options::{CiliumVersion, EnforcementMode, Localhost, Options, Profile},
};
use alloc::{boxed::Box, format, vec, vec::Vec};

/// The endpoint whose policy is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) kind: EndKind,
    pub(crate) labels: &'a Labels,
    /// Its container ports: what a port's name means on ingress.
    pub(crate) ports: &'a [NamedPort],
}

impl Policy {
    pub(super) fn selects(&self, endpoint: &Endpoint<'_>) -> bool {
        self.host == (endpoint.kind == EndKind::Host) && self.subject.matches(endpoint.labels)
    }
}

impl Lowered {
    /// What the policies say of `endpoint`.
    pub(crate) fn layer(&self, endpoint: &Endpoint<'_>, options: &Options) -> NetworkLayer {
        let selecting: Vec<&Policy> = self.policies.iter().filter(|p| p.selects(endpoint)).collect();
        let egress = selecting.iter().flat_map(|p| &p.egress.entries);
        let ingress = selecting.iter().flat_map(|p| &p.ingress.entries);
        let error = conflict(&egress.collect::<Vec<_>>()).or_else(|| conflict(&ingress.collect::<Vec<_>>()));
        NetworkLayer {
            egress: self.direction(endpoint, true, |p| &p.egress, options),
            ingress: self.direction(endpoint, false, |p| &p.ingress, options),
            error,
        }
    }

    fn direction(
        &self,
        endpoint: &Endpoint<'_>,
        is_egress: bool,
        of: impl Fn(&Policy) -> &Direction,
        options: &Options,
    ) -> DirectionLayer {
        if options.mode == EnforcementMode::Never {
            return DirectionLayer::default();
        }
        let selecting: Vec<&Policy> =
            self.policies.iter().filter(|p| of(p).present && p.selects(endpoint)).collect();
        let always = options.mode == EnforcementMode::Always || endpoint.kind == EndKind::Init;
        let armed = always || selecting.iter().any(|p| of(p).arms);
        let posture = match (armed, selecting.is_empty()) {
            (true, _) => Posture::DefaultDeny,
            (false, true) => Posture::Open,
            (false, false) => Posture::DefaultAllow,
        };
        let narrowed = requires::narrowed(&selecting, &of);
        let mut entries: Vec<&Entry> = match &narrowed {
            Some(narrowed) => narrowed.iter().collect(),
            None => selecting.iter().flat_map(|p| &of(p).entries).collect(),
        };
        if armed && options.profile == Profile::Strict {
            // What isolates a pod then ends the walk: nothing behind it re-opens the pod (T26).
            entries.retain(|e| e.level.tier < Level::BASELINE || e.effect != Effect::Allow);
        }
        entries.sort_by_key(|e| e.level);
        let refuses = armed || options.cilium_version < CiliumVersion::V1_18;
        let mut writer = Writer { endpoint, is_egress, refuses, layer: DirectionLayer::default() };
        for tier in entries.chunk_by(|a, b| a.level.tier == b.level.tier) {
            if !writer.layer.rules.is_empty() {
                writer.layer.tiers.push(writer.layer.rules.len() as u32);
            }
            tier.chunk_by(|a, b| a.level == b.level).for_each(|level| writer.level(level));
        }
        let mut layer = writer.layer;
        layer.posture = posture;
        layer.policies = selecting.iter().map(|p| p.reference.clone()).collect();
        layer.policies.dedup();
        layer.from_host = !is_egress && options.localhost == Localhost::Always && !selecting.is_empty();
        if armed && is_egress {
            layer.unlearnable = unlearnable(&layer);
        }
        layer
    }
}

/// What of `entries` the agent cannot merge: two authentication modes for the same peers and ports.
fn conflict(entries: &[&Entry]) -> Option<Box<str>> {
    let written = || entries.iter().filter(|e| e.authentication.is_some());
    for (i, first) in written().enumerate() {
        let clashes = |other: &&&Entry| {
            (&other.ends, &other.ports) == (&first.ends, &first.ports)
                && other.authentication != first.authentication
        };
        if let Some(second) = written().skip(i + 1).find(clashes) {
            let text = format!("{} and {} want different authentication", first.id, second.id);
            return Some(text.into());
        }
    }
    None
}

struct Writer<'a> {
    endpoint: &'a Endpoint<'a>,
    is_egress: bool,
    /// Whether a proxy refuses anything: since 1.18 not without default deny (T10).
    refuses: bool,
    layer: DirectionLayer,
}

impl Writer<'_> {
    /// Deny, then what a proxy looks at, then the rest of allow, then pass.
    fn level(&mut self, entries: &[&Entry]) {
        let of = |effect: Effect| entries.iter().filter(move |e| e.effect == effect);
        for entry in of(Effect::Deny) {
            self.plain(entry, |_| true);
        }
        let names = self.names(of(Effect::Allow).copied().collect());
        for entry in of(Effect::Allow) {
            self.plain(entry, |port| !names.contains(port));
        }
        for entry in of(Effect::Pass) {
            self.plain(entry, |_| true);
        }
    }

    /// The rules about ports behind the DNS proxy, which looks at the filter of exactly that port and protocol: what
    /// else reaches the server cannot lift the restriction (T27). Gives those ports.
    fn names(&mut self, entries: Vec<&Entry>) -> Vec<Port> {
        let mut guarded = Vec::new();
        for (entry, group) in entries.iter().flat_map(|e| groups(e).map(move |g| (e, g))) {
            if let L7::Dns(_) = &group.l7 {
                guarded.extend(group.ports.iter().cloned());
                let rule = self.rule(entry, Some(self.ports(&[group], |_| true)), Effect::Allow);
                self.layer.observed.push(rule);
            }
        }
        if guarded.is_empty() {
            return guarded;
        }
        let mut fences = Vec::new();
        for (entry, group) in entries.iter().flat_map(|e| groups(e).map(move |g| (e, g))) {
            let L7::Dns(patterns) = &group.l7 else { continue };
            let ports = self.ports(&[group], |_| true);
            let mut rule = self.rule(entry, Some(ports), Effect::Allow);
            fences.push(Rule { effect: Effect::Refuse(Proxy::Dns), ..rule.clone() });
            if self.refuses && !patterns.iter().any(is_everything) {
                let test = Test::any_of(Attribute::DnsQuery, patterns.iter().cloned().map(Pattern::Name));
                let clauses = vec![Clause { tests: vec![test], index: 0 }];
                rule.groups.push(Group { section: Section::L7, clauses });
            }
            self.layer.rules.push(rule);
        }
        for entry in &entries {
            let same: Vec<&PortGroup> = groups(entry).filter(|g| g.l7 == L7::None).collect();
            let ports = self.ports(&same, |port| guarded.contains(port));
            if !ports.clauses.is_empty() {
                let rule = self.rule(entry, Some(ports), Effect::Allow);
                self.layer.rules.push(rule);
            }
        }
        self.layer.rules.extend(fences);
        guarded
    }

    /// The rule for the ports of `entry` that no proxy looks at and `wanted` picks.
    fn plain(&mut self, entry: &Entry, wanted: impl Fn(&Port) -> bool) {
        let ports = match (&entry.ports, &entry.ends) {
            // Neither who nor what: the entry only arms default deny (T12).
            (Ports::Any, Ends::Anyone) => Some(Group { section: Section::Peer, clauses: Vec::new() }),
            (Ports::Any, Ends::Only(_)) => None,
            (Ports::Listed(list), _) => {
                let plain: Vec<&PortGroup> = list.iter().filter(|g| g.l7 == L7::None).collect();
                let ports = self.ports(&plain, wanted);
                if ports.clauses.is_empty() && self.layer.rules.iter().any(|r| r.id == entry.id) {
                    return;
                }
                Some(ports)
            }
        };
        let rule = self.rule(entry, ports, entry.effect.clone());
        self.layer.rules.push(rule);
    }

    fn rule(&self, entry: &Entry, ports: Option<Group>, effect: Effect) -> Rule {
        let mut groups = Vec::new();
        if let Ends::Only(clauses) = &entry.ends
            && !clauses.iter().any(|c| c.tests.is_empty())
        {
            groups.push(Group { section: Section::Peer, clauses: clauses.clone() });
        }
        groups.extend(ports);
        Rule { id: entry.id.clone(), effect, groups }
    }

    /// One clause for the numbers of each group, and one for each name.
    fn ports(&self, list: &[&PortGroup], wanted: impl Fn(&Port) -> bool) -> Group {
        let mut clauses = Vec::new();
        for group in list {
            let mut ranges = Vec::new();
            for port in group.ports.iter().filter(|p| wanted(p)) {
                match &port.number {
                    Number::Range(first, last) => {
                        ranges.push(Pattern::Transport(port.protocol, *first, *last));
                    }
                    Number::Named(name, _) if self.is_egress => {
                        let all = Pattern::Transport(port.protocol, 0, u16::MAX);
                        let name = Pattern::Text(Text::Exact(name.clone()));
                        let tests = vec![
                            Test::any_of(Attribute::PortName, [name]),
                            Test::any_of(Attribute::Transport, [all]),
                        ];
                        clauses.push(Clause { tests, index: group.index });
                    }
                    Number::Named(name, end) => {
                        let own = self.endpoint.ports.iter();
                        let own = own.filter(|p| p.name == **name && p.protocol == port.protocol);
                        ranges.extend(own.map(|p| {
                            let last = end.unwrap_or(p.port).max(p.port);
                            Pattern::Transport(port.protocol, p.port, last)
                        }));
                    }
                }
            }
            if !ranges.is_empty() {
                let tests = vec![Test::any_of(Attribute::Transport, ranges)];
                clauses.push(Clause { tests, index: group.index });
            }
        }
        Group { section: Section::Ports, clauses }
    }
}

fn groups(entry: &Entry) -> impl Iterator<Item = &PortGroup> {
    match &entry.ports {
        Ports::Any => Default::default(),
        Ports::Listed(groups) => groups.iter(),
    }
}

fn is_everything(pattern: &crate::ir::NamePattern) -> bool {
    match pattern {
        crate::ir::NamePattern::Name(_) => false,
        crate::ir::NamePattern::Wildcard { pattern, any_bytes, .. } => {
            *any_bytes && pattern.trim_end_matches('.').bytes().all(|b| b == b'*') && pattern.len() > 1
        }
    }
}
