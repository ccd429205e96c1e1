//! Which stored texts is a value, does it begin with, or (read backwards) end with.
//!
//! Whole texts are found by one hash. Beginnings form a trie whose edges are pieces of up to eight bytes that end with
//! a separator (`/`, or `.` in names), and whose edges all lie in one hash table under their parent and their bytes. So
//! a step of the walk is one probe and one comparison of two words, however many keys there are, and the walk ends
//! where no key goes on: what it costs is bounded by the longest key and by the value, whichever is shorter.

use super::{
    bytes::{Case, mix},
    piece::{From, Piece},
    texts::{Span, Texts, TextsBuilder},
};
use alloc::{boxed::Box, vec::Vec};
use core::{cell::Cell, ops::ControlFlow};
use hashbrown::HashTable;

const NONE: u32 = u32::MAX;

/// How much of a value a key has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// Its beginning; read from the end, its ending.
    Part,
}

/// How values of an attribute are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Whether case counts; where it does not, keys are lower case.
    pub(crate) case: Case,
    /// What parts of a value stand between, such as labels of a name.
    pub(crate) separator: u8,
}

/// Maps texts to numbers.
#[derive(Debug)]
pub(crate) struct LiteralMap {
    from: From,
    reading: Reading,
    wholes: HashTable<Whole>,
    longest_whole: usize,
    root: Node,
    edges: HashTable<Edge>,
    /// The lowest rank of the keys that end at a node or further on, by its number; none where all are the same.
    ranks: Box<[u32]>,
}

/// A text, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal<'k> {
    pub(crate) text: &'k str,
    pub(crate) extent: Extent,
    /// What it is mapped to; below `u32::MAX`.
    pub(crate) value: u32,
    pub(crate) marks: Marks,
    /// Where it stands among all keys for those who want some of them only.
    pub(crate) rank: u32,
}

impl<'k> Literal<'k> {
    /// One that is always wanted.
    pub(crate) fn new(text: &'k str, extent: Extent, value: u32) -> Self {
        Self { text, extent, value, marks: ALL, rank: 0 }
    }
}

/// Which keys a walk is for: it may leave out all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'w> {
    /// Those with one of these marks.
    pub(crate) marks: Marks,
    /// Those of a rank below this one. It may sink on the way.
    pub(crate) below: &'w Cell<u32>,
}

#[derive(Debug)]
struct Whole {
    text: Span,
    value: u32,
}

/// What one piece leads to.
#[derive(Clone, Copy, Debug)]
struct Edge {
    word: u64,
    parent: u32,
    node: Node,
}

/// [`Node::kind`] of a piece that ends with a separator or has eight bytes. Shorter ends of keys have their length.
const STEP: u8 = 0;

#[derive(Clone, Copy, Debug)]
struct Node {
    id: u32,
    /// The value of the key that ends here.
    value: u32,
    /// Bit `n` is set where some edge is of kind `n`.
    kinds: u8,
    /// What kind of piece leads here.
    kind: u8,
    /// The marks of the keys that end here or further on.
    marks: Marks,
}

/// What keys are wanted for, as bits: a walk passes over those with none of the bits that it is for.
pub(crate) type Marks = u16;

/// For everything.
pub(crate) const ALL: Marks = Marks::MAX;

