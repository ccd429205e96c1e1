//! Matches a text value against a set of [`Text`] patterns at once.

use super::{
    bytes::Case,
    glob,
    literals::{Extent, Literal, LiteralMap, Reading},
    piece::From,
    service_account,
    texts::{Texts, TextsBuilder},
};
use crate::ir::Text;
use alloc::{boxed::Box, vec::Vec};
use core::ops::ControlFlow;

/// Below this many patterns a plain loop beats hashing.
const SMALL: usize = 4;

/// A set of text patterns over one attribute.
///
/// Cost: small sets compare one by one; large ones read the value once from the start and once from the end. Globs are
/// tried one by one, each in linear time.
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
    texts: Texts,
    /// Exact texts and prefixes.
    forward: LiteralMap,
    /// Suffixes.
    backward: LiteralMap,
    /// All other patterns.
    others: Box<[Text]>,
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
    /// A matcher of `patterns`. One that is `plain` tries them one by one, however many there are.
    pub(crate) fn new(reading: Reading, patterns: Vec<Text>, plain: bool) -> Self {
        let case = reading.case;
        if plain || patterns.len() <= SMALL {
            return Self::Small { case, patterns: patterns.into() };
        }
        let mut texts = TextsBuilder::default();
        let (mut forward, mut backward, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for pattern in &patterns {
            match pattern {
                Text::Exact(text) => forward.push(Literal::new(text, Extent::Whole, 0)),
                Text::Prefix(text) => forward.push(Literal::new(text, Extent::Part, 0)),
                Text::Suffix(text) => backward.push(Literal::new(text, Extent::Part, 0)),
                other => others.push(other.clone()),
            }
        }
        Self::Large(Box::new(Large {
            case,
            forward: LiteralMap::new(From::Start, reading, &mut texts, forward),
            backward: LiteralMap::new(From::End, reading, &mut texts, backward),
            texts: texts.finish(),
            others: others.into(),
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
        self.forward.walk(&self.texts, value, found).is_break()
            || self.backward.walk(&self.texts, value, found).is_break()
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

    const FOLDED: Reading = Reading { case: Case::Folded, separator: b'/' };

    #[test]
    fn small_and_large_sets_agree() {
        let large = TextSet::new(FOLDED, patterns(), false);
        assert!(matches!(large, TextSet::Large(_)));
        let plain = TextSet::new(FOLDED, patterns(), true);
        for value in ["GET", "get ", "/API/x", "/ap", "a.PNG", "png", "", "/v1", "/v1/"] {
            let expected = patterns().iter().any(|p| matches_one(p, Case::Folded, value.as_bytes()));
            assert_eq!(large.matches(value.as_bytes()), expected, "{value}");
            assert_eq!(plain.matches(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_star_wants_a_byte_unless_presence_is_enough() {
        assert!(!TextSet::new(FOLDED, vec![Text::NonEmpty], false).matches(b""));
        assert!(TextSet::new(FOLDED, vec![Text::Present], false).matches(b""));
    }
}
