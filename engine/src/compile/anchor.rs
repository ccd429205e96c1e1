//! Chooses, for each rule, the tests through which the index finds it.
//!
//! A rule can only match where one of its groups does. If every clause of a group holds a positive test whose
//! patterns the index can look up, the rule is entered under those patterns and found through them alone: zero
//! false negatives, by the group having to hold. Of several such groups the one whose patterns are rarest in
//! the whole set is taken.

use super::{evaluate::NO_STEP, program::steps_in};
use crate::{
    ir::{Attribute, Clause, Group, Operator, Pattern, Rule, Selector, Test, Text},
    matcher::search::{find_first, find_four},
    request::ClaimName,
};
use alloc::{borrow::Cow, collections::BTreeMap, vec, vec::Vec};
use core::ops::ControlFlow;
use ipnet::IpNet;

/// What the index can look a rule up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'r> {
    /// The attribute's text is this.
    Exact(&'r str),
    /// It starts so.
    Prefix(&'r str),
    /// It ends so.
    Suffix(&'r str),
    /// It has this path segment behind `/ns/`.
    Namespace(&'r str),
    /// The port lies in the aligned block of 2^(16 - length) ports that starts here.
    Ports {
        /// First port of the block.
        start: u16,
        /// How many leading bits the block's ports share.
        length: u8,
    },
    /// The address lies in this block.
    Cidr(IpNet),
    /// The labels hold this key and value.
    Label(&'r str, &'r str),
}

impl Key<'_> {
    /// How many values out of many a key of this kind lets through, roughly.
    fn breadth(&self) -> u32 {
        match self {
            Self::Exact(_) | Self::Namespace(_) => 1,
            Self::Label(..) => 2,
            Self::Prefix(text) | Self::Suffix(text) => 64 >> text.len().min(5),
            Self::Cidr(net) => 64 >> (u32::from(net.prefix_len()) / 6).min(6),
            Self::Ports { length, .. } => 4 << (16 - u32::from(*length)).min(6),
        }
    }
}

/// An attribute that the index looks up, and what is looked up in it.
pub(super) type Entry<'r> = (Cow<'r, Attribute>, Key<'r>);

/// One way to find the values that match a pattern.
#[derive(Debug)]
struct Way<'r> {
    /// Every value that matches has one of these.
    entries: Vec<Entry<'r>>,
    /// Whether having one is to match.
    proves: bool,
}

/// The ways to find the values that match `pattern`; none if there are none worth looking up.
fn ways<'r>(attribute: &'r Attribute, pattern: &'r Pattern) -> Vec<Way<'r>> {
    let of = |keys: Vec<Key<'r>>, proves| {
        let entries = keys.into_iter().map(|key| (Cow::Borrowed(attribute), key)).collect();
        Way { entries, proves }
    };
    match pattern {
        // What a header's lines are together is in none of them.
        Pattern::Text(_) if matches!(attribute, Attribute::JoinedHeader(_)) => Vec::new(),
        Pattern::Text(text) => {
            let proves = !matches!(text, Text::Glob(_) | Text::ServiceAccount { .. });
            text_keys(text).into_iter().map(|key| of(vec![key], proves)).collect()
        }
        Pattern::Ports(first, last) => vec![of(port_blocks(*first, *last), true)],
        Pattern::Transport(_, first, last) => vec![of(port_blocks(*first, *last), false)],
        Pattern::Cidr(net) => vec![of(vec![Key::Cidr(net.trunc())], true)],
        Pattern::Labels(selector) => label_keys(selector).map(|keys| of(keys, false)).collect(),
        Pattern::RequestPrincipal { issuer, subject } => {
            let claim = |name, text| {
                let attribute = Attribute::Claim([ClaimName::Borrowed(name)].into());
                text_keys(text).into_iter().map(move |key| (Cow::Owned(attribute.clone()), key))
            };
            let both = claim("iss", issuer).chain(claim("sub", subject));
            both.map(|entry| Way { entries: vec![entry], proves: false }).collect()
        }
        Pattern::Name(_) | Pattern::Regex(_) => Vec::new(),
    }
}

/// The fewest aligned blocks that make up `first..=last`; at most 30.
fn port_blocks<'r>(first: u16, last: u16) -> Vec<Key<'r>> {
    let mut blocks = Vec::new();
    let mut at = u32::from(first);
    let end = u32::from(last) + 1;
    while at < end {
        let aligned = if at == 0 { 16 } else { at.trailing_zeros().min(16) };
        let size = aligned.min((end - at).ilog2());
        blocks.push(Key::Ports { start: at as u16, length: (16 - size) as u8 });
        at += 1 << size;
    }
    blocks
}

fn text_keys(text: &Text) -> Vec<Key<'_>> {
    let mut keys = match text {
        Text::Exact(text) => return vec![Key::Exact(text)],
        Text::Prefix(text) => vec![Key::Prefix(text)],
        Text::Suffix(text) => vec![Key::Suffix(text)],
        Text::ServiceAccount { namespace, .. } => vec![Key::Namespace(namespace)],
        Text::Present | Text::NonEmpty => Vec::new(),
        Text::Glob(glob) => {
            let namespace = glob.pieces.iter().find_map(|p| p.literal.strip_prefix("/ns/")?.split_once('/'));
            let tail = glob.pieces.last().map_or("", |p| &p.literal);
            let mut keys = vec![Key::Prefix(&glob.head), Key::Suffix(tail)];
            keys.extend(namespace.map(|(name, _)| Key::Namespace(name)));
            keys
        }
    };
    keys.retain(|key| !matches!(key, Key::Prefix("") | Key::Suffix("")));
    keys
}

