//! Chooses the keys under which the index stores each rule.
//!
//! A rule matches only if each of its groups matches. If every clause of a group has a positive test whose patterns the
//! index can look up, the index stores the rule under the keys of these patterns. It never misses the rule, because the
//! group must match. Of several such groups, the plan takes the one whose keys are rarest in the whole list of rules.

use super::instruction::{NO_INSTRUCTION, instruction_count};
use crate::{
    ir::{AddressAttribute, Clause, Group, Operator, Predicate, Rule, Selector, Test, Text, TextAttribute},
    matcher::search::{find_first, find_four},
    request::ClaimName,
};
use alloc::{borrow::Cow, collections::BTreeMap, vec, vec::Vec};
use core::ops::ControlFlow;
use ipnet::IpNet;

/// A value under which the index stores rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'r> {
    /// A port in a block.
    Port(PortAttribute, PortBlock),
    /// A value of a text attribute.
    Text(Cow<'r, TextAttribute>, TextKey<'r>),
    /// An address in a block.
    Cidr(AddressAttribute, IpNet),
    /// A label of the peer, with this key and value.
    Label(&'r str, &'r str),
}

/// An attribute whose values are ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PortAttribute {
    /// The local port of the connection.
    Destination,
    /// The destination port of the flow, without its protocol.
    Transport,
}

/// The aligned block of 2^(16 - `length`) ports from `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortBlock {
    pub(super) start: u16,
    /// The number of leading bits that the ports of the block share.
    pub(super) length: u8,
}

/// A part of a text value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TextKey<'r> {
    /// The whole value.
    Exact(&'r str),
    /// The start of the value.
    Prefix(&'r str),
    /// The end of the value.
    Suffix(&'r str),
    /// A path segment after `/ns/`.
    Namespace(&'r str),
}

impl Key<'_> {
    /// Returns a rough measure of the share of values that have the key.
    fn breadth(&self) -> u32 {
        match self {
            Self::Text(_, TextKey::Exact(_) | TextKey::Namespace(_)) => 1,
            Self::Label(..) => 2,
            Self::Text(_, TextKey::Prefix(text) | TextKey::Suffix(text)) => 64 >> text.len().min(5),
            Self::Cidr(_, net) => 64 >> (u32::from(net.prefix_len()) / 6).min(6),
            Self::Port(_, block) => 4 << (16 - u32::from(block.length)).min(6),
        }
    }
}

/// A set of keys: every value that matches the pattern has at least one of them.
#[derive(Debug)]
struct KeySet<'r> {
    keys: Vec<Key<'r>>,
    /// Whether every value with one of the keys matches.
    is_exact: bool,
}

/// Returns the alternative key sets of each pattern of `predicate`; an empty list for a pattern without useful keys.
fn key_sets(predicate: &Predicate) -> Vec<Vec<KeySet<'_>>> {
    match predicate {
        Predicate::Text(attribute, patterns) => {
            let sets = |text| {
                let is_exact = !matches!(text, &Text::Glob(_) | &Text::ServiceAccount { .. });
                let keys = text_keys(text).into_iter();
                keys.map(|key| KeySet { keys: vec![Key::Text(Cow::Borrowed(attribute), key)], is_exact })
                    .collect()
            };
            patterns.iter().map(sets).collect()
        }
        Predicate::RequestPrincipal(patterns) => {
            let claim = |name, text| {
                let attribute = TextAttribute::Claim([ClaimName::Borrowed(name)].into());
                text_keys(text).into_iter().map(move |key| Key::Text(Cow::Owned(attribute.clone()), key))
            };
            let one = |key| KeySet { keys: vec![key], is_exact: false };
            let sets = patterns.iter().map(|p| claim("iss", &p.issuer).chain(claim("sub", &p.subject)));
            sets.map(|keys| keys.map(one).collect()).collect()
        }
        Predicate::Port(ranges) => {
            let keys = ranges.iter().map(|r| port_keys(PortAttribute::Destination, r.first, r.last));
            keys.map(|keys| vec![KeySet { keys, is_exact: true }]).collect()
        }
        Predicate::Transport(ranges) => {
            let keys =
                ranges.iter().map(|r| port_keys(PortAttribute::Transport, r.ports.first, r.ports.last));
            keys.map(|keys| vec![KeySet { keys, is_exact: false }]).collect()
        }
        Predicate::Address(attribute, nets) => {
            let keys = nets.iter().map(|net| vec![Key::Cidr(*attribute, net.trunc())]);
            keys.map(|keys| vec![KeySet { keys, is_exact: true }]).collect()
        }
        Predicate::Labels(selectors) => {
            let sets = |selector| label_keys(selector).map(|keys| KeySet { keys, is_exact: false }).collect();
            selectors.iter().map(sets).collect()
        }
        // No single line contains the comma that joins two lines.
        Predicate::JoinedHeader(_, patterns) => patterns.iter().map(|_| Vec::new()).collect(),
        Predicate::Regex(_, patterns) => patterns.iter().map(|_| Vec::new()).collect(),
        Predicate::Name(_, patterns) => patterns.iter().map(|_| Vec::new()).collect(),
    }
}

