//! Finds the texts that a DNS name equals, or ends with from one of its dots on.
//!
//! A name costs two lookups: the whole name, and the name without its first label. Patterns that allow several labels
//! before their suffix need more. For these the map stores how many dots their suffixes have, and looks up only the
//! suffixes of the name with such a number of dots.

use super::{
    case::CaseSensitivity,
    chunk::{Chunk, ReadDirection},
    string_pool::{StrRef, StringPool},
};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use hashbrown::HashTable;

/// The suffix of names, with the range of the patterns that have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suffix {
    pub(super) text: StrRef,
    /// The first pattern.
    pub(super) first: u32,
    /// The number of patterns.
    pub(super) count: u32,
}

/// A set of suffixes that are whole names or start with a dot.
#[derive(Debug, Default)]
pub(super) struct SuffixMap {
    suffixes: HashTable<Suffix>,
    label_counts: LabelCounts,
}

impl SuffixMap {
    /// Returns a map of `suffixes` with different texts. The flag of a suffix is whether several labels can precede it; such
    /// a suffix starts with a dot. `bytes` returns the text of a suffix.
    pub(super) fn new<'t>(suffixes: Vec<(Suffix, bool)>, bytes: impl Fn(StrRef) -> &'t [u8]) -> Self {
        let mut map = Self { suffixes: HashTable::with_capacity(suffixes.len()), ..Self::default() };
        let hash = |suffix: &Suffix| CaseSensitivity::Sensitive.hash(bytes(suffix.text));
        for (suffix, can_follow_labels) in suffixes {
            if can_follow_labels {
                map.label_counts.add(bytes(suffix.text));
            }
            map.suffixes.insert_unique(hash(&suffix), suffix, hash);
        }
        map
    }

    /// Calls `visit` with suffixes of `name`, each once. It visits every suffix before which `name` has an allowed number
    /// of labels; it can visit others.
    #[inline]
    pub(super) fn walk(
        &self,
        pool: &StringPool,
        name: &[u8],
        mut visit: impl FnMut(&Suffix) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.suffixes.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut look = |len: usize| {
            let suffix = name.get(name.len().saturating_sub(len)..).unwrap_or_default();
            self.find(pool, suffix).map_or(ControlFlow::Continue(()), &mut visit)
        };
        look(name.len())?;
        let mut label_counts = self.label_counts;
        let mut first_dot = None;
        for (nth, block) in name.rchunks(Dots::BLOCK).enumerate() {
            for dot in Dots::of(block) {
                label_counts.next();
                let len = nth * Dots::BLOCK + dot;
                // The whole name is looked up above.
                first_dot = (len < name.len()).then_some(len);
                if first_dot.is_some() && label_counts.contains(len) {
                    first_dot = None;
                    look(len)?;
                }
            }
        }
        first_dot.map_or(ControlFlow::Continue(()), look)
    }

    #[inline]
    fn find(&self, pool: &StringPool, suffix: &[u8]) -> Option<&Suffix> {
        let same = |stored: &Suffix| CaseSensitivity::Sensitive.eq(suffix, pool.bytes(stored.text));
        self.suffixes.find(CaseSensitivity::Sensitive.hash(suffix), same)
    }
}

/// The dots of a text of at most [`Dots::BLOCK`] bytes, one bit for each byte; the lowest bit is the last byte.
///
/// The iterator returns the length of the text from each dot on, shortest first.
#[derive(Clone, Copy, Debug)]
struct Dots(u64);

impl Dots {
    const BLOCK: usize = 64;

    #[inline]
    fn of(text: &[u8]) -> Self {
        let dots = |chunk: Chunk| u64::from(chunk.separators(b'.'));
        let (first, words) = text.as_rchunks();
        let first = dots(Chunk::at(
            text,
            text.len() - first.len(),
            ReadDirection::Backward,
            CaseSensitivity::Sensitive,
        ));
        let words = words.iter().map(|word| Chunk { word: u64::from_be_bytes(*word), len: 8 });
        Self(words.fold(first, |all, word| (all << 8) | dots(word)))
    }
}

impl Iterator for Dots {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let next = (self.0 != 0).then(|| self.0.trailing_zeros() as usize + 1);
        self.0 &= self.0.wrapping_sub(1);
        next
    }
}

/// The numbers of dots in the suffixes that several labels can precede.
#[derive(Clone, Copy, Debug, Default)]
struct LabelCounts {
    /// One bit for each number. The highest bit, the sign, also represents all larger numbers.
    bits: i64,
    /// The length of the longest suffix in bytes.
    longest: usize,
}

impl LabelCounts {
    fn add(&mut self, suffix: &[u8]) {
        let dots = suffix.iter().filter(|byte| **byte == b'.').count();
        self.bits |= 1 << dots.min(63);
        self.longest = self.longest.max(suffix.len());
    }

    /// Subtracts one from each number.
    #[inline]
    fn next(&mut self) {
        self.bits >>= 1;
    }

    /// Returns whether a suffix of `len` bytes can be in the map if no dots are left in it.
    #[inline]
    fn contains(self, len: usize) -> bool {
        self.bits & 1 != 0 && len <= self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::string_pool::StringPoolBuilder;
    use alloc::{string::String, vec};

    /// Returns the texts of `stored` that `name` finds. The flag of a text is whether several labels can precede it.
    fn suffixes(stored: &[(&'static str, bool)], name: &str) -> Vec<&'static str> {
        let mut pool = StringPoolBuilder::default();
        let list = (0..).zip(stored).map(|(first, (text, can_follow_labels))| {
            (Suffix { text: pool.add(text), first, count: 1 }, *can_follow_labels)
        });
        let list = list.collect();
        let map = SuffixMap::new(list, |text| pool.bytes(text));
        let pool = pool.finish();
        let mut found = vec![];
        let _ = map.walk(&pool, name.as_bytes(), |suffix| {
            found.push(stored[suffix.first as usize].0);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn walk_finds_suffixes_with_an_allowed_number_of_labels_before_them() {
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
            // The caller compares the text before the suffix.
            ("com.", &["."]),
            ("", &[]),
        ] {
            assert_eq!(suffixes(&stored, name), expected, "{name}");
        }
    }

    #[test]
    fn walk_finds_suffixes_of_every_length_and_number_of_labels() {
        for labels in [1, 2, 7, 61, 62, 63, 64, 65, 130] {
            for len in 1..=18 {
                let label = "x".repeat(len) + ".";
                let whole: &'static str = String::leak(label.repeat(labels));
                let tail: &'static str = whole.get(len..).unwrap();
                for many in [false, true] {
                    let stored = [(whole, false), (tail, many)];
                    assert_eq!(suffixes(&stored, whole), [tail, whole], "{labels} labels of {len}");
                    let found = suffixes(&stored, &(String::from("y.") + whole));
                    let expected = if many { vec![tail] } else { vec![] };
                    assert_eq!(found, expected, "{labels} labels of {len}");
                }
            }
        }
    }
}
