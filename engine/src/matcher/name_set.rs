//! Matches a DNS name against many patterns at once.

use super::{
    bytes::Case,
    literals::{Extent, Literal, LiteralMap, Reading},
    name::{Before, Wildcard, are_label_bytes, are_labels},
    name_endings::{Ending, EndingMap},
    name_pieces::PieceMap,
    piece::From,
    texts::{Span, Texts, TextsBuilder},
};
use crate::ir::NamePattern;
use alloc::{boxed::Box, string::String, vec::Vec};
use core::ops::ControlFlow;

/// A set of name patterns. Names are canonical: lower case, one final dot.
///
/// What a lookup costs does not depend on how many patterns there are, but on how many of them share their ending with the
/// name, or, where more than [`FEW`] patterns share it, the rarest piece of their text.
#[derive(Debug)]
pub(crate) struct NameSet {
    texts: Texts,
    /// Whole names, and endings that begin with a dot.
    endings: EndingMap,
    /// Endings that begin within a label, to their places in `tail_endings`.
    tails: LiteralMap,
    tail_endings: Box<[Ending]>,
    /// Entries with one ending are adjacent, and so are entries with one piece.
    entries: Box<[Entry]>,
    /// Pieces of text to entries whose ending is that of more than [`FEW`].
    pieces: PieceMap,
    others: Box<[Wildcard]>,
}

/// One pattern, less its ending.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its place in the set.
    pattern: u32,
    start: Start,
}

/// What has to stand before an ending.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// Nothing: the ending is the whole name.
    Nothing,
    /// This text, and then only bytes of the same label.
    Label(Span),
    /// One or more whole labels.
    Labels,
    /// More than that: the pattern with this number looks at the whole name.
    Other(u32),
}

/// Most patterns with a star within the name that are tried because the name ends as they do.
const FEW: usize = 8;

const READING: Reading = Reading { case: Case::Kept, separator: b'.' };

impl NameSet {
    /// A set of `patterns`. One that is `plain` tries them one by one.
    pub(crate) fn new<'p>(patterns: impl IntoIterator<Item = &'p NamePattern>, plain: bool) -> Self {
        let mut texts = TextsBuilder::default();
        let mut others = Vec::new();
        let mut entries = Vec::new();
        for (pattern, written) in (0u32..).zip(patterns) {
            let wildcard = Wildcard::of(written);
            let (ending, before) = if plain { (String::new(), None) } else { wildcard.split() };
            let start = match before {
                Some(Before::Nothing) => Start::Nothing,
                Some(Before::Label(head)) => Start::Label(texts.add(head)),
                Some(Before::Labels) => Start::Labels,
                None => Start::Other(others.len() as u32),
            };
            let is_tail = before != Some(Before::Nothing) && !ending.starts_with('.');
            if before.is_none() {
                others.push(wildcard);
            }
            entries.push((is_tail, texts.add(&ending), Entry { pattern, start }, written));
        }
        entries.sort_by_key(|(is_tail, ending, ..)| (*is_tail, *ending));
        let (mut endings, mut tail_endings) = (Vec::new(), Vec::new());
        let (mut sorted, mut crowded) = (Vec::new(), Vec::new());
        for same in entries.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let Some((is_tail, text, ..)) = same.first().copied() else { continue };
            // Without an ending a pattern is stars alone, and has no piece.
            let may_move = !plain && text.len() > 0;
            let is_crowded = may_move && same.iter().filter(|one| one.2.is_behind_text()).count() > FEW;
            let first = sorted.len();
            for (.., entry, written) in same {
                match (is_crowded && entry.is_behind_text(), written) {
                    (true, NamePattern::Wildcard { pattern, .. }) => {
                        crowded.push((&**pattern, (*entry, *written)))
                    }
                    _ => sorted.push(*entry),
                }
            }
            let own = sorted.get(first..).unwrap_or_default();
            let ending = Ending { text, first: first as u32, count: own.len() as u32 };
            match is_tail {
                _ if own.is_empty() => {}
                true => tail_endings.push(ending),
                false => endings.push((ending, own.iter().any(Entry::is_behind_labels))),
            }
        }
        let (pieces, crowded) = PieceMap::new(crowded, sorted.len() as u32);
        for (entry, written) in crowded {
            let start = match entry.start {
                Start::Other(_) => entry.start,
                _ => {
                    others.push(Wildcard::of(written));
                    Start::Other(others.len() as u32 - 1)
                }
            };
            sorted.push(Entry { start, ..entry });
        }
        let endings = EndingMap::new(endings, |text| texts.bytes(text));
        let tails: Vec<String> = tail_endings.iter().map(|ending| texts.text(ending.text).into()).collect();
        let tails = (0..).zip(&tails).map(|(number, tail)| Literal::new(tail, Extent::Part, number));
        Self {
            tails: LiteralMap::new(From::End, READING, &mut texts, tails),
            texts: texts.finish(),
            endings,
            tail_endings: tail_endings.into(),
            entries: sorted.into(),
            pieces,
            others: others.into(),
        }
    }

    /// Whether some pattern matches `name`.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.each(name, |_| ControlFlow::Break(())).is_break()
    }

    /// Calls `visit` with the place of every pattern that matches `name`, until it breaks.
    #[inline]
    pub(crate) fn each(&self, name: &[u8], mut visit: impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut each = |ending: &Ending| {
            let Ending { first, count, text } = *ending;
            let entries = self.entries.get(first as usize..(first + count) as usize).unwrap_or_default();
            let before = name.get(..name.len().saturating_sub(text.len())).unwrap_or_default();
            let matching = entries.iter().filter(|entry| self.starts(entry, before, name));
            matching.map(|entry| entry.pattern).try_for_each(&mut visit)
        };
        self.endings.walk(&self.texts, name, &mut each)?;
        self.tails.walk(&self.texts, name, |number| {
            self.tail_endings.get(number as usize).map_or(ControlFlow::Continue(()), &mut each)
        })?;
        self.pieces.walk(name, |number| match self.entries.get(number as usize) {
            Some(entry) if self.starts(entry, &[], name) => visit(entry.pattern),
            _ => ControlFlow::Continue(()),
        })
    }

    /// Whether `name`, which ends as `entry` asks, starts so as well: `before` is what is left of it.
    #[inline]
    fn starts(&self, entry: &Entry, before: &[u8], name: &[u8]) -> bool {
        match entry.start {
            Start::Nothing => before.is_empty(),
            Start::Label(head) => before.starts_with(self.texts.bytes(head)) && are_label_bytes(before),
            Start::Labels => are_labels(before),
            Start::Other(number) => self.others.get(number as usize).is_some_and(|w| w.matches(name)),
        }
    }
}

