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
use alloc::vec::Vec;
use core::ops::ControlFlow;
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
    /// A map of `keys`, whose values are below `u32::MAX`. Of equal keys the last wins.
    pub(crate) fn new<'k>(
        from: From,
        reading: Reading,
        texts: &mut TextsBuilder,
        keys: impl IntoIterator<Item = (&'k str, Extent, u32, Marks)>,
    ) -> Self {
        let mut builder =
            Builder { from, reading, nodes: Vec::from([Node::new(0, STEP)]), edges: HashTable::new() };
        let mut wholes = Vec::new();
        for (key, extent, value, marks) in keys {
            match extent {
                Extent::Whole => wholes.push(Whole { text: texts.add(key), value }),
                Extent::Part => builder.add(key.as_bytes(), value, marks),
            }
        }
        let Builder { nodes, edges: built, .. } = builder;
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
        }
    }

    /// Calls `visit` with the value of every key that `value` begins (ends) with, shortest first, and then of the key
    /// that it is. Keys that have none of the `marks` may be left out. `texts` are those that the map was made with.
    #[inline]
    pub(crate) fn walk(
        &self,
        texts: &Texts,
        value: &[u8],
        marks: Marks,
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.root.marks & marks != 0 {
            match self.from {
                From::Start => self.parts(From::Start, value, marks, &mut visit)?,
                From::End => self.parts(From::End, value, marks, &mut visit)?,
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
        value: &[u8],
        marks: Marks,
        visit: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut node, mut at) = (self.root, 0);
        // No key that is wanted lies behind a node whose marks are all others.
        while node.marks & marks != 0 {
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
}

impl Builder {
    fn add(&mut self, key: &[u8], value: u32, marks: Marks) {
        let (mut node, mut at) = (0, 0);
        self.mark(node, marks);
        while at < key.len() {
            let piece = Piece::at(key, at, self.from, self.reading.case);
            let step = piece.step(self.reading.separator);
            let (piece, kind) = step.map_or((piece, piece.len as u8), |step| (step, STEP));
            node = self.child(node, piece.word, kind);
            self.mark(node, marks);
            at += piece.len as usize;
        }
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.value = value;
        }
    }

    fn mark(&mut self, node: u32, marks: Marks) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.marks |= marks;
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
        self.edges.insert_unique(hash, Edge { word, parent, node }, Edge::hash);
        node.id
    }
}

#[cfg(test)]
mod tests;
