//! A trie that finds the texts with which a value starts or, read backward, ends.
//!
//! An edge of the trie is a chunk of up to eight bytes that ends with a separator (`/`, or `.` in names). One hash table
//! contains all edges, by parent node and bytes. A step of the search is one lookup in the table and one comparison of
//! words, for any number of texts. The search stops at a node without a matching edge. Its cost is therefore bounded by
//! the value and by the longest text. The common prefix of all texts is compared without the table.

use super::{
    chunk::{Chunk, ReadDirection},
    collation::Collation,
    hash::mix,
    literal::{Literal, MethodMask, SearchBounds},
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::ops::ControlFlow;
use hashbrown::HashTable;

const NONE: u32 = u32::MAX;

/// A map from prefixes, or suffixes, to numbers.
#[derive(Debug)]
pub(super) struct Trie {
    direction: ReadDirection,
    collation: Collation,
    /// The chunks with which every text starts; they lead to `root`.
    common: Box<[MaskedChunk]>,
    root: Node,
    edges: HashTable<Edge>,
}

/// A chunk of the common prefix, which is compared without the table.
#[derive(Clone, Copy, Debug)]
struct MaskedChunk {
    chunk: Chunk,
    /// The bits of `chunk.word` that belong to the chunk.
    mask: u64,
}

/// The [`Node::edge_len`] of a chunk that ends with a separator or has eight bytes. Other chunks are the ends of texts,
/// and have their length there.
const FULL: u8 = 0;

/// The end of one or more chunks.
#[derive(Clone, Copy, Debug)]
struct Node {
    id: u32,
    /// The number of the text that ends at the node, or [`NONE`].
    value: u32,
    /// Bit `n` is set if an edge to a child has the `edge_len` `n`.
    child_lens: u8,
    /// The length of the chunk that leads to the node, or [`FULL`].
    edge_len: u8,
    /// The methods of the texts that end at the node or below it.
    methods: MethodMask,
    /// The lowest rank of these texts.
    rank: u32,
}

impl Trie {
    /// Returns a trie of `keys`. Of equal keys, the trie contains the last one.
    pub(super) fn new<'k>(
        direction: ReadDirection,
        collation: Collation,
        keys: impl IntoIterator<Item = Literal<'k>>,
    ) -> Self {
        let mut builder =
            TrieBuilder { direction, collation, nodes: vec![Node::new(0, FULL)], edges: HashTable::new() };
        for key in keys {
            builder.add(key);
        }
        builder.finish()
    }

    /// Calls `visit` with the number of each text that `value` starts (or ends) with, shortest first. It can skip texts
    /// outside of `bounds`.
    #[inline(always)]
    pub(super) fn walk(
        &self,
        bounds: SearchBounds<'_>,
        value: &[u8],
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.root.methods & bounds.methods == 0 {
            return ControlFlow::Continue(());
        }
        self.walk_nodes(bounds, value, visit)
    }

    /// Walks the nodes. A separate function, so that a trie without texts within the bounds costs no call.
    #[inline(never)]
    fn walk_nodes(
        &self,
        bounds: SearchBounds<'_>,
        value: &[u8],
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.direction {
            ReadDirection::Forward => self.walk_in(ReadDirection::Forward, bounds, value, visit),
            ReadDirection::Backward => self.walk_in(ReadDirection::Backward, bounds, value, visit),
        }
    }

    /// Walks the nodes in one direction, that of the trie. It is a constant in each of the two inlined copies.
    #[inline(always)]
    fn walk_in(
        &self,
        direction: ReadDirection,
        bounds: SearchBounds<'_>,
        value: &[u8],
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Collation { case, separator } = self.collation;
        let (mut node, mut at) = (&self.root, 0);
        for MaskedChunk { chunk, mask } in &self.common {
            let read = Chunk::at(value, at, direction, case);
            if chunk.len > read.len || (chunk.word ^ read.word) & mask != 0 {
                return ControlFlow::Continue(());
            }
            at += chunk.len as usize;
        }
        while node.leads_to(bounds) {
            if node.value != NONE {
                visit(node.value)?;
            }
            if node.child_lens == 0 {
                break;
            }
            let chunk = Chunk::at(value, at, direction, case);
            let mut lens = u32::from(node.child_lens >> 1);
            while lens != 0 {
                let len = lens.trailing_zeros() + 1;
                lens &= lens - 1;
                if len <= chunk.len
                    && let Some(end) = find(&self.edges, node.id, chunk.first(len).word, len as u8)
                {
                    visit(end.node.value)?;
                }
            }
            let Some(segment) = chunk.segment(separator) else { break };
            let Some(edge) = find(&self.edges, node.id, segment.word, FULL) else { break };
            (node, at) = (&edge.node, at + segment.len as usize);
        }
        ControlFlow::Continue(())
    }
}

