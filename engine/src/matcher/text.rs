//! Matches a text value against a set of [`Text`] patterns.

use super::{
    case::CaseSensitivity,
    chunk::ReadDirection,
    collation::Collation,
    glob,
    literal::{Extent, Literal},
    literals::LiteralMap,
    service_account,
    strategy::SearchStrategy,
    string_pool::{StringPool, StringPoolBuilder},
};
use crate::ir::Text;
use alloc::{boxed::Box, vec::Vec};
use core::ops::ControlFlow;

/// The largest number of patterns for which a plain loop is faster than hashing.
const MAX_LIST: usize = 4;

/// A set of text patterns over one attribute.
///
/// A small set compares the value with each pattern. A large set reads the value once from its start and once from its
/// end; it tries globs and service accounts one by one, each in linear time.
#[derive(Debug)]
pub(crate) enum TextSet {
    /// The patterns in a list.
    List { case: CaseSensitivity, patterns: Box<[Text]> },
    /// The patterns in tables.
    Indexed(Box<IndexedTexts>),
}

/// Many text patterns, by kind.
#[derive(Debug)]
pub(crate) struct IndexedTexts {
    case: CaseSensitivity,
    pool: StringPool,
    /// Exact texts and prefixes.
    forward: LiteralMap,
    /// Suffixes.
    backward: LiteralMap,
    /// All other patterns.
    others: Box<[Text]>,
}

/// Returns whether `pattern` matches `value`.
pub(crate) fn matches_one(pattern: &Text, case: CaseSensitivity, value: &[u8]) -> bool {
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
    /// Returns a set of `patterns`.
    pub(crate) fn new(collation: Collation, patterns: Vec<Text>, strategy: SearchStrategy) -> Self {
        let case = collation.case;
        if strategy == SearchStrategy::Linear || patterns.len() <= MAX_LIST {
            return Self::List { case, patterns: patterns.into() };
        }
        let mut pool = StringPoolBuilder::default();
        let (mut forward, mut backward, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for pattern in &patterns {
            match pattern {
                Text::Exact(text) => forward.push(Literal::new(text, Extent::Whole, 0)),
                Text::Prefix(text) => forward.push(Literal::new(text, Extent::Part, 0)),
                Text::Suffix(text) => backward.push(Literal::new(text, Extent::Part, 0)),
                other => others.push(other.clone()),
            }
        }
        Self::Indexed(Box::new(IndexedTexts {
            case,
            forward: LiteralMap::new(ReadDirection::Forward, collation, &mut pool, forward),
            backward: LiteralMap::new(ReadDirection::Backward, collation, &mut pool, backward),
            pool: pool.finish(),
            others: others.into(),
        }))
    }

    /// Returns whether a pattern of the set matches `value`.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::List { case, patterns } => patterns.iter().any(|p| matches_one(p, *case, value)),
            Self::Indexed(set) => set.matches(value),
        }
    }
}

impl IndexedTexts {
    fn matches(&self, value: &[u8]) -> bool {
        let found = |_| ControlFlow::Break(());
        self.forward.walk(&self.pool, value, found).is_break()
            || self.backward.walk(&self.pool, value, found).is_break()
            || self.others.iter().any(|p| matches_one(p, self.case, value))
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

    const INSENSITIVE: Collation = Collation { case: CaseSensitivity::Insensitive, separator: b'/' };

    #[test]
    fn indexed_set_agrees_with_list() {
        let indexed = TextSet::new(INSENSITIVE, patterns(), SearchStrategy::Indexed);
        assert!(matches!(indexed, TextSet::Indexed(_)));
        let list = TextSet::new(INSENSITIVE, patterns(), SearchStrategy::Linear);
        for value in ["GET", "get ", "/API/x", "/ap", "a.PNG", "png", "", "/v1", "/v1/"] {
            let expected =
                patterns().iter().any(|p| matches_one(p, CaseSensitivity::Insensitive, value.as_bytes()));
            assert_eq!(indexed.matches(value.as_bytes()), expected, "{value}");
            assert_eq!(list.matches(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn empty_value_matches_present_but_not_non_empty() {
        let set = |pattern| TextSet::new(INSENSITIVE, vec![pattern], SearchStrategy::Indexed);
        assert!(!set(Text::NonEmpty).matches(b""));
        assert!(set(Text::Present).matches(b""));
    }
}
