//! The rules of the DNS proxy: which names an endpoint may look up at which server
//! (docs/semantics/cilium.md#cilium-dns-first-filter).
//!
//! The proxy has one set of rules for each port number and protocol: that of the first filter with DNS rules on it, by
//! tier, with named ports before numbers. DNS rules of another filter of the same number still send lookups to the proxy,
//! but their names have no effect.

use super::{
    conflict::selectors,
    l7::L7,
    peer::Ends,
    policy::{Entry, Level},
    port::{Number, Port, PortGroup},
    writer::{Writer, groups},
};
use crate::{
    ir::{Clause, Effect, Group, NameAttribute, NamePattern, Proxy, Section, Test, TransportRange},
    net::Protocol,
};
use alloc::{borrow::Cow, collections::BTreeMap, vec, vec::Vec};

/// What the agent keeps one filter for. In the order in which the proxy takes them: tiers, names before numbers.
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

impl Writer<'_> {
    /// Writes the rules of the DNS proxy for `entries`, of all levels.
    pub(super) fn lookups(&mut self, entries: &[&Entry]) {
        let numbers = self.numbers;
        let allow = || entries.iter().filter(|e| e.effect == Effect::Allow);
        let ports = || {
            let groups = allow().flat_map(|e| groups(e).map(move |g| (*e, g)));
            groups.flat_map(|(entry, group)| group.ports.iter().map(move |port| (entry, group, port)))
        };
        let mut first: BTreeMap<(Protocol, u16), Filter> = BTreeMap::new();
        for (entry, _, port) in ports().filter(|(_, group, _)| matches!(group.l7(), L7::Dns(_))) {
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
        let mut fences = Vec::new();
        for (entry, group, port) in ports() {
            let filter = Filter::new(entry, port);
            for number in numbers.of(port) {
                let key = (port.protocol, number);
                let at = || Some(transport(group.index, key));
                if matches!(group.l7(), L7::Dns(_)) {
                    fences.push(self.rule(entry, at(), Effect::Refuse(Proxy::Dns)));
                }
                if first.get(&key) != Some(&filter) {
                    continue;
                }
                let Some(names) = names(group) else { continue };
                let Some(ends) = in_force(entry, &filter, best.as_ref()) else { continue };
                let mut rule = self.rule_of(entry, &ends, at(), Effect::Allow);
                if let Names::These(list) = names
                    && self.refuses
                {
                    let test = Test::name(NameAttribute::DnsQuery, list.iter().cloned());
                    let clauses = vec![Clause { tests: vec![test], index: 0 }];
                    rule.groups.push(Group { section: Section::L7, clauses });
                }
                self.layer.lookups.push(rule);
            }
        }
        self.layer.lookups.extend(fences);
    }
}

/// The highest level of each selector of a filter. The agent keeps one policy for each: that of a lower level is dropped.
type BestLevels = BTreeMap<(Filter, Vec<Test>), Level>;

fn best_levels<'e>(ports: impl Iterator<Item = (&'e Entry, &'e Port)>) -> BestLevels {
    let mut best = BestLevels::new();
    for (entry, port) in ports {
        for selector in selectors(&entry.ends) {
            let known = best.entry((Filter::new(entry, port), selector)).or_insert(entry.level);
            *known = entry.level.min(*known);
        }
    }
    best
}

/// Returns the peers of `entry` whose selectors no rule of a higher level has in `filter`, or `None` if no peer is left.
fn in_force<'e>(entry: &'e Entry, filter: &Filter, best: Option<&BestLevels>) -> Option<Cow<'e, Ends>> {
    let Some(best) = best else { return Some(Cow::Borrowed(&entry.ends)) };
    let all = selectors(&entry.ends);
    let is_best = |selector: &Vec<Test>| best.get(&(filter.clone(), selector.clone())) == Some(&entry.level);
    let kept: Vec<Vec<Test>> = all.iter().filter(|selector| is_best(selector)).cloned().collect();
    if kept.len() == all.len() {
        return Some(Cow::Borrowed(&entry.ends));
    }
    let clauses: Vec<Clause> = kept.into_iter().map(|tests| Clause { tests, index: 0 }).collect();
    (!clauses.is_empty()).then_some(Cow::Owned(Ends::Only(clauses)))
}

/// Whether `a` and `b` are of one tier, but not of one level.
fn differ_in_priority(a: &Entry, b: &Entry) -> bool {
    a.level.tier == b.level.tier && a.level != b.level
}

/// Names that the proxy forwards.
enum Names<'a> {
    Every,
    These(&'a [NamePattern]),
}

/// Returns the names that `group` lets the proxy forward, or `None` if the group is for another proxy.
fn names(group: &PortGroup) -> Option<Names<'_>> {
    match group.l7() {
        L7::Dns(names) if names.iter().any(is_everything) => Some(Names::Every),
        L7::Dns(names) => Some(Names::These(names)),
        L7::None if group.seen.is_plain() => Some(Names::Every),
        _ => None,
    }
}

fn transport(index: u32, (protocol, number): (Protocol, u16)) -> Group {
    let test = Test::transport([TransportRange::new(protocol, number, number)]);
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
