//! Which stored texts does a value begin with, or (read backwards) end with.
//!
//! The texts form a trie whose edges are pieces of up to eight bytes that end with a separator (`/`, or `.` in names).
//! All edges lie in one table under their parent and their bytes: a step of the walk is one probe and one comparison of
//! two words, however many texts there are. The walk ends where no text goes on, so what it costs is bounded by the
//! longest text and by the value, whichever is shorter. What all texts begin with is compared without the table.

use super::{
    bytes::mix,
    literals::{Literal, Marks, Reading, Wanted},
    piece::{From, Piece},
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::ops::ControlFlow;
use hashbrown::HashTable;

const NONE: u32 = u32::MAX;

/// Maps beginnings to numbers.
#[derive(Debug)]
pub(super) struct Trie {
    from: From,
    reading: Reading,
    /// The steps that lead to `root`: every text begins with them.
    common: Box<[Masked]>,
    root: Node,
    edges: HashTable<Edge>,
}

/// A piece that is compared without the table.
#[derive(Clone, Copy, Debug)]
struct Masked {
    piece: Piece,
    /// The bits of `piece.word` that are its bytes.
    mask: u64,
}

/// [`Node::kind`] of a piece that ends with a separator or has eight bytes. Shorter ends of texts have their length.
const STEP: u8 = 0;

#[derive(Clone, Copy, Debug)]
struct Node {
    id: u32,
    /// The value of the text that ends here.
    value: u32,
    /// Bit `n` is set where some edge is of kind `n`.
    kinds: u8,
    /// What kind of piece leads here.
    kind: u8,
    /// The marks of the texts that end here or further on.
    marks: Marks,
    /// The lowest rank of these.
    rank: u32,
}

impl Trie {
    /// A trie of `keys`. Of equal ones the last wins.
    pub(super) fn new<'k>(from: From, reading: Reading, keys: impl IntoIterator<Item = Literal<'k>>) -> Self {
        let mut builder = Builder { from, reading, nodes: vec![Node::new(0, STEP)], edges: HashTable::new() };
        for key in keys {
            builder.add(key);
        }
        builder.finish()
    }

    /// Calls `visit` with the value of every text that `value` begins (ends) with, shortest first. Texts that are not
    /// `wanted` may be left out.
    #[inline(always)]
    pub(super) fn walk(
        &self,
        wanted: Wanted<'_>,
        value: &[u8],
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.root.marks & wanted.marks == 0 {
            return ControlFlow::Continue(());
        }
        self.walk_wanted(wanted, value, visit)
    }

    /// Apart, so that a trie of which nothing is wanted is passed over without a call.
    #[inline(never)]
    fn walk_wanted(
        &self,
        wanted: Wanted<'_>,
        value: &[u8],
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.from {
            From::Start => self.walk_from(From::Start, wanted, value, visit),
            From::End => self.walk_from(From::End, wanted, value, visit),
        }
    }

    /// `from` is the trie's own, known where this is compiled.
    #[inline(always)]
    fn walk_from(
        &self,
        from: From,
        wanted: Wanted<'_>,
        value: &[u8],
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Reading { case, separator } = self.reading;
        let (mut node, mut at) = (&self.root, 0);
        for Masked { piece, mask } in &self.common {
            let there = Piece::at(value, at, from, case);
            if piece.len > there.len || (piece.word ^ there.word) & mask != 0 {
                return ControlFlow::Continue(());
            }
            at += piece.len as usize;
        }
        while node.leads_to(wanted) {
            if node.value != NONE {
                visit(node.value)?;
            }
            if node.kinds == 0 {
                break;
            }
            let piece = Piece::at(value, at, from, case);
            let mut ends = u32::from(node.kinds >> 1);
            while ends != 0 {
                let len = ends.trailing_zeros() + 1;
                ends &= ends - 1;
                if len <= piece.len
                    && let Some(end) = find(&self.edges, node.id, piece.first(len).word, len as u8)
                {
                    visit(end.node.value)?;
                }
            }
            let Some(step) = piece.step(separator) else { break };
            let Some(edge) = find(&self.edges, node.id, step.word, STEP) else { break };
            (node, at) = (&edge.node, at + step.len as usize);
        }
        ControlFlow::Continue(())
    }
}