impl LiteralMap {
    /// A map of `keys`. Of equal keys the last wins.
    pub(crate) fn new<'k>(
        from: From,
        reading: Reading,
        texts: &mut TextsBuilder,
        keys: impl IntoIterator<Item = Literal<'k>>,
    ) -> Self {
        let mut builder = Builder::new(from, reading);
        let mut wholes = Vec::new();
        for key in keys {
            match key.extent {
                Extent::Whole => wholes.push(Whole { text: texts.add(key.text), value: key.value }),
                Extent::Part => builder.add(key),
            }
        }
        let Builder { nodes, edges: built, ranks, .. } = builder;
        let ranks = if ranks.windows(2).all(|two| two.first() == two.last()) { Vec::new() } else { ranks };
        let node = |id: u32| nodes.get(id as usize).copied().unwrap_or(Node::new(id, STEP));
        let mut edges = HashTable::with_capacity(built.len());
        for edge in built {
            let edge = Edge { node: node(edge.node.id), ..edge };
            edges.insert_unique(edge.hash(), edge, Edge::hash);
        }
        let longest_whole = wholes.iter().map(|whole| whole.text.len()).max().unwrap_or_default();
        Self {
            from,
            reading,
            wholes: table(reading.case, texts, wholes),
            longest_whole,
            root: node(0),
            edges,
            ranks: ranks.into(),
        }
    }

    /// Calls `visit` with the value of every key that `value` begins (ends) with, shortest first, and then of the key
    /// that it is. `texts` are those that the map was made with.
    #[inline]
    pub(crate) fn walk(
        &self,
        texts: &Texts,
        value: &[u8],
        visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.walk_for(Wanted { marks: ALL, below: &Cell::new(u32::MAX) }, texts, value, visit)
    }

    /// The same; keys that are not `wanted` may be left out.
    #[inline]
    pub(crate) fn walk_for(
        &self,
        wanted: Wanted<'_>,
        texts: &Texts,
        value: &[u8],
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.root.marks & wanted.marks != 0 {
            match self.from {
                From::Start => self.parts(From::Start, wanted, value, &mut visit)?,
                From::End => self.parts(From::End, wanted, value, &mut visit)?,
            }
        }
        self.whole(texts, value).map_or(ControlFlow::Continue(()), visit)
    }

    #[inline]
    fn whole(&self, texts: &Texts, value: &[u8]) -> Option<u32> {
        if self.wholes.is_empty() || value.len() > self.longest_whole {
            return None;
        }
        let case = self.reading.case;
        let same = |whole: &Whole| case.eq(value, texts.bytes(whole.text));
        self.wholes.find(case.hash(value), same).map(|whole| whole.value)
    }

    /// `from` is the map's own, known where this is compiled.
    #[inline(always)]
    fn parts(
        &self,
        from: From,
        wanted: Wanted<'_>,
        value: &[u8],
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut node, mut at) = (self.root, 0);
        while self.leads_to(wanted, &node) {
            if node.value != NONE {
                visit(node.value)?;
            }
            if node.kinds == 0 {
                return ControlFlow::Continue(());
            }
            let piece = Piece::at(value, at, from, self.reading.case);
            let mut ends = u32::from(node.kinds >> 1);
            while ends != 0 {
                let len = ends.trailing_zeros() + 1;
                ends &= ends - 1;
                if len <= piece.len
                    && let Some(end) = self.edge(node.id, piece.first(len).word, len as u8)
                {
                    visit(end.node.value)?;
                }
            }
            let step = piece.step(self.reading.separator);
            match step.and_then(|step| Some((step.len, self.edge(node.id, step.word, STEP)?))) {
                Some((len, edge)) => (node, at) = (edge.node, at + len as usize),
                None => return ControlFlow::Continue(()),
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether a key that is wanted ends at `node` or further on.
    #[inline]
    fn leads_to(&self, wanted: Wanted<'_>, node: &Node) -> bool {
        let below = wanted.below.get();
        node.marks & wanted.marks != 0
            && (below == u32::MAX || self.ranks.get(node.id as usize).is_none_or(|rank| *rank < below))
    }

    #[inline]
    fn edge(&self, parent: u32, word: u64, kind: u8) -> Option<&Edge> {
        self.edges.find(hash(parent, word, kind), |edge| edge.is(parent, word, kind))
    }
}

impl Node {
    fn new(id: u32, kind: u8) -> Self {
        Self { id, value: NONE, kinds: 0, kind, marks: 0 }
    }
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

fn table(case: Case, texts: &TextsBuilder, keys: Vec<Whole>) -> HashTable<Whole> {
    let hash = |whole: &Whole| case.hash(texts.bytes(whole.text));
    let mut wholes = HashTable::with_capacity(keys.len());
    for key in keys {
        match wholes.find_mut(hash(&key), |other: &Whole| other.text == key.text) {
            Some(other) => *other = key,
            None => {
                wholes.insert_unique(hash(&key), key, hash);
            }
        }
    }
    wholes
}

/// Nodes by number; the edges only know the number of theirs.
struct Builder {
    from: From,
    reading: Reading,
    nodes: Vec<Node>,
    edges: HashTable<Edge>,
    ranks: Vec<u32>,
}

impl Builder {
    fn new(from: From, reading: Reading) -> Self {
        let nodes = Vec::from([Node::new(0, STEP)]);
        Self { from, reading, nodes, edges: HashTable::new(), ranks: Vec::from([u32::MAX]) }
    }

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
        }
        if let Some(lowest) = self.ranks.get_mut(number as usize) {
            *lowest = rank.min(*lowest);
        }
    }

    /// The node that an edge of `parent` leads to, made if it is not there.
    fn child(&mut self, parent: u32, word: u64, kind: u8) -> u32 {
        let hash = hash(parent, word, kind);
        if let Some(edge) = self.edges.find(hash, |edge| edge.is(parent, word, kind)) {
            return edge.node.id;
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            parent.kinds |= 1 << kind;
        }
        let node = Node::new(self.nodes.len() as u32, kind);
        self.nodes.push(node);
        self.ranks.push(u32::MAX);
        self.edges.insert_unique(hash, Edge { word, parent, node }, Edge::hash);
        node.id
    }
}

#[cfg(test)]
mod tests;
