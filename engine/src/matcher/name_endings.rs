//! Which stored texts is a DNS name, or does it end with from one of its dots on.
//!
//! A name costs two lookups, of itself and of what follows its first label. For patterns that any number of labels may
//! stand before, it is known how many dots their endings have, and only a dot that one of them can begin at is looked up.

use super::{
    bytes::Case,
    piece::{From, Piece},
    texts::{Span, Texts},
};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use hashbrown::HashTable;

/// What names end with, and the numbers that it stands for: so many, from the first on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) text: Span,
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Texts that are whole names or begin with a dot.
#[derive(Debug, Default)]
pub(super) struct EndingMap {
    endings: HashTable<Ending>,
    depths: Depths,
}

impl EndingMap {
    /// A map of `endings`, of which each has a text of its own, and whether more than a label may stand before it: such a
    /// one begins with a dot. `bytes` gives what a span stands for.
    pub(super) fn new<'t>(endings: Vec<(Ending, bool)>, bytes: impl Fn(Span) -> &'t [u8]) -> Self {
        let mut map = Self { endings: HashTable::with_capacity(endings.len()), ..Self::default() };
        let hash = |ending: &Ending| Case::Kept.hash(bytes(ending.text));
        for (ending, behind_labels) in endings {
            if behind_labels {
                map.depths.add(bytes(ending.text));
            }
            map.endings.insert_unique(hash(&ending), ending, hash);
        }
        map
    }

    /// Calls `visit` with stored endings of `name`, none twice: at least with those before which there is what may be.
    #[inline]
    pub(super) fn walk(
        &self,
        texts: &Texts,
        name: &[u8],
        mut visit: impl FnMut(&Ending) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.endings.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut look = |len: usize| {
            let ending = name.get(name.len().saturating_sub(len)..).unwrap_or_default();
            self.find(texts, ending).map_or(ControlFlow::Continue(()), &mut visit)
        };
        look(name.len())?;
        let mut depths = self.depths;
        let mut first_dot = None;
        for (nth, block) in name.rchunks(Dots::BLOCK).enumerate() {
            for dot in Dots::of(block) {
                depths.next();
                let len = nth * Dots::BLOCK + dot;
                // What the name itself is was looked up.
                first_dot = (len < name.len()).then_some(len);
                if first_dot.is_some() && depths.have(len) {
                    first_dot = None;
                    look(len)?;
                }
            }
        }
        first_dot.map_or(ControlFlow::Continue(()), look)
    }

    #[inline]
    fn find(&self, texts: &Texts, ending: &[u8]) -> Option<&Ending> {
        let same = |stored: &Ending| Case::Kept.eq(ending, texts.bytes(stored.text));
        self.endings.find(Case::Kept.hash(ending), same)
    }
}

/// The dots of a text of at most [`Dots::BLOCK`] bytes, from its end: a bit each.
#[derive(Clone, Copy, Debug)]
struct Dots(u64);

impl Dots {
    const BLOCK: usize = 64;

    #[inline]
    fn of(text: &[u8]) -> Self {
        let dots = |piece: Piece| u64::from(piece.separators(b'.'));
        let (first, words) = text.as_rchunks();
        let first = dots(Piece::at(text, text.len() - first.len(), From::End, Case::Kept));
        let words = words.iter().map(|word| Piece { word: u64::from_be_bytes(*word), len: 8 });
        Self(words.fold(first, |all, word| (all << 8) | dots(word)))
    }
}

/// How long the text is from each dot on.
impl Iterator for Dots {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let next = (self.0 != 0).then(|| self.0.trailing_zeros() as usize + 1);
        self.0 &= self.0.wrapping_sub(1);
        next
    }
}

/// How many dots endings have that any number of labels may stand before.
#[derive(Clone, Copy, Debug, Default)]
struct Depths {
    /// A bit each; the last, the sign, stands for all that are larger.
    bits: i64,
    /// The bytes of the longest ending.
    longest: usize,
}

impl Depths {
    fn add(&mut self, ending: &[u8]) {
        let dots = ending.iter().filter(|byte| **byte == b'.').count();
        self.bits |= 1 << dots.min(63);
        self.longest = self.longest.max(ending.len());
    }

    /// One dot more.
    #[inline]
    fn next(&mut self) {
        self.bits >>= 1;
    }

    /// Whether an ending of so many bytes may have that many dots.
    #[inline]
    fn have(self, len: usize) -> bool {
        self.bits & 1 != 0 && len <= self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::texts::TextsBuilder;
    use alloc::{string::String, vec};

    /// Of `stored`, with whether many labels may stand before them, those that `name` is found to end with.
    fn endings(stored: &[(&'static str, bool)], name: &str) -> Vec<&'static str> {
        let mut texts = TextsBuilder::default();
        let list = (0..).zip(stored).map(|(first, (text, behind_labels))| {
            (Ending { text: texts.add(text), first, count: 1 }, *behind_labels)
        });
        let list = list.collect();
        let map = EndingMap::new(list, |span| texts.bytes(span));
        let texts = texts.finish();
        let mut found = vec![];
        let _ = map.walk(&texts, name.as_bytes(), |ending| {
            found.push(stored[ending.first as usize].0);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn a_name_is_looked_up_from_the_dots_that_endings_have() {
        let stored = [
            ("www.example.com.", false),
            (".example.com.", false),
            (".com.", true),
            (".", false),
            (".a.io.", false),
        ];
        for (name, expected) in [
            ("www.example.com.", &[".com.", ".example.com.", "www.example.com."][..]),
            ("w.example.com.", &[".com.", ".example.com."]),
            ("a.www.example.com.", &[".com."]),
            ("example.com.", &[".com."]),
            (".example.com.", &[".com.", ".example.com."]),
            (".com.", &[".com."]),
            (".", &["."]),
            (".a.io.", &[".a.io."]),
            ("x.a.io.", &[".a.io."]),
            ("a.io.", &[]),
            // What stands before it is for the caller to look at.
            ("com.", &["."]),
            ("", &[]),
        ] {
            assert_eq!(endings(&stored, name), expected, "{name}");
        }
    }

    #[test]
    fn every_length_and_depth_is_found() {
        for labels in [1, 2, 7, 61, 62, 63, 64, 65, 130] {
            for len in 1..=18 {
                let label = "x".repeat(len) + ".";
                let whole: &'static str = String::leak(label.repeat(labels));
                let tail: &'static str = whole.get(len..).unwrap();
                for many in [false, true] {
                    let stored = [(whole, false), (tail, many)];
                    assert_eq!(endings(&stored, whole), [tail, whole], "{labels} labels of {len}");
                    let found = endings(&stored, &(String::from("y.") + whole));
                    let expected = if many { vec![tail] } else { vec![] };
                    assert_eq!(found, expected, "{labels} labels of {len}");
                }
            }
        }
    }
}