impl Node {
    fn new(id: u32, kind: u8) -> Self {
        Self { id, value: NONE, kinds: 0, kind, marks: 0, rank: u32::MAX }
    }

    /// Whether a text that is wanted ends here or further on.
    #[inline]
    fn leads_to(&self, wanted: Wanted<'_>) -> bool {
        self.marks & wanted.marks != 0 && self.rank < wanted.below.get()
    }
}

/// What one piece leads to.
#[derive(Clone, Copy, Debug)]
struct Edge {
    word: u64,
    parent: u32,
    node: Node,
}

impl Edge {
    #[inline]
    fn is(&self, parent: u32, word: u64, kind: u8) -> bool {
        (self.word, self.parent, self.node.kind) == (word, parent, kind)
    }

    fn hash(&self) -> u64 {
        hash(self.parent, self.word, self.node.kind)
    }
}

#[inline]
fn hash(parent: u32, word: u64, kind: u8) -> u64 {
    mix(word ^ ((u64::from(parent) << 32) | u64::from(parent)).rotate_left(u32::from(kind)))
}

#[inline]
fn find(edges: &HashTable<Edge>, parent: u32, word: u64, kind: u8) -> Option<&Edge> {
    edges.find(hash(parent, word, kind), |edge| edge.is(parent, word, kind))
}

/// Nodes by number; until all are there, edges only know the number of theirs.
struct Builder {
    from: From,
    reading: Reading,
    nodes: Vec<Node>,
    edges: HashTable<Edge>,
}

impl Builder {
    fn add(&mut self, Literal { text, value, marks, rank, .. }: Literal<'_>) {
        let key = text.as_bytes();
        let (mut node, mut at) = (0, 0);
        self.mark(node, marks, rank);
        while at < key.len() {
            let piece = Piece::at(key, at, self.from, self.reading.case);
            let step = piece.step(self.reading.separator);
            let (piece, kind) = step.map_or((piece, piece.len as u8), |step| (step, STEP));
            node = self.child(node, piece.word, kind);
            self.mark(node, marks, rank);
            at += piece.len as usize;
        }
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.value = value;
        }
    }

    fn mark(&mut self, number: u32, marks: Marks, rank: u32) {
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.marks |= marks;
            node.rank = rank.min(node.rank);
        }
    }

    /// The node that an edge of `parent` leads to, made if it is not there.
    fn child(&mut self, parent: u32, word: u64, kind: u8) -> u32 {
        if let Some(edge) = find(&self.edges, parent, word, kind) {
            return edge.node.id;
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            parent.kinds |= 1 << kind;
        }
        // INVARIANT: limits::MAX_MANIFEST_BYTES keeps the number of nodes far below 2^32.
        let node = Node::new(self.nodes.len() as u32, kind);
        self.nodes.push(node);
        self.edges.insert_unique(hash(parent, word, kind), Edge { word, parent, node }, Edge::hash);
        node.id
    }

    fn finish(mut self) -> Trie {
        let node = |id: u32| self.nodes.get(id as usize).copied().unwrap_or(Node::new(id, STEP));
        let mut only = vec![Children::None; self.nodes.len()];
        for edge in &mut self.edges {
            edge.node = node(edge.node.id);
            if let Some(children) = only.get_mut(edge.parent as usize) {
                children.add(*edge);
            }
        }
        let (mut root, mut common) = (node(0), Vec::new());
        while let (NONE, Some(Children::One(edge))) = (root.value, only.get(root.id as usize))
            && edge.node.kind == STEP
        {
            let whole = Piece { word: edge.word, len: 8 };
            let piece = whole.step(self.reading.separator).unwrap_or(whole);
            common.push(Masked { piece, mask: Piece { word: u64::MAX, len: 8 }.first(piece.len).word });
            root = edge.node;
        }
        // While it grew, the table was twice as large as it may have to be.
        let mut edges = HashTable::with_capacity(self.edges.len());
        for edge in self.edges {
            edges.insert_unique(edge.hash(), edge, Edge::hash);
        }
        Trie { from: self.from, reading: self.reading, common: common.into(), root, edges }
    }
}

/// How a node goes on.
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
    fn an_edge_stays_small() {
        assert!(size_of::<Edge>() <= 32, "{} bytes", size_of::<Edge>());
    }
}