/// The values of one required key are enough to find an identity by.
fn label_keys(selector: &Selector) -> impl Iterator<Item = Vec<Key<'_>>> {
    selector.requirements.iter().filter_map(|r| match &r.operator {
        Operator::In(values) => Some(values.iter().map(|value| Key::Label(&r.key, value)).collect()),
        Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
    })
}

/// What a rule is entered under.
#[derive(Debug, Default)]
pub(super) struct Anchors<'r> {
    cost: u64,
    /// With the test that holds where the entry is found: its place among the rule's steps, or [`NO_STEP`].
    pub(super) entries: Vec<(Entry<'r>, u32)>,
}

/// How often each entry occurs in the whole set.
#[derive(Debug, Default)]
pub(super) struct Frequencies<'r>(BTreeMap<Entry<'r>, u32>);

impl<'r> Frequencies<'r> {
    /// Counts the entries of `rules`.
    pub(super) fn new(rules: &[&'r Rule]) -> Self {
        let mut counts = BTreeMap::new();
        let tests = rules.iter().flat_map(|r| &r.groups).flat_map(|g| &g.clauses).flat_map(|c| &c.tests);
        for test in tests.filter(|t| !t.negated) {
            let ways = test.patterns.iter().flat_map(|p| ways(&test.attribute, p));
            for entry in ways.flat_map(|way| way.entries) {
                *counts.entry(entry).or_insert(0) += 1;
            }
        }
        Self(counts)
    }

    /// What to enter `rule` under; none if it has to be tried for every request.
    pub(super) fn anchors(&self, rule: &'r Rule) -> Option<Anchors<'r>> {
        let mut first = 0;
        let groups = rule.groups.iter().filter_map(|group| {
            let start = first;
            first += steps_in(&group.clauses);
            self.group(group, start)
        });
        groups.min_by_key(|anchors| anchors.cost)
    }

    fn group(&self, group: &'r Group, first: u32) -> Option<Anchors<'r>> {
        let mut first = first;
        let mut all = Anchors::default();
        for clause in &group.clauses {
            let anchors = self.clause(clause, first)?;
            first += clause.tests.len().max(1) as u32;
            all.cost = all.cost.saturating_add(anchors.cost);
            all.entries.extend(anchors.entries);
        }
        Some(all)
    }

    fn clause(&self, clause: &'r Clause, first: u32) -> Option<Anchors<'r>> {
        let tests = (first..).zip(&clause.tests).filter(|(_, test)| !test.negated);
        tests.filter_map(|(step, test)| self.test(test, step)).min_by_key(|anchors| anchors.cost)
    }

    fn test(&self, test: &'r Test, step: u32) -> Option<Anchors<'r>> {
        let mut anchors = Anchors { cost: reading_cost(&test.attribute), entries: Vec::new() };
        for pattern in &test.patterns {
            let ways = ways(&test.attribute, pattern).into_iter();
            let (cost, way) = ways.map(|way| (self.cost(&way), way)).min_by_key(|(cost, _)| *cost)?;
            anchors.cost = anchors.cost.saturating_add(cost);
            let proven = if way.proves { step } else { NO_STEP };
            anchors.entries.extend(way.entries.into_iter().map(|entry| (entry, proven)));
        }
        Some(anchors)
    }

    /// How many rules a request brings up this way, roughly.
    fn cost(&self, way: &Way<'_>) -> u64 {
        let cost = |entry: &Entry<'_>| {
            let count = self.0.get(entry).copied().unwrap_or(1);
            u64::from(count) * u64::from(entry.1.breadth())
        };
        way.entries.iter().map(cost).fold(0, u64::saturating_add)
    }
}

/// What it costs to look at an attribute for every request, in rules that could be tried instead.
fn reading_cost(attribute: &Attribute) -> u64 {
    match attribute {
        // A structure to walk; for a proxy it is a copy of all that filters have said.
        Attribute::Claim(_) | Attribute::Metadata { .. } | Attribute::RequestPrincipal => 64,
        _ => 0,
    }
}

/// Calls `visit` with every path segment of `identity` that stands behind `/ns/`.
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
        // The slash behind `ns` may begin the next.
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_may_overlap() {
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
    fn blocks_cover_a_range_exactly() {
        for (first, last) in [(0, 65535), (80, 80), (1, 65535), (1000, 2047), (65535, 65535)] {
            let mut next = u32::from(first);
            for key in port_blocks(first, last) {
                let Key::Ports { start, length } = key else { panic!("not a port") };
                assert_eq!(u32::from(start), next);
                assert!(start.trailing_zeros().min(16) + u32::from(length) >= 16);
                next += 1 << (16 - u32::from(length));
            }
            assert_eq!(next, u32::from(last) + 1);
        }
    }
}
