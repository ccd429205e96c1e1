//! Matches a DNS name against many patterns at once.
//!
//! The set finds a pattern by the text after its last star, its *suffix*: `*.example.com.` by `.example.com.`. Then it
//! compares the rest of the name with the rest of the pattern, its *prefix*.

use super::{
    case::CaseSensitivity,
    chunk::ReadDirection,
    collation::Collation,
    literal::{Extent, Literal},
    literals::LiteralMap,
    name::{PrefixShape, Wildcard, are_label_bytes, are_labels},
    name_chunks::ChunkMap,
    name_suffixes::{Suffix, SuffixMap},
    strategy::SearchStrategy,
    string_pool::{StrRef, StringPool, StringPoolBuilder},
};
use crate::ir::NamePattern;
use alloc::{boxed::Box, string::String, vec::Vec};
use core::ops::ControlFlow;

/// A set of name patterns. Names are in canonical form: lower case, with one final dot.
///
/// The cost of a lookup does not depend on the number of patterns. It depends on the number of patterns that share their
/// suffix with the name. If more than [`MAX_TRIED`] patterns share a suffix, it depends on the number that also share the
/// rarest chunk of their text.
#[derive(Debug)]
pub(crate) struct NameSet {
    pool: StringPool,
    /// The suffixes that are whole names or start with a dot.
    suffixes: SuffixMap,
    /// The suffixes that start within a label, to their positions in `label_suffix_entries`.
    label_suffixes: LiteralMap,
    label_suffix_entries: Box<[Suffix]>,
    /// The patterns. Those with the same suffix are adjacent, and so are those with the same chunk.
    entries: Box<[PatternEntry]>,
    /// Chunks of text, to the positions of the entries whose suffix more than [`MAX_TRIED`] patterns share.
    chunks: ChunkMap,
    /// The patterns that are matched against the whole name.
    wildcards: Box<[Wildcard]>,
}

/// A pattern without its suffix.
#[derive(Clone, Copy, Debug)]
struct PatternEntry {
    /// The position of the pattern in the set.
    pattern: u32,
    prefix: Prefix,
}

/// The text that a pattern allows before its suffix.
#[derive(Clone, Copy, Debug)]
enum Prefix {
    /// No text: the suffix is the whole name.
    Empty,
    /// This text, and then any bytes of the same label.
    LabelStart(StrRef),
    /// One or more whole labels.
    Labels,
    /// Another text: the wildcard with this number decides from the whole name.
    Wildcard(u32),
}

/// The largest number of patterns with a star within the name that are tried because they share the suffix of the name.
const MAX_TRIED: usize = 8;

const COLLATION: Collation = Collation { case: CaseSensitivity::Sensitive, separator: b'.' };

/// A pattern while the set is built.
#[derive(Clone, Copy)]
struct Draft<'p> {
    /// Whether the suffix starts within a label.
    is_label_suffix: bool,
    suffix: StrRef,
    entry: PatternEntry,
    written: &'p NamePattern,
}

