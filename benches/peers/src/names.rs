//! Sets of N DNS name patterns.

use crate::peer::{Make, Peer};
use core::ops::ControlFlow;
use palisade::FqdnSet;
use palisade_benches::names;
use qp_trie::wrapper::BString;
use regex::bytes::{Regex, RegexBuilder, RegexSet};
use std::collections::HashMap;

/// A set of name patterns.
pub trait Names {
    /// Returns the number of matching patterns, or 1 if the engine only reports whether one matches.
    fn matching(&self, name: &str) -> usize;
}

/// Returns all engines, Palisade first.
pub fn all() -> Vec<Peer<dyn Names>> {
    let all: [(&'static str, usize, Make<dyn Names>); 7] = [
        ("palisade", 100_000, |n| Box::new(Palisade(FqdnSet::new(&names::patterns(n))))),
        ("floor: xxh3 of the name", 100_000, |_| Box::new(Floor)),
        ("hand-written: two hash maps (one label, no head)", 100_000, |n| Box::new(Maps::new(n))),
        ("hand-written: label walk (any depth, no head)", 100_000, |n| Box::new(Walk::new(n))),
        ("qp-trie, reversed (any depth, no head)", 100_000, |n| Box::new(Trie::new(n))),
        ("regex, one alternation", 10_000, |n| Box::new(Alternation::new(n))),
        ("regex set", 1_000, |n| Box::new(Set::new(n))),
    ];
    all.into_iter().map(|(name, most, make)| Peer { name, most, make, check }).collect()
}

struct Palisade(FqdnSet);

impl Names for Palisade {
    fn matching(&self, name: &str) -> usize {
        let mut count = 0;
        let _ = self.0.each(name, |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        count
    }
}

struct Floor;

impl Names for Floor {
    fn matching(&self, name: &str) -> usize {
        (xxhash_rust::xxh3::xxh3_64(name.as_bytes()) & 1) as usize
    }
}

/// Returns the text after the stars of pattern `i`, or its whole text, and whether it has stars.
fn literal(i: usize) -> (String, bool) {
    let text = names::text(i);
    match text.split_once("*.") {
        Some((_, ending)) => (format!("{ending}."), true),
        None => (format!("{text}."), false),
    }
}

#[derive(Default)]
struct Maps {
    wholes: HashMap<String, u32, ahash::RandomState>,
    after_one_label: HashMap<String, u32, ahash::RandomState>,
}

impl Maps {
    fn new(n: usize) -> Self {
        let mut maps = Self::default();
        for i in 0..n {
            let (text, star) = literal(i);
            if star { &mut maps.after_one_label } else { &mut maps.wholes }.insert(text, i as u32);
        }
        maps
    }
}

impl Names for Maps {
    fn matching(&self, name: &str) -> usize {
        let rest = name.split_once('.').map_or("", |(_, rest)| rest);
        usize::from(self.wholes.contains_key(name)) + usize::from(self.after_one_label.contains_key(rest))
    }
}

/// A tree with a map for each label, from the last label to the first.
#[derive(Default)]
struct Walk {
    whole: bool,
    ending: bool,
    below: HashMap<String, Walk, ahash::RandomState>,
}

impl Walk {
    fn new(n: usize) -> Self {
        let mut root = Self::default();
        for i in 0..n {
            let (text, star) = literal(i);
            let mut at = &mut root;
            for label in text.trim_end_matches('.').rsplit('.') {
                at = at.below.entry(label.to_owned()).or_default();
            }
            if star { at.ending = true } else { at.whole = true }
        }
        root
    }
}

impl Names for Walk {
    fn matching(&self, name: &str) -> usize {
        let mut at = self;
        let mut found = 0;
        let mut labels = name.trim_end_matches('.').rsplit('.').peekable();
        while let Some(label) = labels.next() {
            let Some(next) = at.below.get(label) else { return found };
            at = next;
            found += usize::from(if labels.peek().is_some() { at.ending } else { at.whole });
        }
        found
    }
}

/// A trie of reversed keys, so that suffixes are prefixes. The value is whether the pattern starts with a star.
struct Trie(qp_trie::Trie<BString, bool>);

impl Trie {
    fn new(n: usize) -> Self {
        let key = |i| {
            let (text, star) = literal(i);
            let text = if star { format!(".{text}") } else { text };
            (BString::from(text.chars().rev().collect::<String>()), star)
        };
        Self((0..n).map(key).collect())
    }
}

impl Names for Trie {
    fn matching(&self, name: &str) -> usize {
        // No name is longer. The stack avoids an allocation, whose time would be measured.
        let mut space = [0; 255];
        for (to, from) in space.iter_mut().zip(name.bytes().rev()) {
            *to = from;
        }
        let name = &space[..name.len()];
        let common = self.0.longest_common_prefix(name);
        let whole = common.as_str().len() == name.len();
        self.0.get(common).is_some_and(|star| *star || whole).into()
    }
}

fn expression(i: usize) -> String {
    let text = names::text(i);
    let text = text.replace('.', "[.]").replace("**[.]", r"(?:[-a-zA-Z0-9_]+[.])+");
    format!("{}[.]", text.replace('*', "[-a-zA-Z0-9_]*"))
}

struct Alternation(Regex);

impl Alternation {
    fn new(n: usize) -> Self {
        let all: Vec<String> = (0..n).map(expression).collect();
        let text = format!("^(?:{})$", all.join("|"));
        Self(RegexBuilder::new(&text).unicode(false).size_limit(1 << 30).build().unwrap())
    }
}

impl Names for Alternation {
    fn matching(&self, name: &str) -> usize {
        self.0.is_match(name.as_bytes()).into()
    }
}

struct Set(RegexSet);

impl Set {
    fn new(n: usize) -> Self {
        let all = (0..n).map(|i| format!("^(?:{})$", expression(i)));
        Self(regex::bytes::RegexSetBuilder::new(all).unicode(false).size_limit(1 << 30).build().unwrap())
    }
}

impl Names for Set {
    fn matching(&self, name: &str) -> usize {
        self.0.matches(name.as_bytes()).iter().count()
    }
}

/// Checks the patterns that every peer supports: neither `**` nor a text before the star.
fn check(set: &dyn Names, n: usize, name: &str) {
    for i in (0..n).filter(|i| (0..7).contains(&(i % 10))).take(500) {
        assert_eq!(set.matching(&names::hit(i)), 1, "{name}: {}", names::hit(i));
    }
    for i in 0..n.min(500) {
        assert_eq!(set.matching(&names::miss(i)), 0, "{name}: {}", names::miss(i));
    }
}
