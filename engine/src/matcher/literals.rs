//! A map from texts to numbers that finds exact values, prefixes and suffixes.
//!
//! A hash table finds the text that equals a value. A trie finds the texts that the value starts with. A map that reads
//! backward finds the texts that the value ends with.

use super::{
    case::CaseSensitivity,
    chunk::ReadDirection,
    collation::Collation,
    literal::{ALL_METHODS, Extent, Literal, SearchBounds},
    string_pool::{StrRef, StringPool, StringPoolBuilder},
    trie::Trie,
};
use alloc::vec::Vec;
use core::{cell::Cell, ops::ControlFlow};
use hashbrown::HashTable;

/// A map from texts to numbers.
#[derive(Debug)]
pub(crate) struct LiteralMap {
    case: CaseSensitivity,
    wholes: HashTable<WholeText>,
    longest_whole: usize,
    parts: Trie,
}

/// A text that a value must equal.
#[derive(Debug)]
struct WholeText {
    text: StrRef,
    value: u32,
}

impl LiteralMap {
    /// Returns a map of `keys`. Of equal keys, the map contains the last one.
    pub(crate) fn new<'k>(
        direction: ReadDirection,
        collation: Collation,
        pool: &mut StringPoolBuilder,
        keys: impl IntoIterator<Item = Literal<'k>>,
    ) -> Self {
        let (mut wholes, mut parts) = (Vec::new(), Vec::new());
        for key in keys {
            match key.extent {
                Extent::Whole => wholes.push(WholeText { text: pool.add(key.text), value: key.value }),
                Extent::Part => parts.push(key),
            }
        }
        let longest_whole = wholes.iter().map(|whole| whole.text.len()).max().unwrap_or_default();
        Self {
            case: collation.case,
            wholes: table(collation.case, pool, wholes),
            longest_whole,
            parts: Trie::new(direction, collation, parts),
        }
    }

    /// Calls `visit` with the number of each key that `value` starts (or ends) with, shortest first, and then with that
    /// of the key that equals `value`. `pool` must be the pool with which the map was built.
    #[inline]
    pub(crate) fn walk(
        &self,
        pool: &StringPool,
        value: &[u8],
        visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.walk_within(
            SearchBounds { methods: ALL_METHODS, below: &Cell::new(u32::MAX) },
            pool,
            value,
            visit,
        )
    }

    /// Calls `visit` as [`Self::walk`] does, but can skip keys outside of `bounds`.
    #[inline(always)]
    pub(crate) fn walk_within(
        &self,
        bounds: SearchBounds<'_>,
        pool: &StringPool,
        value: &[u8],
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.parts.walk(bounds, value, &mut visit)?;
        if self.wholes.is_empty() || value.len() > self.longest_whole {
            return ControlFlow::Continue(());
        }
        self.whole(pool, value).map_or(ControlFlow::Continue(()), visit)
    }

    /// Returns the number of the key that equals `value`. A separate function, so that a map without such keys costs no
    /// call.
    #[inline(never)]
    fn whole(&self, pool: &StringPool, value: &[u8]) -> Option<u32> {
        let same = |whole: &WholeText| self.case.eq(value, pool.bytes(whole.text));
        self.wholes.find(self.case.hash(value), same).map(|whole| whole.value)
    }
}

fn table(case: CaseSensitivity, pool: &StringPoolBuilder, keys: Vec<WholeText>) -> HashTable<WholeText> {
    let hash = |whole: &WholeText| case.hash(pool.bytes(whole.text));
    let mut wholes = HashTable::with_capacity(keys.len());
    for key in keys {
        match wholes.find_mut(hash(&key), |other: &WholeText| other.text == key.text) {
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