impl NameSet {
    /// Returns an indexed set of `patterns`.
    pub(crate) fn new<'p>(patterns: impl IntoIterator<Item = &'p NamePattern>) -> Self {
        Self::with_strategy(patterns, SearchStrategy::Indexed)
    }

    /// Returns a set of `patterns` that uses `strategy`.
    pub(crate) fn with_strategy<'p>(
        patterns: impl IntoIterator<Item = &'p NamePattern>,
        strategy: SearchStrategy,
    ) -> Self {
        let is_indexed = strategy == SearchStrategy::Indexed;
        let mut pool = StringPoolBuilder::default();
        let (mut wildcards, mut drafts) = (Vec::new(), Vec::new());
        for (pattern, written) in (0u32..).zip(patterns) {
            let wildcard = Wildcard::of(written);
            let (suffix, shape) = if is_indexed { wildcard.split() } else { (String::new(), None) };
            let prefix = match shape {
                Some(PrefixShape::Empty) => Prefix::Empty,
                Some(PrefixShape::LabelStart(head)) => Prefix::LabelStart(pool.add(head)),
                Some(PrefixShape::Labels) => Prefix::Labels,
                None => Prefix::Wildcard(wildcards.len() as u32),
            };
            let is_label_suffix = shape != Some(PrefixShape::Empty) && !suffix.starts_with('.');
            if shape.is_none() {
                wildcards.push(wildcard);
            }
            let suffix = pool.add(&suffix);
            drafts.push(Draft { is_label_suffix, suffix, entry: PatternEntry { pattern, prefix }, written });
        }
        drafts.sort_by_key(|draft| (draft.is_label_suffix, draft.suffix));
        let (mut suffixes, mut label_suffixes) = (Vec::new(), Vec::new());
        let (mut entries, mut by_chunk) = (Vec::new(), Vec::new());
        for same in drafts.chunk_by(|a, b| (a.is_label_suffix, a.suffix) == (b.is_label_suffix, b.suffix)) {
            let Some(Draft { is_label_suffix, suffix: text, .. }) = same.first().copied() else { continue };
            let has_own_text = |draft: &&Draft<'_>| draft.entry.prefix.has_own_text();
            // A pattern without a suffix consists of stars only and has no chunk.
            let can_move = is_indexed && text.len() > 0;
            let is_shared = can_move && same.iter().filter(has_own_text).count() > MAX_TRIED;
            let first = entries.len();
            for draft in same {
                match (is_shared && has_own_text(&draft), draft.written) {
                    (true, NamePattern::Wildcard { pattern, .. }) => by_chunk.push((&**pattern, *draft)),
                    _ => entries.push(draft.entry),
                }
            }
            let own = entries.get(first..).unwrap_or_default();
            let suffix = Suffix { text, first: first as u32, count: own.len() as u32 };
            match is_label_suffix {
                _ if own.is_empty() => {}
                true => label_suffixes.push(suffix),
                false => suffixes.push((suffix, own.iter().any(|entry| entry.prefix.can_have_labels()))),
            }
        }
        let (chunks, by_chunk) = ChunkMap::new(by_chunk, entries.len() as u32);
        for Draft { entry, written, .. } in by_chunk {
            let prefix = match entry.prefix {
                Prefix::Wildcard(_) => entry.prefix,
                _ => {
                    wildcards.push(Wildcard::of(written));
                    Prefix::Wildcard(wildcards.len() as u32 - 1)
                }
            };
            entries.push(PatternEntry { prefix, ..entry });
        }
        let suffixes = SuffixMap::new(suffixes, |text| pool.bytes(text));
        let texts: Vec<String> = label_suffixes.iter().map(|suffix| pool.text(suffix.text).into()).collect();
        let texts = (0..).zip(&texts).map(|(number, text)| Literal::new(text, Extent::Part, number));
        Self {
            label_suffixes: LiteralMap::new(ReadDirection::Backward, COLLATION, &mut pool, texts),
            pool: pool.finish(),
            suffixes,
            label_suffix_entries: label_suffixes.into(),
            entries: entries.into(),
            chunks,
            wildcards: wildcards.into(),
        }
    }

    /// Returns whether a pattern matches `name`.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.each(name, |_| ControlFlow::Break(())).is_break()
    }

    /// Calls `visit` with the position of each pattern that matches `name`, in no order, until `visit` breaks.
    #[inline]
    pub(crate) fn each(&self, name: &[u8], mut visit: impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut each = |suffix: &Suffix| {
            let Suffix { first, count, text } = *suffix;
            let entries = self.entries.get(first as usize..(first + count) as usize).unwrap_or_default();
            let prefix = name.get(..name.len().saturating_sub(text.len())).unwrap_or_default();
            let matching = entries.iter().filter(|entry| self.has_prefix(entry, prefix, name));
            matching.map(|entry| entry.pattern).try_for_each(&mut visit)
        };
        self.suffixes.walk(&self.pool, name, &mut each)?;
        self.label_suffixes.walk(&self.pool, name, |number| {
            self.label_suffix_entries.get(number as usize).map_or(ControlFlow::Continue(()), &mut each)
        })?;
        self.chunks.walk(name, |number| match self.entries.get(number as usize) {
            Some(entry) if self.has_prefix(entry, &[], name) => visit(entry.pattern),
            _ => ControlFlow::Continue(()),
        })
    }

    /// Returns whether `name`, which has the suffix of `entry`, also has its prefix. `prefix` is `name` without the suffix.
    #[inline]
    fn has_prefix(&self, entry: &PatternEntry, prefix: &[u8], name: &[u8]) -> bool {
        match entry.prefix {
            Prefix::Empty => prefix.is_empty(),
            Prefix::LabelStart(head) => prefix.starts_with(self.pool.bytes(head)) && are_label_bytes(prefix),
            Prefix::Labels => are_labels(prefix),
            Prefix::Wildcard(number) => self.wildcards.get(number as usize).is_some_and(|w| w.matches(name)),
        }
    }
}

impl Prefix {
    /// Returns whether the prefix can contain more than one label.
    fn can_have_labels(self) -> bool {
        matches!(self, Self::Labels | Self::Wildcard(_))
    }

    /// Returns whether the prefix can contain text of the pattern, so that many patterns can share one suffix.
    fn has_own_text(self) -> bool {
        match self {
            Self::Empty | Self::Labels => false,
            Self::LabelStart(head) => head.len() > 0,
            Self::Wildcard(_) => true,
        }
    }
}

#[cfg(test)]
mod tests;
