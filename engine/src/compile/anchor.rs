//! Chooses, for each rule, the tests through which the index finds it.
//!
//! A rule can only match where one of its groups does. If every clause of a group holds a positive test whose
//! patterns the index can look up, the rule is entered under those patterns and found through them alone: zero
//! false negatives, by the group having to hold. Of several such groups the one whose patterns are rarest in
//! the whole set is taken.

use crate::ir::{Attribute, Clause, Group, Operator, Pattern, Requirement, Rule, Selector, Test, Text};
use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};
use ipnet::IpNet;

/// What the index can look a rule up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// The attribute's text is this.
    Exact(Box<str>),
    /// It starts so.
    Prefix(Box<str>),
    /// It ends so.
    Suffix(Box<str>),
    /// It has this path segment behind `/ns/`.
    Namespace(Box<str>),
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
    Label(Box<str>, Box<str>),
}

impl Key {
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

/// Keys one of which every value matching `pattern` has; none if there are none worth looking up.
fn keys(attribute: &Attribute, pattern: &Pattern) -> Option<Vec<Key>> {
    match pattern {
        Pattern::Text(text) => text_key(attribute, text).map(|key| vec![key]),
        Pattern::Ports(first, last) | Pattern::Transport(_, first, last) => Some(port_blocks(*first, *last)),
        Pattern::Cidr(net) => Some(vec![Key::Cidr(*net)]),
        Pattern::Labels(selector) => label_keys(selector),
        Pattern::RequestPrincipal { .. } | Pattern::Name(_) => None,
    }
}

/// The fewest aligned blocks that make up `first..=last`; at most 30.
fn port_blocks(first: u16, last: u16) -> Vec<Key> {
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

fn text_key(attribute: &Attribute, text: &Text) -> Option<Key> {
    // A claim or metadata is a structure to walk, not a value to look up.
    if matches!(attribute, Attribute::Claim(_) | Attribute::Metadata { .. }) {
        return None;
    }
    match text {
        Text::Exact(text) => Some(Key::Exact(text.clone())),
        Text::Prefix(text) if !text.is_empty() => Some(Key::Prefix(text.clone())),
        Text::Suffix(text) if !text.is_empty() => Some(Key::Suffix(text.clone())),
        Text::ServiceAccount { namespace, .. } => Some(Key::Namespace(namespace.clone())),
        Text::Present | Text::NonEmpty | Text::Prefix(_) | Text::Suffix(_) => None,
        Text::Glob(glob) => {
            let namespace = glob.pieces.iter().find_map(|p| p.literal.strip_prefix("/ns/")?.split_once('/'));
            let tail = glob.pieces.last().map_or("", |p| &p.literal);
            match namespace {
                Some((name, _)) => Some(Key::Namespace(name.into())),
                None if tail.len() > glob.head.len() => Some(Key::Suffix(tail.into())),
                None if glob.head.is_empty() => None,
                None => Some(Key::Prefix(glob.head.clone())),
            }
        }
    }
}

/// The values of one required key are enough to find an identity by.
fn label_keys(selector: &Selector) -> Option<Vec<Key>> {
    let values = |r: &Requirement| match &r.operator {
        Operator::In(values) => {
            Some(values.iter().map(|v| Key::Label(r.key.clone(), v.clone())).collect::<Vec<Key>>())
        }
        Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
    };
    selector.requirements.iter().filter_map(values).min_by_key(Vec::len)
}

/// The keys a rule is entered under.
pub(super) type Anchors = Vec<(Attribute, Key)>;

/// How often each key occurs in the whole set.
#[derive(Debug, Default)]
pub(super) struct Frequencies(BTreeMap<(Attribute, Key), u32>);

impl Frequencies {
    /// Counts the keys of `rules`.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut counts = BTreeMap::new();
        let tests = rules.iter().flat_map(|r| &r.groups).flat_map(|g| &g.clauses).flat_map(|c| &c.tests);
        for test in tests.filter(|t| !t.negated) {
            for key in test.patterns.iter().filter_map(|p| keys(&test.attribute, p)).flatten() {
                *counts.entry((test.attribute.clone(), key)).or_insert(0) += 1;
            }
        }
        Self(counts)
    }

    /// The keys to enter `rule` under; none if it has to be tried for every request.
    pub(super) fn anchors(&self, rule: &Rule) -> Option<Anchors> {
        rule.groups.iter().filter_map(|g| self.group(g)).min_by_key(|(cost, _)| *cost).map(|(_, keys)| keys)
    }

    fn group(&self, group: &Group) -> Option<(u64, Anchors)> {
        let mut total = 0u64;
        let mut all = Vec::new();
        for clause in &group.clauses {
            let (cost, keys) = self.clause(clause)?;
            total = total.saturating_add(cost);
            all.extend(keys);
        }
        Some((total, all))
    }

    fn clause(&self, clause: &Clause) -> Option<(u64, Anchors)> {
        clause.tests.iter().filter(|t| !t.negated).filter_map(|t| self.test(t)).min_by_key(|(cost, _)| *cost)
    }

    fn test(&self, test: &Test) -> Option<(u64, Anchors)> {
        let mut total = 0u64;
        let mut entries = Vec::with_capacity(test.patterns.len());
        for pattern in &test.patterns {
            for key in keys(&test.attribute, pattern)? {
                let entry = (test.attribute.clone(), key);
                let count = self.0.get(&entry).copied().unwrap_or(1);
                total = total.saturating_add(u64::from(count) * u64::from(entry.1.breadth()));
                entries.push(entry);
            }
        }
        Some((total, entries))
    }
}

/// The path segments of `identity` that stand between `/ns/` and a slash.
pub(super) fn namespaces(identity: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut segments = identity.split(|b| *b == b'/').skip(1).peekable();
    core::iter::from_fn(move || {
        loop {
            if segments.next()? == b"ns" {
                return Some(*segments.peek()?);
            }
        }
    })
    .take(identity.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_may_overlap() {
        let of = |text: &'static str| namespaces(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(of("spiffe://td/ns/foo/sa/a"), [b"foo"]);
        assert_eq!(of("/ns/ns/x/"), [&b"ns"[..], b"x"]);
        assert_eq!(of("ns/foo/"), [b"foo"; 0]);
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
