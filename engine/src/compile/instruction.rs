//! One test of one rule in its compiled form.

use super::methods::MethodSet;
use crate::{
    ir::{Clause, Text, TextAttribute},
    matcher::{case::CaseSensitivity, string_pool::StrRef},
};

/// The position that refers to no instruction.
pub(super) const NO_INSTRUCTION: u32 = u32::MAX;

/// One test, and the positions to continue at. The instructions of a clause are adjacent, and so are those of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    pub(super) operand: Operand,
    pub(super) negated: bool,
    /// Whether the group is the rule's last.
    pub(super) last: bool,
    /// The position after the clause.
    pub(super) clause_end: u32,
    /// The position after the group.
    pub(super) group_end: u32,
}

/// The operand of an instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    /// No operand: the instruction matches. It represents a clause without tests.
    Always,
    /// No operand: the instruction does not match. It represents a group without clauses.
    Never,
    /// The text attribute with this number, with one text.
    Text(u16, TextOp, StrRef),
    /// The method of the request, with these methods.
    Methods(MethodSet),
    /// The matcher with this number.
    Matcher(u32),
}

/// The comparison of a value with one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextOp {
    Present,
    Exact,
    Prefix,
    Suffix,
    /// The path up to its query is the text. The text has no `?` or `#`, so the comparison needs no search for the query.
    PathExact,
    /// The path starts with the text, which has no `?` or `#`.
    PathPrefix,
}

impl Instruction {
    /// Returns an instruction without positions to continue at.
    pub(super) fn new(operand: Operand, negated: bool) -> Self {
        Self { operand, negated, last: false, clause_end: 0, group_end: 0 }
    }
}

/// Returns the number of instructions of `clauses`.
pub(super) fn instruction_count(clauses: &[Clause]) -> u32 {
    clauses.iter().map(|clause| clause.tests.len().max(1) as u32).sum::<u32>().max(1)
}

impl TextOp {
    /// Returns the comparison of a value of `attribute` for the pattern `text`, or `None` if the pattern needs a matcher.
    pub(super) fn of<'t>(attribute: &TextAttribute, text: &'t Text) -> Option<(Self, &'t str)> {
        let whole = |text: &str| *attribute == TextAttribute::Path && !text.contains(['?', '#']);
        match text {
            Text::Present => Some((Self::Present, "")),
            Text::Exact(text) => Some((if whole(text) { Self::PathExact } else { Self::Exact }, text)),
            Text::Prefix(text) => Some((if whole(text) { Self::PathPrefix } else { Self::Prefix }, text)),
            Text::Suffix(text) => Some((Self::Suffix, text)),
            Text::NonEmpty | Text::Glob(_) | Text::ServiceAccount { .. } => None,
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
    fn instruction_fits_in_24_bytes() {
        assert!(size_of::<Instruction>() <= 24, "{} bytes", size_of::<Instruction>());
    }

    #[test]
    fn path_is_compared_up_to_its_query() {
        let of = |text: &Text, path: &str| {
            let (op, literal) = TextOp::of(&TextAttribute::Path, text).unwrap();
            op.matches(CaseSensitivity::Sensitive, path.as_bytes(), literal.as_bytes())
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
        let exact = |attribute, text: &str| TextOp::of(&attribute, &Text::Exact(text.into())).unwrap().0;
        assert_eq!(exact(TextAttribute::Path, "/a?"), TextOp::Exact);
        assert_eq!(exact(TextAttribute::Method, "/a"), TextOp::Exact);
        assert!(TextOp::of(&TextAttribute::Path, &Text::NonEmpty).is_none());
    }
}
