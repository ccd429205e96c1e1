//! A compressed trie over byte strings: which stored keys does a value begin with (or, read backwards, end with)?

use super::bytes::Case;
use alloc::{boxed::Box, vec::Vec};
use core::ops::{ControlFlow, Range};

/// From which end values are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Keys are prefixes.
    Start,
    /// Keys are suffixes.
    End,
}

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Node {
    /// Bytes of the edge that leads here, in `labels`.
    label: Range<u32>,
    /// Children in `nodes`, sorted by their first byte.
    children: Range<u32>,
    /// What the key that ends here stands for.
    value: u32,
}

/// Maps keys to values; a lookup visits the values of all keys that the input starts (or ends) with, shortest
/// first, reading each byte of the input at most once.
#[derive(Debug)]
pub(crate) struct Trie {
    from: From,
    case: Case,
    nodes: Box<[Node]>,
    labels: Box<[u8]>,
}

impl Trie {
    /// A trie of `keys`, whose values must be below `u32::MAX`. Of equal keys the last wins.
    pub(crate) fn new<'a>(from: From, case: Case, keys: impl IntoIterator<Item = (&'a [u8], u32)>) -> Self {
        let mut keys: Vec<(Vec<u8>, u32)> = keys
            .into_iter()
            .map(|(key, value)| {
                let mut key: Vec<u8> = key.iter().map(|b| case.of(*b)).collect();
                if from == From::End {
                    key.reverse();
                }
                (key, value)
            })
            .collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        keys.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
        let mut builder = Builder { nodes: Vec::new(), labels: Vec::new() };
        builder.nodes.push(Node { label: 0..0, children: 0..0, value: NONE });
        // Breadth first, so that the children of a node lie side by side.
        let mut queue = alloc::collections::VecDeque::from([(0usize, 0..keys.len(), 0usize)]);
        while let Some((node, range, depth)) = queue.pop_front() {
            builder.expand(node, range, depth, &keys, &mut queue);
        }
        Self { from, case, nodes: builder.nodes.into(), labels: builder.labels.into() }
    }

    /// Calls `visit` with the value of each key that `input` starts (or ends) with.
    #[inline]
    pub(crate) fn walk(
        &self,
        input: &[u8],
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(mut node) = self.nodes.first() else { return ControlFlow::Continue(()) };
        let mut rest = input;
        loop {
            if node.value != NONE {
                visit(node.value)?;
            }
            let next = match self.from {
                From::Start => rest.first(),
                From::End => rest.last(),
            };
            let Some(byte) = next.map(|b| self.case.of(*b)) else { return ControlFlow::Continue(()) };
            let Some(child) = self.child(node, byte) else { return ControlFlow::Continue(()) };
            let Some(after) = self.follow(child, rest) else { return ControlFlow::Continue(()) };
            rest = after;
            node = child;
        }
    }

    #[inline]
    fn child(&self, node: &Node, byte: u8) -> Option<&Node> {
        let children = self.nodes.get(node.children.start as usize..node.children.end as usize)?;
        let first = |n: &Node| self.labels.get(n.label.start as usize).copied();
        if children.len() <= 8 {
            children.iter().find(|n| first(n) == Some(byte))
        } else {
            let at = children.binary_search_by(|n| first(n).cmp(&Some(byte))).ok()?;
            children.get(at)
        }
    }

    #[inline]
    fn follow<'v>(&self, node: &Node, input: &'v [u8]) -> Option<&'v [u8]> {
        let label = self.labels.get(node.label.start as usize..node.label.end as usize)?;
        match self.from {
            From::Start => {
                let (head, rest) = input.split_at_checked(label.len())?;
                self.case.eq(head, label).then_some(rest)
            }
            From::End => {
                let (rest, tail) = input.split_at_checked(input.len().checked_sub(label.len())?)?;
                tail.iter().rev().zip(label).all(|(a, b)| self.case.of(*a) == *b).then_some(rest)
            }
        }
    }
}

struct Builder {
    nodes: Vec<Node>,
    labels: Vec<u8>,
}

type Queue = alloc::collections::VecDeque<(usize, Range<usize>, usize)>;

impl Builder {
    /// Gives `node`, whose keys are `range` and share their first `depth` bytes, its value and children.
    fn expand(
        &mut self,
        node: usize,
        mut range: Range<usize>,
        depth: usize,
        keys: &[(Vec<u8>, u32)],
        queue: &mut Queue,
    ) {
        let mut value = NONE;
        if let Some((key, v)) = keys.get(range.start).filter(|_| !range.is_empty())
            && key.len() == depth
        {
            value = *v;
            range.start += 1;
        }
        let first_child = self.nodes.len();
        while let Some((first, _)) = keys.get(range.start).filter(|_| !range.is_empty()) {
            let byte = first.get(depth);
            let group = keys.get(range.clone()).unwrap_or_default();
            let count = group.iter().take_while(|(key, _)| key.get(depth) == byte).count();
            let last = keys.get(range.start + count - 1).map_or(&[][..], |(key, _)| key);
            let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
            let start = self.labels.len() as u32;
            self.labels.extend_from_slice(first.get(depth..common).unwrap_or_default());
            queue.push_back((self.nodes.len(), range.start..range.start + count, common));
            self.nodes.push(Node { label: start..self.labels.len() as u32, children: 0..0, value: NONE });
            range.start += count;
        }
        let children = first_child as u32..self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(node) {
            node.children = children;
            node.value = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn found(trie: &Trie, input: &str) -> Vec<u32> {
        let mut out = vec![];
        let _ = trie.walk(input.as_bytes(), |v| {
            out.push(v);
            ControlFlow::Continue(())
        });
        out
    }

    #[test]
    fn visits_every_prefix_shortest_first() {
        let keys = ["", "/a", "/a/b", "/ab", "/x"];
        let trie = Trie::new(From::Start, Case::Kept, keys.iter().zip(0..).map(|(k, v)| (k.as_bytes(), v)));
        assert_eq!(found(&trie, "/a/b/c"), [0, 1, 2]);
        assert_eq!(found(&trie, "/abc"), [0, 1, 3]);
        assert_eq!(found(&trie, "/"), [0]);
        assert_eq!(found(&trie, ""), [0]);
    }

    #[test]
    fn reads_backwards_and_folds() {
        let trie = Trie::new(From::End, Case::Folded, [(&b".example.com"[..], 0), (b"com", 1)]);
        assert_eq!(found(&trie, "a.EXAMPLE.com"), [1, 0]);
        assert_eq!(found(&trie, "example.com"), [1]);
    }

    #[test]
    fn an_empty_trie_finds_nothing() {
        let trie = Trie::new(From::Start, Case::Kept, []);
        assert!(found(&trie, "x").is_empty());
    }
}
