//! Which of N DNS patterns match a name.

use core::ops::ControlFlow;
use palisade::FqdnSet;
use palisade_benches::names;
use regex::bytes::{Regex, RegexBuilder, RegexSet};
use std::collections::{HashMap, HashSet};

/// Something that knows N patterns.
pub trait Names {
    /// How many of them match; those that only know whether one does say 1.
    fn matching(&self, name: &str) -> usize;
}

/// Makes one with the first N patterns.
pub type Make = fn(usize) -> Box<dyn Names>;

/// Name, largest N that is worth the time, and how it is made.
pub fn all() -> Vec<(&'static str, usize, Make)> {
    vec![
        ("palisade", 100_000, |n| Box::new(Palisade(FqdnSet::new(&names::patterns(n))))),
        ("floor: xxh3 of the name", 100_000, |_| Box::new(Floor)),
        ("two hash maps (one label, no head)", 100_000, |n| Box::new(Maps::new(n))),
        ("label walk (any depth, no head)", 100_000, |n| Box::new(Walk::new(n))),
        ("regex, one alternation", 1_000, |n| Box::new(Alternation::new(n))),
        ("regex set", 1_000, |n| Box::new(Set::new(n))),
    ]
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

/// What stands behind the stars of pattern `i`, or all of it.
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
    behind_a_label: HashMap<String, u32, ahash::RandomState>,
}

impl Maps {
    fn new(n: usize) -> Self {
        let mut maps = Self::default();
        for i in 0..n {
            let (text, star) = literal(i);
            if star { &mut maps.behind_a_label } else { &mut maps.wholes }.insert(text, i as u32);
        }
        maps
    }
}

impl Names for Maps {
    fn matching(&self, name: &str) -> usize {
        let rest = name.split_once('.').map_or("", |(_, rest)| rest);
        usize::from(self.wholes.contains_key(name)) + usize::from(self.behind_a_label.contains_key(rest))
    }
}

/// A map a label, from the end.
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

/// The names whose patterns every peer knows in full, to check it by.
pub fn checks(n: usize) -> Vec<(String, usize)> {
    let simple = (0..n).filter(|i| (0..7).contains(&(i % 10)));
    let seen: HashSet<String> = simple.clone().map(names::hit).collect();
    let misses = (0..n.min(500)).map(|i| (names::miss(i), 0)).filter(|(name, _)| !seen.contains(name));
    simple.map(|i| (names::hit(i), 1)).take(500).chain(misses).collect()
}
