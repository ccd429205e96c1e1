//! Finds name patterns by a piece of text that every matching name contains.
//!
//! [`super::NameSet`] finds a pattern by the text behind its last star. Many patterns can share that text: `a1.*.io` and
//! `a2.*.io`, `a1*.io` and `a2*.io`, `*a1*.io` and `*a2*.io`. Such a pattern is entered here under the piece of its text
//! that occurs in the fewest of them.

use super::{
    bytes::{Case, mix},
    piece::{From, Piece},
    search,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, ops::ControlFlow};
use hashbrown::HashTable;

/// Bytes of the longest name whose pieces are looked up. DNS and the server name of TLS allow no longer one.
const LONGEST_NAME: usize = 256;

/// Maps pieces of up to eight bytes to ranges of numbers.
#[derive(Debug, Default)]
pub(super) struct PieceMap {
    /// The lengths that pieces have, ascending.
    lengths: Box<[u32]>,
    pieces: HashTable<Numbers>,
    first: u32,
    end: u32,
}

/// The numbers of the patterns under one piece.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    piece: Piece,
    first: u32,
    end: u32,
}

impl PieceMap {
    /// Returns a map of `items`, each with the text of its pattern, and the items in the order of their numbers, which
    /// start at `first`.
    pub(super) fn new<T>(items: Vec<(&str, T)>, first: u32) -> (Self, Vec<T>) {
        let mut counts: BTreeMap<(u64, u32), u32> = BTreeMap::new();
        for piece in items.iter().flat_map(|(text, _)| pieces(text)) {
            *counts.entry((piece.word, piece.len)).or_default() += 1;
        }
        let rarest = |text| {
            let rarity = |piece: &Piece| (counts.get(&(piece.word, piece.len)), Reverse(piece.len));
            pieces(text).min_by_key(rarity).unwrap_or(Piece { word: 0, len: 0 })
        };
        let mut entered: Vec<(Piece, T)> =
            items.into_iter().map(|(text, item)| (rarest(text), item)).collect();
        entered.sort_by_key(|(piece, _)| (piece.len, piece.word));
        let mut map = Self { first, end: first, ..Self::default() };
        let mut lengths = Vec::new();
        for same in entered.chunk_by(|one, other| one.0 == other.0) {
            let Some((piece, _)) = same.first() else { continue };
            let numbers = Numbers { piece: *piece, first: map.end, end: map.end + same.len() as u32 };
            map.pieces.insert_unique(hash(*piece), numbers, |numbers| hash(numbers.piece));
            map.end = numbers.end;
            lengths.push(piece.len);
        }
        lengths.dedup();
        map.lengths = lengths.into();
        (map, entered.into_iter().map(|(_, item)| item).collect())
    }

    /// Calls `visit` once with the number of each pattern whose piece `name` contains. For a name longer than
    /// [`LONGEST_NAME`] it calls `visit` with every number.
    #[inline]
    pub(super) fn walk(&self, name: &[u8], mut visit: impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.pieces.is_empty() {
            true => ControlFlow::Continue(()),
            false => self.walk_pieces(name, &mut visit),
        }
    }

    /// A separate function, so that a set without such patterns costs no call.
    #[inline(never)]
    fn walk_pieces(&self, name: &[u8], visit: &mut impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        if name.len() > LONGEST_NAME {
            return (self.first..self.end).try_for_each(visit);
        }
        for at in 0..name.len() {
            let here = Piece::at(name, at, From::Start, Case::Kept);
            for len in self.lengths.iter().take_while(|len| **len <= here.len) {
                let piece = here.first(*len);
                let found = self.pieces.find(hash(piece), |numbers| numbers.piece == piece);
                if let Some(numbers) = found
                    && is_first(name, at, *len as usize)
                {
                    (numbers.first..numbers.end).try_for_each(&mut *visit)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether the `len` bytes of `name` from `at` on occur nowhere before.
fn is_first(name: &[u8], at: usize, len: usize) -> bool {
    let bytes = name.get(at..at + len).unwrap_or_default();
    search::find(name, bytes) == Some(at)
}

/// Returns the pieces of the texts between the stars of `pattern`: each text of less than eight bytes, and all eight
/// bytes in a row of longer ones.
fn pieces(pattern: &str) -> impl Iterator<Item = Piece> {
    pattern.split('*').filter(|text| !text.is_empty()).flat_map(|text| {
        let text = text.as_bytes();
        let last = text.len().saturating_sub(8);
        (0..=last).map(move |at| Piece::at(text, at, From::Start, Case::Kept))
    })
}

fn hash(piece: Piece) -> u64 {
    mix(piece.word ^ u64::from(piece.len).rotate_right(8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    /// Returns the items of a map of `patterns` that `name` finds.
    fn found<'p>(patterns: &[&'p str], name: &str) -> Vec<&'p str> {
        let (map, items) = PieceMap::new(patterns.iter().map(|text| (*text, *text)).collect(), 7);
        let mut found = Vec::new();
        let _ = map.walk(name.as_bytes(), |number| {
            found.push(items[number as usize - 7]);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn a_pattern_is_found_once_by_its_rarest_piece() {
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
    fn a_name_longer_than_any_on_the_wire_brings_up_every_pattern() {
        let name = format!("{}.io.", "x".repeat(LONGEST_NAME));
        assert_eq!(found(&["a*", "b*"], &name), ["a*", "b*"]);
    }

    #[test]
    fn a_piece_of_every_length_is_found_at_every_place() {
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
