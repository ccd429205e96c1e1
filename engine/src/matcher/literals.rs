//! Which stored texts is a value, does it begin with, or (read backwards) end with.
//!
//! Whole texts are found by one hash, beginnings by a walk over a trie.

use super::{
    bytes::Case,
    piece::From,
    texts::{Span, Texts, TextsBuilder},
    trie::Trie,
};
use alloc::vec::Vec;
use core::{cell::Cell, ops::ControlFlow};
use hashbrown::HashTable;

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
    case: Case,
    wholes: HashTable<Whole>,
    longest_whole: usize,
    parts: Trie,
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
        let (mut wholes, mut parts) = (Vec::new(), Vec::new());
        for key in keys {
            match key.extent {
                Extent::Whole => wholes.push(Whole { text: texts.add(key.text), value: key.value }),
                Extent::Part => parts.push(key),
            }
        }
        let longest_whole = wholes.iter().map(|whole| whole.text.len()).max().unwrap_or_default();
        Self {
            case: reading.case,
            wholes: table(reading.case, texts, wholes),
            longest_whole,
            parts: Trie::new(from, reading, parts),
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
    #[inline(always)]
    pub(crate) fn walk_for(
        &self,
        wanted: Wanted<'_>,
        texts: &Texts,
        value: &[u8],
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.parts.walk(wanted, value, &mut visit)?;
        if self.wholes.is_empty() || value.len() > self.longest_whole {
            return ControlFlow::Continue(());
        }
        self.whole(texts, value).map_or(ControlFlow::Continue(()), visit)
    }

    /// Apart, so that a map without whole texts is passed over without a call.
    #[inline(never)]
    fn whole(&self, texts: &Texts, value: &[u8]) -> Option<u32> {
        let same = |whole: &Whole| self.case.eq(value, texts.bytes(whole.text));
        self.wholes.find(self.case.hash(value), same).map(|whole| whole.value)
    }
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

#[cfg(test)]
mod tests;
