//! One test of one rule, as it is stored.

use crate::{
    ir::Text,
    matcher::{bytes::Case, texts::Span},
};

/// One test, and where to go on: the steps of a clause lie side by side, those of a group too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) look: Look,
    /// Number of what is read.
    pub(super) attribute: u16,
    pub(super) negated: bool,
    /// The step behind the clause.
    pub(super) clause_end: u32,
    /// The step behind the group.
    pub(super) group_end: u32,
}

/// What a step holds its attribute against.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// Nothing: it holds. A clause without tests.
    Always,
    /// Nothing: it does not hold. A group without clauses.
    Never,
    /// One text.
    Text(Kind, Span),
    /// The matcher with this number.
    Matcher(u32),
}

/// How a value is compared with one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Present,
    Exact,
    Prefix,
    Suffix,
}

impl Step {
    /// A step that reads attribute 0 and ends nothing yet.
    pub(super) fn fixed(look: Look) -> Self {
        Self { look, attribute: 0, negated: false, clause_end: 0, group_end: 0 }
    }
}

impl Kind {
    /// How `text` is compared, and with what; none where that takes more than a comparison.
    pub(super) fn of(text: &Text) -> Option<(Self, &str)> {
        match text {
            Text::Present => Some((Self::Present, "")),
            Text::Exact(text) => Some((Self::Exact, text)),
            Text::Prefix(text) => Some((Self::Prefix, text)),
            Text::Suffix(text) => Some((Self::Suffix, text)),
            Text::NonEmpty | Text::Glob(_) | Text::ServiceAccount { .. } => None,
        }
    }

    /// The pattern that it came from.
    pub(super) fn pattern(self, text: &str) -> Text {
        match self {
            Self::Present => Text::Present,
            Self::Exact => Text::Exact(text.into()),
            Self::Prefix => Text::Prefix(text.into()),
            Self::Suffix => Text::Suffix(text.into()),
        }
    }

    #[inline]
    pub(super) fn matches(self, case: Case, value: &[u8], text: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Exact => case.eq(value, text),
            Self::Prefix => case.starts_with(value, text),
            Self::Suffix => case.ends_with(value, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_stays_small() {
        assert!(size_of::<Step>() <= 24, "{} bytes", size_of::<Step>());
    }

    #[test]
    fn a_text_comes_back_as_it_was() {
        for text in
            [Text::Present, Text::Exact("a".into()), Text::Prefix("b".into()), Text::Suffix("c".into())]
        {
            let (kind, literal) = Kind::of(&text).unwrap();
            assert_eq!(kind.pattern(literal), text);
        }
        assert!(Kind::of(&Text::NonEmpty).is_none());
    }
}