impl Entry {
    /// Whether more than one label may stand before the ending.
    fn is_behind_labels(&self) -> bool {
        matches!(self.start, Start::Labels | Start::Other(_))
    }

    /// Whether text of the pattern's own may stand before the ending, so that many patterns can have one ending.
    fn is_behind_text(&self) -> bool {
        match self.start {
            Start::Nothing | Start::Labels => false,
            Start::Label(head) => head.len() > 0,
            Start::Other(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lower::cilium::name, options::Options};
    use alloc::{format, vec};

    fn pattern(text: &str) -> NamePattern {
        match text.contains('*') {
            true => name::wildcard(text, false, &Options::default()),
            false => NamePattern::Name(name::canonical(text)),
        }
    }

    #[test]
    fn a_set_tells_which_of_its_patterns_match() {
        let texts = ["*.a.io", "*b.a.io", "**.c.io", "*.*", "d.e.f", "x*y.a.io", "a*b*c.io", "*", "*.a.io"];
        let patterns = texts.map(pattern);
        for plain in [false, true] {
            let set = NameSet::new(&patterns, plain);
            for (name, expected) in [
                ("x.a.io.", &[0, 7, 8][..]),
                ("xb.a.io.", &[0, 1, 7, 8]),
                ("x1y.a.io.", &[0, 5, 7, 8]),
                (".a.io.", &[0, 8]),
                ("x.y.c.io.", &[2, 7]),
                ("x.c.io.", &[2, 7]),
                ("c.io.", &[3, 7]),
                ("x..c.io.", &[]),
                ("x.y.", &[3, 7]),
                ("d.e.f.", &[4, 7]),
                ("d.e.g.", &[7]),
                ("axbxbc.io.", &[3, 6, 7]),
                ("x.y.a.io.", &[7]),
                ("x y.a.io.", &[]),
                (".", &[7]),
                ("", &[]),
            ] {
                let mut found = vec![];
                let _ = set.each(name.as_bytes(), |n| {
                    found.push(n);
                    ControlFlow::Continue(())
                });
                found.sort_unstable();
                assert_eq!(found, expected, "{name}, plain: {plain}");
                assert_eq!(set.matches(name.as_bytes()), !expected.is_empty(), "{name}");
            }
        }
    }

    /// As [`a_set_tells_which_of_its_patterns_match`], of so many patterns with one ending that pieces are looked up.
    #[test]
    fn patterns_that_share_an_ending_are_found_by_their_text() {
        let forms =
            ["q{}.*.io", "a{}*.io", "*b{}*.io", "x*c{}y.io", "*.d{}.*.io", "**.e{}.*.io", "f*g*{}*.io"];
        let named = |n: usize| forms.map(|form| form.replace("{}", &format!("{n}")));
        let texts: Vec<_> =
            (0..100).flat_map(named).chain(["*.*.io".into(), "*.io".into(), "**.io".into()]).collect();
        let patterns: Vec<_> = texts.iter().map(|text| pattern(text)).collect();
        let (set, plain) = (NameSet::new(&patterns, false), NameSet::new(&patterns, true));
        let labels =
            ["q1", "q12", "a7", "a77", "xb3y", "b3b3", "xxc9y", "d5", "e42", "fg8", "fxgx8x", "z", ""];
        for one in labels {
            for other in labels {
                for name in [
                    format!("{one}.io."),
                    format!("{one}.{other}.io."),
                    format!("{other}.z.{one}.{other}.io."),
                ] {
                    let [found, expected] = [&set, &plain].map(|set| {
                        let mut found = vec![];
                        let _ = set.each(name.as_bytes(), |n| {
                            found.push(n);
                            ControlFlow::Continue(())
                        });
                        found.sort_unstable();
                        found
                    });
                    assert_eq!(found, expected, "{name}");
                }
            }
        }
    }

    #[test]
    fn many_patterns_do_not_hide_each_other() {
        let patterns: Vec<_> = (0..1000).map(|n| pattern(&format!("*.d{n}.io"))).collect();
        let set = NameSet::new(&patterns, false);
        for n in 0..1000 {
            let mut found = vec![];
            let _ = set.each(format!("api.d{n}.io.").as_bytes(), |n| {
                found.push(n);
                ControlFlow::Continue(())
            });
            assert_eq!(found, [n]);
        }
    }
}
