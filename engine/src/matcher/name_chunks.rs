//! Finds name patterns by a chunk of text that every matching name contains.
//!
//! A set of name patterns finds a pattern by the text after its last star. Many patterns can share that text: `a1.*.io`
//! and `a2.*.io`, `a1*.io` and `a2*.io`, `*a1*.io` and `*a2*.io`. This map stores such a pattern under the chunk of its
//! text that occurs in the fewest of them.

use super::{
    case::CaseSensitivity,
    chunk::{Chunk, ReadDirection},
    hash::mix,
    search,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, ops::ControlFlow};
use hashbrown::HashTable;

/// The length in bytes of the longest name whose chunks are looked up; DNS and TLS server names cannot be longer.
const LONGEST_NAME: usize = 256;

/// A map from chunks of up to eight bytes to ranges of pattern numbers.
#[derive(Debug, Default)]
pub(super) struct ChunkMap {
    /// The lengths of the chunks, in ascending order.
    lengths: Box<[u32]>,
    ranges: HashTable<ChunkRange>,
    first: u32,
    end: u32,
}

/// The numbers of the patterns that are stored under one chunk.
#[derive(Clone, Copy, Debug)]
struct ChunkRange {
    chunk: Chunk,
    first: u32,
    end: u32,
}

impl ChunkMap {
    /// Returns a map of `items`, each with the text of its pattern, and the items in the order of their numbers, which
    /// start at `first`.
    pub(super) fn new<T>(items: Vec<(&str, T)>, first: u32) -> (Self, Vec<T>) {
        let mut counts: BTreeMap<(u64, u32), u32> = BTreeMap::new();
        for chunk in items.iter().flat_map(|(text, _)| chunks(text)) {
            *counts.entry((chunk.word, chunk.len)).or_default() += 1;
        }
        let rarest = |text| {
            let rarity = |chunk: &Chunk| (counts.get(&(chunk.word, chunk.len)), Reverse(chunk.len));
            chunks(text).min_by_key(rarity).unwrap_or(Chunk { word: 0, len: 0 })
        };
        let mut stored: Vec<(Chunk, T)> =
            items.into_iter().map(|(text, item)| (rarest(text), item)).collect();
        stored.sort_by_key(|(chunk, _)| (chunk.len, chunk.word));
        let mut map = Self { first, end: first, ..Self::default() };
        let mut lengths = Vec::new();
        for same in stored.chunk_by(|one, other| one.0 == other.0) {
            let Some((chunk, _)) = same.first() else { continue };
            let range = ChunkRange { chunk: *chunk, first: map.end, end: map.end + same.len() as u32 };
            map.ranges.insert_unique(hash(*chunk), range, |range| hash(range.chunk));
            map.end = range.end;
            lengths.push(chunk.len);
        }
        lengths.dedup();
        map.lengths = lengths.into();
        (map, stored.into_iter().map(|(_, item)| item).collect())
    }

    /// Calls `visit` with the number of each pattern whose chunk `name` contains, once for each pattern. For a name longer
    /// than [`LONGEST_NAME`] it calls `visit` with every number.
    #[inline]
    pub(super) fn walk(&self, name: &[u8], mut visit: impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.ranges.is_empty() {
            true => ControlFlow::Continue(()),
            false => self.walk_chunks(name, &mut visit),
        }
    }

    /// Calls `visit` as [`Self::walk`] does. A separate function, so that a set without such patterns costs no call.
    #[inline(never)]
    fn walk_chunks(&self, name: &[u8], visit: &mut impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        if name.len() > LONGEST_NAME {
            return (self.first..self.end).try_for_each(visit);
        }
        for at in 0..name.len() {
            let here = Chunk::at(name, at, ReadDirection::Forward, CaseSensitivity::Sensitive);
            for len in self.lengths.iter().take_while(|len| **len <= here.len) {
                let chunk = here.first(*len);
                let found = self.ranges.find(hash(chunk), |range| range.chunk == chunk);
                if let Some(range) = found
                    && is_first(name, at, *len as usize)
                {
                    (range.first..range.end).try_for_each(&mut *visit)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Returns whether the `len` bytes at `at` are their first occurrence in `name`.
fn is_first(name: &[u8], at: usize, len: usize) -> bool {
    let bytes = name.get(at..at + len).unwrap_or_default();
    search::find(name, bytes) == Some(at)
}

/// Returns the chunks of the texts between the stars of `pattern`: a text of less than eight bytes as a whole, and every
/// eight adjacent bytes of a longer text.
fn chunks(pattern: &str) -> impl Iterator<Item = Chunk> {
    pattern.split('*').filter(|text| !text.is_empty()).flat_map(|text| {
        let text = text.as_bytes();
        let last = text.len().saturating_sub(8);
        (0..=last).map(move |at| Chunk::at(text, at, ReadDirection::Forward, CaseSensitivity::Sensitive))
    })
}

fn hash(chunk: Chunk) -> u64 {
    mix(chunk.word ^ u64::from(chunk.len).rotate_right(8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    /// Returns the items of a map of `patterns` that `name` finds.
    fn found<'p>(patterns: &[&'p str], name: &str) -> Vec<&'p str> {
        let (map, items) = ChunkMap::new(patterns.iter().map(|text| (*text, *text)).collect(), 7);
        let mut found = Vec::new();
        let _ = map.walk(name.as_bytes(), |number| {
            found.push(items[number as usize - 7]);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn pattern_is_found_once_by_its_rarest_chunk() {
        let patterns =
            ["a1.*.example.io.", "a2.*.example.io.", "*b*.example.io.", "*.long-literal.*.example.io."];
        assert_eq!(found(&patterns, "a1.x.example.io."), ["a1.*.example.io."]);
        assert_eq!(found(&patterns, "a1.a1.a1.io."), ["a1.*.example.io."]);
        assert_eq!(found(&patterns, "xbbbx.example.io."), ["*b*.example.io."]);
        assert_eq!(
            found(&patterns, "x.long-literal.y.example.io."),
            ["*.long-literal.*.example.io.", "*b*.example.io."][..1]
        );
        assert!(found(&patterns, "x.example.io.").is_empty());
        assert!(found(&patterns, "").is_empty());
    }

    #[test]
    fn name_longer_than_the_limit_finds_every_pattern() {
        let name = format!("{}.io.", "x".repeat(LONGEST_NAME));
        assert_eq!(found(&["a*", "b*"], &name), ["a*", "b*"]);
    }

    #[test]
    fn chunk_of_every_length_is_found_at_every_position() {
        for len in 1..20 {
            let literal: String = ('a'..='z').take(len).collect();
            let pattern = format!("*{literal}*");
            for before in 0..20 {
                let name = format!("{}{literal}", "-".repeat(before));
                assert_eq!(found(&[&pattern], &name), [pattern.as_str()], "{name}");
            }
        }
    }
}