fn port_keys<'r>(attribute: PortAttribute, first: u16, last: u16) -> Vec<Key<'r>> {
    port_blocks(first, last).into_iter().map(|block| Key::Port(attribute, block)).collect()
}

/// Returns the fewest aligned blocks that cover `first..=last` exactly; at most 30.
fn port_blocks(first: u16, last: u16) -> Vec<PortBlock> {
    let mut blocks = Vec::new();
    let mut at = u32::from(first);
    let end = u32::from(last) + 1;
    while at < end {
        let aligned = if at == 0 { 16 } else { at.trailing_zeros().min(16) };
        let size = aligned.min((end - at).ilog2());
        blocks.push(PortBlock { start: at as u16, length: (16 - size) as u8 });
        at += 1 << size;
    }
    blocks
}

/// Returns the keys of the values that `text` matches. Each key alone is sufficient to find a value.
fn text_keys(text: &Text) -> Vec<TextKey<'_>> {
    let mut keys = match text {
        Text::Exact(text) => return vec![TextKey::Exact(text)],
        Text::Prefix(text) => vec![TextKey::Prefix(text)],
        Text::Suffix(text) => vec![TextKey::Suffix(text)],
        Text::ServiceAccount { namespace, .. } => vec![TextKey::Namespace(namespace)],
        Text::Present | Text::NonEmpty => Vec::new(),
        Text::Glob(glob) => {
            let namespace = glob.pieces.iter().find_map(|p| p.literal.strip_prefix("/ns/")?.split_once('/'));
            let tail = glob.pieces.last().map_or("", |p| &p.literal);
            let mut keys = vec![TextKey::Prefix(&glob.head), TextKey::Suffix(tail)];
            keys.extend(namespace.map(|(name, _)| TextKey::Namespace(name)));
            keys
        }
    };
    keys.retain(|key| !matches!(key, TextKey::Prefix("") | TextKey::Suffix("")));
    keys
}

/// Returns the keys of each requirement that lists values: one requirement is sufficient to find an identity.
fn label_keys(selector: &Selector) -> impl Iterator<Item = Vec<Key<'_>>> {
    selector.requirements.iter().filter_map(|r| match &r.operator {
        Operator::In(values) => Some(values.iter().map(|value| Key::Label(&r.key, value)).collect()),
        Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
    })
}

/// The keys under which the index stores a rule.
#[derive(Debug, Default)]
pub(super) struct IndexPlan<'r> {
    cost: u64,
    /// Each key with the instruction that it proves, counted from the rule's first, or [`NO_INSTRUCTION`].
    pub(super) keys: Vec<(Key<'r>, u32)>,
}

/// The number of times that each key occurs in a list of rules.
#[derive(Debug, Default)]
pub(super) struct Frequencies<'r>(BTreeMap<Key<'r>, u32>);

