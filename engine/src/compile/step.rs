//! One test of one rule, as it is stored.

use super::methods::MethodSet;
use crate::{
    ir::{Attribute, Text},
    matcher::{case::CaseSensitivity, string_pool::StrRef},
};

/// One test, and where to go on: the steps of a clause lie side by side, those of a group too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) look: Look,
    /// Number of what is read.
    pub(super) attribute: u16,
    pub(super) negated: bool,
    /// Whether the group is the rule's last.
    pub(super) last: bool,
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
    Text(Kind, StrRef),
    /// These methods; the matcher with this number has them for patterns, where they are several.
    Methods(MethodSet, u32),
    /// The matcher with this number.
    Matcher(u32),
}

/// The number of no matcher.
pub(super) const NO_MATCHER: u32 = u32::MAX;

/// How a value is compared with one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Present,
    Exact,
    Prefix,
    Suffix,
    /// The path up to its query is the text, in which no query begins: so the query need not be looked for.
    PathExact,
    /// The path begins with such a text.
    PathPrefix,
}

impl Step {
    /// A step that reads attribute 0 and ends nothing yet.
    pub(super) fn fixed(look: Look) -> Self {
        Self { look, attribute: 0, negated: false, last: false, clause_end: 0, group_end: 0 }
    }
}

impl Kind {
    /// How a value of `attribute` is compared with `text`; none if that takes more than a comparison.
    pub(super) fn of<'t>(attribute: &Attribute, text: &'t Text) -> Option<(Self, &'t str)> {
        let whole = |text: &str| *attribute == Attribute::Path && !text.contains(['?', '#']);
        match text {
            Text::Present => Some((Self::Present, "")),
            Text::Exact(text) => Some((if whole(text) { Self::PathExact } else { Self::Exact }, text)),
            Text::Prefix(text) => Some((if whole(text) { Self::PathPrefix } else { Self::Prefix }, text)),
            Text::Suffix(text) => Some((Self::Suffix, text)),
            Text::NonEmpty | Text::Glob(_) | Text::ServiceAccount { .. } => None,
        }
    }

    /// The pattern that it came from.
    pub(super) fn pattern(self, text: &str) -> Text {
        match self {
            Self::Present => Text::Present,
            Self::Exact | Self::PathExact => Text::Exact(text.into()),
            Self::Prefix | Self::PathPrefix => Text::Prefix(text.into()),
            Self::Suffix => Text::Suffix(text.into()),
        }
    }

    #[inline]
    pub(super) fn matches(self, case: CaseSensitivity, value: &[u8], text: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Exact => case.eq(value, text),
            Self::Prefix | Self::PathPrefix => case.starts_with(value, text),
            Self::Suffix => case.ends_with(value, text),
            Self::PathExact => {
                let ends = || value.get(text.len()).is_none_or(|next| matches!(next, b'?' | b'#'));
                case.starts_with(value, text) && ends()
            }
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
        let texts =
            [Text::Present, Text::Exact("a".into()), Text::Prefix("b?".into()), Text::Suffix("c".into())];
        for attribute in [Attribute::Path, Attribute::Method] {
            for text in &texts {
                let (kind, literal) = Kind::of(&attribute, text).unwrap();
                assert_eq!(kind.pattern(literal), *text);
            }
            assert!(Kind::of(&attribute, &Text::NonEmpty).is_none());
        }
    }

    #[test]
    fn a_path_is_compared_up_to_its_query() {
        let of = |text: &Text, path: &str| {
            let (kind, literal) = Kind::of(&Attribute::Path, text).unwrap();
            kind.matches(CaseSensitivity::Sensitive, path.as_bytes(), literal.as_bytes())
        };
        for (path, exact, prefix) in [
            ("/a", true, true),
            ("/a?b", true, true),
            ("/a#b", true, true),
            ("/ab", false, true),
            ("/?/a", false, false),
        ] {
            assert_eq!(of(&Text::Exact("/a".into()), path), exact, "{path}");
            assert_eq!(of(&Text::Prefix("/a".into()), path), prefix, "{path}");
        }
        assert_eq!(Kind::of(&Attribute::Path, &Text::Exact("/a?".into())).unwrap().0, Kind::Exact);
        assert_eq!(Kind::of(&Attribute::Method, &Text::Exact("/a".into())).unwrap().0, Kind::Exact);
    }
}
