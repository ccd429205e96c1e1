//! Matches a text value against a set of [`Text`] patterns at once.

use super::{
    bytes::Case,
    glob, service_account,
    trie::{From, Trie},
};
use crate::ir::{Glob, Text};
use alloc::{boxed::Box, vec::Vec};
use core::ops::ControlFlow;
use hashbrown::HashTable;

/// Below this many patterns a plain loop beats hashing and tries.
const SMALL: usize = 4;

/// A set of text patterns over one attribute.
///
/// Cost: small sets compare one by one; large ones hash the value once and walk two tries. Globs are tried one by
/// one, each in linear time.
#[derive(Debug)]
pub(crate) enum TextSet {
    /// A handful, as they were given.
    Small {
        /// Whether case counts.
        case: Case,
        /// The patterns.
        patterns: Box<[Text]>,
    },
    /// Many, by kind.
    Large(Box<Large>),
}

#[derive(Debug)]
pub(crate) struct Large {
    case: Case,
    present: bool,
    non_empty: bool,
    exact: HashTable<Box<str>>,
    prefixes: Trie,
    suffixes: Trie,
    globs: Box<[Glob]>,
    accounts: Box<[Text]>,
}

fn hash_of(text: &str, case: Case) -> u64 {
    case.hash(text.as_bytes())
}

/// Whether one pattern matches `value`.
pub(crate) fn matches_one(pattern: &Text, case: Case, value: &[u8]) -> bool {
    match pattern {
        Text::Present => true,
        Text::NonEmpty => !value.is_empty() && !value.contains(&b'\n'),
        Text::Exact(text) => case.eq(value, text.as_bytes()),
        Text::Prefix(text) => case.starts_with(value, text.as_bytes()),
        Text::Suffix(text) => case.ends_with(value, text.as_bytes()),
        Text::Glob(pattern) => glob::matches(pattern, value),
        Text::ServiceAccount { namespace, account } => service_account::matches(namespace, account, value),
    }
}

impl TextSet {
    /// A matcher of `patterns`.
    pub(crate) fn new(case: Case, patterns: Vec<Text>) -> Self {
        if patterns.len() <= SMALL {
            return Self::Small { case, patterns: patterns.into() };
        }
        let (mut prefixes, mut suffixes) = (Vec::new(), Vec::new());
        let (mut globs, mut accounts) = (Vec::new(), Vec::new());
        let mut exact = HashTable::new();
        let (mut present, mut non_empty) = (false, false);
        for pattern in patterns {
            match pattern {
                Text::Present => present = true,
                Text::NonEmpty => non_empty = true,
                Text::Exact(text) => {
                    let hash = case.hash(text.as_bytes());
                    if exact.find(hash, |t| *t == text).is_none() {
                        exact.insert_unique(hash, text, move |t| hash_of(t, case));
                    }
                }
                Text::Prefix(text) => prefixes.push(text),
                Text::Suffix(text) => suffixes.push(text),
                Text::Glob(pattern) => globs.push(pattern),
                Text::ServiceAccount { .. } => accounts.push(pattern),
            }
        }
        let trie = |from, keys: &[Box<str>]| Trie::new(from, case, keys.iter().map(|k| (k.as_bytes(), 0)));
        Self::Large(Box::new(Large {
            case,
            present,
            non_empty,
            exact,
            prefixes: trie(From::Start, &prefixes),
            suffixes: trie(From::End, &suffixes),
            globs: globs.into(),
            accounts: accounts.into(),
        }))
    }

    /// Whether some pattern of the set matches `value`.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Small { case, patterns } => patterns.iter().any(|p| matches_one(p, *case, value)),
            Self::Large(set) => set.matches(value),
        }
    }
}

impl Large {
    fn matches(&self, value: &[u8]) -> bool {
        let found = |_| ControlFlow::Break(());
        self.present
            || (self.non_empty && matches_one(&Text::NonEmpty, self.case, value))
            || self.exact.find(self.case.hash(value), |t| self.case.eq(value, t.as_bytes())).is_some()
            || self.prefixes.walk(value, found).is_break()
            || self.suffixes.walk(value, found).is_break()
            || self.globs.iter().any(|g| glob::matches(g, value))
            || self.accounts.iter().any(|a| matches_one(a, self.case, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn patterns() -> Vec<Text> {
        vec![
            Text::Exact("get".into()),
            Text::Prefix("/api".into()),
            Text::Suffix(".png".into()),
            Text::Exact("post".into()),
            Text::Exact("put".into()),
            Text::Prefix("/v1/".into()),
        ]
    }

    #[test]
    fn small_and_large_sets_agree() {
        let large = TextSet::new(Case::Folded, patterns());
        for value in ["GET", "get ", "/API/x", "/ap", "a.PNG", "png", "", "/v1", "/v1/"] {
            let expected = patterns().iter().any(|p| matches_one(p, Case::Folded, value.as_bytes()));
            assert_eq!(large.matches(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_star_wants_a_byte_unless_presence_is_enough() {
        assert!(!TextSet::new(Case::Kept, vec![Text::NonEmpty]).matches(b""));
        assert!(TextSet::new(Case::Kept, vec![Text::Present]).matches(b""));
    }
}
