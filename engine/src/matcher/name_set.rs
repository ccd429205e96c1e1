//! Matches a DNS name against many patterns at once.

use super::{
    bytes::Case,
    literals::{Extent, Literal, LiteralMap, Reading},
    name::{Before, Wildcard, is_label, is_label_byte},
    piece::From,
    runs::Runs,
    texts::{Span, Texts, TextsBuilder},
};
use crate::ir::NamePattern;
use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use core::ops::ControlFlow;

/// A set of name patterns. Names are canonical: lower case, one final dot.
///
/// A lookup reads the name once, from its end; what it costs does not depend on how many patterns there are, but on how
/// many of them end as the name does.
#[derive(Debug)]
pub(crate) struct NameSet {
    texts: Texts,
    /// Whole names and what wildcards end with, to numbers of lists.
    endings: LiteralMap,
    lists: Runs<Entry>,
    others: Box<[Wildcard]>,
}

/// One pattern, less its ending.
#[derive(Debug)]
struct Entry {
    /// Its place in the set.
    pattern: u32,
    /// Bytes of the ending.
    ending: u32,
    start: Start,
}

/// What has to stand before an ending.
#[derive(Debug)]
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

const READING: Reading = Reading { case: Case::Kept, separator: b'.' };

impl NameSet {
    /// A set of `patterns`. One that is `plain` tries them one by one.
    pub(crate) fn new<'p>(patterns: impl IntoIterator<Item = &'p NamePattern>, plain: bool) -> Self {
        let mut texts = TextsBuilder::default();
        let mut others = Vec::new();
        let mut lists: BTreeMap<(String, Extent), Vec<Entry>> = BTreeMap::new();
        for (number, pattern) in (0u32..).zip(patterns) {
            let wildcard = match pattern {
                NamePattern::Name(name) => Wildcard::name(name),
                NamePattern::Wildcard { pattern, subdomains, any_bytes } => {
                    Wildcard::new(pattern, *subdomains, *any_bytes)
                }
            };
            let (ending, before) = if plain { (String::new(), None) } else { wildcard.split() };
            let len = ending.len() as u32;
            let (extent, start) = match before {
                Some(Before::Nothing) => (Extent::Whole, Start::Nothing),
                Some(Before::Label(head)) => (Extent::Part, Start::Label(texts.add(head))),
                Some(Before::Labels) => (Extent::Part, Start::Labels),
                None => (Extent::Part, Start::Other(others.len() as u32)),
            };
            if before.is_none() {
                others.push(wildcard);
            }
            lists.entry((ending, extent)).or_default().push(Entry { pattern: number, ending: len, start });
        }
        let keys = (0u32..).zip(lists.keys()).map(|(n, (ending, extent))| Literal::new(ending, *extent, n));
        Self {
            endings: LiteralMap::new(From::End, READING, &mut texts, keys),
            texts: texts.finish(),
            lists: lists.into_values().collect(),
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
        self.endings.walk(&self.texts, name, |list| {
            let found = self.lists.get(list).iter().filter(|entry| self.starts(entry, name));
            found.map(|entry| entry.pattern).try_for_each(&mut visit)
        })
    }

    /// Whether `name`, which ends as `entry` asks, starts so as well.
    #[inline]
    fn starts(&self, entry: &Entry, name: &[u8]) -> bool {
        let before = name.get(..name.len().saturating_sub(entry.ending as usize)).unwrap_or_default();
        match entry.start {
            Start::Nothing => true,
            Start::Label(head) => {
                before.starts_with(self.texts.bytes(head)) && before.iter().copied().all(is_label_byte)
            }
            Start::Labels => before.split(|b| *b == b'.').all(is_label),
            Start::Other(number) => self.others.get(number as usize).is_some_and(|w| w.matches(name)),
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