impl<'r> Frequencies<'r> {
    /// Counts the keys of `rules`.
    pub(super) fn new(rules: &[&'r Rule]) -> Self {
        let mut counts = BTreeMap::new();
        let tests = rules.iter().flat_map(|r| &r.groups).flat_map(|g| &g.clauses).flat_map(|c| &c.tests);
        for test in tests.filter(|t| !t.negated) {
            for key in key_sets(&test.predicate).into_iter().flatten().flat_map(|set| set.keys) {
                *counts.entry(key).or_insert(0) += 1;
            }
        }
        Self(counts)
    }

    /// Returns the cheapest plan for `rule`, or `None` if the evaluation must try the rule for every request.
    pub(super) fn plan(&self, rule: &'r Rule) -> Option<IndexPlan<'r>> {
        let mut first = 0;
        let groups = rule.groups.iter().filter_map(|group| {
            let start = first;
            first += instruction_count(&group.clauses);
            self.group(group, start)
        });
        groups.min_by_key(|plan| plan.cost)
    }

    fn group(&self, group: &'r Group, first: u32) -> Option<IndexPlan<'r>> {
        let mut first = first;
        let mut all = IndexPlan::default();
        for clause in &group.clauses {
            let plan = self.clause(clause, first)?;
            first += clause.tests.len().max(1) as u32;
            all.cost = all.cost.saturating_add(plan.cost);
            all.keys.extend(plan.keys);
        }
        Some(all)
    }

    fn clause(&self, clause: &'r Clause, first: u32) -> Option<IndexPlan<'r>> {
        let tests = (first..).zip(&clause.tests).filter(|(_, test)| !test.negated);
        tests.filter_map(|(at, test)| self.test(test, at)).min_by_key(|plan| plan.cost)
    }

    fn test(&self, test: &'r Test, at: u32) -> Option<IndexPlan<'r>> {
        let mut plan = IndexPlan { cost: reading_cost(&test.predicate), keys: Vec::new() };
        for sets in key_sets(&test.predicate) {
            let (cost, set) =
                sets.into_iter().map(|set| (self.cost(&set), set)).min_by_key(|(cost, _)| *cost)?;
            plan.cost = plan.cost.saturating_add(cost);
            let proven = if set.is_exact { at } else { NO_INSTRUCTION };
            plan.keys.extend(set.keys.into_iter().map(|key| (key, proven)));
        }
        Some(plan)
    }

    /// Returns a rough measure of the number of rules that a request finds by `set`.
    fn cost(&self, set: &KeySet<'_>) -> u64 {
        let cost = |key: &Key<'_>| {
            let count = self.0.get(key).copied().unwrap_or(1);
            u64::from(count) * u64::from(key.breadth())
        };
        set.keys.iter().map(cost).fold(0, u64::saturating_add)
    }
}

/// Returns the cost of reading the attribute of `predicate` for every request. The unit is the cost to try one rule.
fn reading_cost(predicate: &Predicate) -> u64 {
    match predicate {
        // The values are inside a structure. In a proxy, reading it copies the metadata of all filters.
        Predicate::Text(TextAttribute::Claim(_) | TextAttribute::Metadata { .. }, _)
        | Predicate::RequestPrincipal(_) => 64,
        _ => 0,
    }
}

/// Calls `visit` with every path segment of `identity` after `/ns/`.
#[inline]
pub(super) fn namespaces(
    identity: &[u8],
    mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut rest = identity;
    while let Some(at) = find_four(rest, *b"/ns/") {
        let name = rest.get(at + 4..).unwrap_or_default();
        let end = find_first(name, *b"//").unwrap_or(name.len());
        visit(name.get(..end).unwrap_or_default())?;
        // The slash after `ns` can start the next `/ns/`.
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_namespaces_are_all_visited() {
        let of = |text: &'static str| {
            let mut found = Vec::new();
            let _ = namespaces(text.as_bytes(), |name| {
                found.push(name.to_vec());
                ControlFlow::Continue(())
            });
            found
        };
        assert_eq!(of("spiffe://td/ns/foo/sa/a"), [b"foo"]);
        assert_eq!(of("/ns/ns/x/"), [&b"ns"[..], b"x"]);
        for before in ["", "a", "/", "/n", "/ns", "//", "n", "s", "ns", "/ns//", "sn/ns", "abcdefg"] {
            let text: &'static str = alloc::format!("{before}/ns/foo").leak();
            assert_eq!(of(text).last().unwrap(), b"foo", "{before}");
        }
        assert_eq!(of("ns/foo/"), [b"foo"; 0]);
        assert_eq!(of("/ns/foo"), [b"foo"]);
        assert_eq!(of("/ns"), [b"foo"; 0]);
    }

    #[test]
    fn port_blocks_cover_a_range_exactly() {
        for (first, last) in [(0, 65535), (80, 80), (1, 65535), (1000, 2047), (65535, 65535)] {
            let mut next = u32::from(first);
            for PortBlock { start, length } in port_blocks(first, last) {
                assert_eq!(u32::from(start), next);
                assert!(start.trailing_zeros().min(16) + u32::from(length) >= 16);
                next += 1 << (16 - u32::from(length));
            }
            assert_eq!(next, u32::from(last) + 1);
        }
    }
}
