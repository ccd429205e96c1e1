//! The rules of the DNS proxy: which names an endpoint may look up at which server
//! (docs/semantics/cilium.md#cilium-dns-first-filter).
//!
//! The proxy has one set of rules for each port number and protocol: that of the first filter with DNS rules on it, by
//! tier, with named ports before numbers. DNS rules of another filter of the same number still send lookups to the proxy,
//! but their names have no effect.

use super::{
    super::model::{Entry, L7, Level, Number, PeerSpec, Port, PortGroup},
    conflict::selectors,
    map_state::{MapState, groups_of, rule, rule_for},
};
use crate::{
    ir::{Clause, Effect, Field, Group, NameAttribute, NamePattern, Proxy, Section, Test, TransportRange},
    net::Protocol,
};
use alloc::{borrow::Cow, collections::BTreeMap, vec, vec::Vec};

/// The key of an L4 filter, in the order in which the DNS proxy uses the filters: by tier, names before numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Filter {
    tier: u8,
    is_number: bool,
    port: Port,
}

impl Filter {
    fn new(entry: &Entry, port: &Port) -> Self {
        let is_number = matches!(port.number, Number::Range(..));
        Self { tier: entry.level.tier, is_number, port: port.clone() }
    }
}

impl MapState<'_> {
    /// Adds the rules of the DNS proxy for `entries` of all levels.
    pub(super) fn add_lookups(&mut self, entries: &[&Entry]) {
        let numbers = self.ports.numbers;
        let allow: Vec<&Entry> = entries.iter().copied().filter(|e| e.effect == Effect::Allow).collect();
        let ports = || {
            let groups = groups_of(&allow);
            groups.flat_map(|(entry, group)| group.ports.iter().map(move |port| (entry, group, port)))
        };
        let mut first: BTreeMap<(Protocol, u16), Filter> = BTreeMap::new();
        for (entry, _, port) in ports().filter(|(_, group, _)| group.policy.is_dns()) {
            let filter = Filter::new(entry, port);
            for number in numbers.of(port) {
                let known = first.entry((port.protocol, number)).or_insert_with(|| filter.clone());
                if filter < *known {
                    *known = filter.clone();
                }
            }
        }
        if first.is_empty() {
            return;
        }
        let mut best = None;
        if entries.windows(2).any(|pair| matches!(pair, [a, b] if differ_in_priority(a, b))) {
            best = Some(best_levels(ports().map(|(entry, _, port)| (entry, port))));
        }
        let mut default_denies = Vec::new();
        for (entry, group, port) in ports() {
            let filter = Filter::new(entry, port);
            for number in numbers.of(port) {
                let key = (port.protocol, number);
                let at = || Some(transport(group, key));
                if group.policy.is_dns() {
                    default_denies.push(rule(entry, at(), Effect::Refuse(Proxy::Dns)));
                }
                if first.get(&key) != Some(&filter) {
                    continue;
                }
                let Some(names) = names(group) else { continue };
                let Some(peers) = in_force(entry, &filter, best.as_ref()) else { continue };
                let mut rule = rule_for(entry, &peers, at(), Effect::Allow);
                if let Names::These(list) = names
                    && self.enforces_l7
                {
                    let field = Field::new("toPorts[#].rules.dns").index(group.index);
                    let test = Test::name(NameAttribute::DnsQuery, list.iter().cloned()).at(field);
                    let clauses = vec![Clause { tests: vec![test], index: 0 }];
                    rule.groups.push(Group { section: Section::L7, clauses });
                }
                self.layer.lookups.push(rule);
            }
        }
        self.layer.lookups.extend(default_denies);
    }
}

/// The highest level of each selector of a filter. The agent keeps one policy for each: that of a lower level is dropped.
type BestLevels = BTreeMap<(Filter, Vec<Test>), Level>;

fn best_levels<'e>(ports: impl Iterator<Item = (&'e Entry, &'e Port)>) -> BestLevels {
    let mut best = BestLevels::new();
    for (entry, port) in ports {
        for selector in selectors(&entry.peers) {
            let known = best.entry((Filter::new(entry, port), selector)).or_insert(entry.level);
            *known = entry.level.min(*known);
        }
    }
    best
}

/// Returns the peers of `entry` whose selectors no rule of a higher level has in `filter`, or `None` if no peer is left.
fn in_force<'e>(entry: &'e Entry, filter: &Filter, best: Option<&BestLevels>) -> Option<Cow<'e, PeerSpec>> {
    let Some(best) = best else { return Some(Cow::Borrowed(&entry.peers)) };
    let all = selectors(&entry.peers);
    let is_best = |selector: &Vec<Test>| best.get(&(filter.clone(), selector.clone())) == Some(&entry.level);
    let kept: Vec<Vec<Test>> = all.iter().filter(|selector| is_best(selector)).cloned().collect();
    if kept.len() == all.len() {
        return Some(Cow::Borrowed(&entry.peers));
    }
    let clauses: Vec<Clause> = kept.into_iter().map(|tests| Clause { tests, index: 0 }).collect();
    (!clauses.is_empty()).then_some(Cow::Owned(PeerSpec::AnyOf(clauses)))
}

/// Whether `a` and `b` are of one tier, but not of one level.
fn differ_in_priority(a: &Entry, b: &Entry) -> bool {
    a.level.tier == b.level.tier && a.level != b.level
}

/// The names that a group allows.
enum Names<'a> {
    Every,
    These(&'a [NamePattern]),
}

/// Returns the names that `group` allows, or `None` if the group is for another proxy.
fn names(group: &PortGroup) -> Option<Names<'_>> {
    match group.l7() {
        L7::Dns(names) if names.iter().any(is_everything) => Some(Names::Every),
        L7::Dns(names) => Some(Names::These(names)),
        L7::None if group.policy.is_plain() => Some(Names::Every),
        _ => None,
    }
}

fn transport(group: &PortGroup, (protocol, number): (Protocol, u16)) -> Group {
    let test = Test::transport([TransportRange::new(protocol, number, number)]).at(group.field);
    let index = group.index;
    Group { section: Section::Ports, clauses: vec![Clause { tests: vec![test], index }] }
}

fn is_everything(pattern: &NamePattern) -> bool {
    match pattern {
        NamePattern::Name(_) => false,
        NamePattern::Wildcard { pattern, any_bytes, .. } => {
            *any_bytes && pattern.trim_end_matches('.').bytes().all(|b| b == b'*') && pattern.len() > 1
        }
    }
}