impl Node {
    fn new(id: u32, edge_len: u8) -> Self {
        Self { id, value: NONE, child_lens: 0, edge_len, methods: 0, rank: u32::MAX }
    }

    /// Returns whether a text within `bounds` ends at the node or below it.
    #[inline]
    fn leads_to(&self, bounds: SearchBounds<'_>) -> bool {
        self.methods & bounds.methods != 0 && self.rank < bounds.below.get()
    }
}

/// A chunk that leads from one node to another.
#[derive(Clone, Copy, Debug)]
struct Edge {
    word: u64,
    parent: u32,
    node: Node,
}

impl Edge {
    #[inline]
    fn is(&self, parent: u32, word: u64, len: u8) -> bool {
        (self.word, self.parent, self.node.edge_len) == (word, parent, len)
    }

    fn hash(&self) -> u64 {
        hash(self.parent, self.word, self.node.edge_len)
    }
}

#[inline]
fn hash(parent: u32, word: u64, len: u8) -> u64 {
    mix(word ^ ((u64::from(parent) << 32) | u64::from(parent)).rotate_left(u32::from(len)))
}

#[inline]
fn find(edges: &HashTable<Edge>, parent: u32, word: u64, len: u8) -> Option<&Edge> {
    edges.find(hash(parent, word, len), |edge| edge.is(parent, word, len))
}

/// A trie under construction. Before [`Self::finish`], only the `id` of an edge's node is valid.
struct TrieBuilder {
    direction: ReadDirection,
    collation: Collation,
    nodes: Vec<Node>,
    edges: HashTable<Edge>,
}

impl TrieBuilder {
    fn add(&mut self, Literal { text, value, methods, rank, .. }: Literal<'_>) {
        let key = text.as_bytes();
        let (mut node, mut at) = (0, 0);
        self.mark(node, methods, rank);
        while at < key.len() {
            let chunk = Chunk::at(key, at, self.direction, self.collation.case);
            let segment = chunk.segment(self.collation.separator);
            let (chunk, len) = segment.map_or((chunk, chunk.len as u8), |segment| (segment, FULL));
            node = self.child(node, chunk.word, len);
            self.mark(node, methods, rank);
            at += chunk.len as usize;
        }
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.value = value;
        }
    }

    /// Records that a text of `methods` and `rank` ends at node `id` or below it.
    fn mark(&mut self, id: u32, methods: MethodMask, rank: u32) {
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.methods |= methods;
            node.rank = rank.min(node.rank);
        }
    }

    /// Returns the node that an edge of `parent` leads to. Creates both if they are missing.
    fn child(&mut self, parent: u32, word: u64, len: u8) -> u32 {
        if let Some(edge) = find(&self.edges, parent, word, len) {
            return edge.node.id;
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            parent.child_lens |= 1 << len;
        }
        // INVARIANT: limits::MAX_MANIFEST_BYTES keeps the number of nodes far below 2^32.
        let node = Node::new(self.nodes.len() as u32, len);
        self.nodes.push(node);
        self.edges.insert_unique(hash(parent, word, len), Edge { word, parent, node }, Edge::hash);
        node.id
    }

    fn finish(mut self) -> Trie {
        let node = |id: u32| self.nodes.get(id as usize).copied().unwrap_or(Node::new(id, FULL));
        let mut only = vec![Children::None; self.nodes.len()];
        for edge in &mut self.edges {
            edge.node = node(edge.node.id);
            if let Some(children) = only.get_mut(edge.parent as usize) {
                children.add(*edge);
            }
        }
        let (mut root, mut common) = (node(0), Vec::new());
        while let (NONE, Some(Children::One(edge))) = (root.value, only.get(root.id as usize))
            && edge.node.edge_len == FULL
        {
            let whole = Chunk { word: edge.word, len: 8 };
            let chunk = whole.segment(self.collation.separator).unwrap_or(whole);
            common.push(MaskedChunk { chunk, mask: Chunk { word: u64::MAX, len: 8 }.first(chunk.len).word });
            root = edge.node;
        }
        // The table that grew can be twice as large as necessary.
        let mut edges = HashTable::with_capacity(self.edges.len());
        for edge in self.edges {
            edges.insert_unique(edge.hash(), edge, Edge::hash);
        }
        Trie { direction: self.direction, collation: self.collation, common: common.into(), root, edges }
    }
}

/// The children of a node.
#[derive(Clone, Copy)]
enum Children {
    None,
    One(Edge),
    Many,
}

impl Children {
    fn add(&mut self, edge: Edge) {
        *self = if matches!(self, Self::None) { Self::One(edge) } else { Self::Many };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_has_at_most_32_bytes() {
        assert!(size_of::<Edge>() <= 32, "{} bytes", size_of::<Edge>());
    }
}
