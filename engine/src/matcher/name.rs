//! Matches DNS names against Cilium's `matchName` and `matchPattern`.
//!
//! A pattern is parsed once, by the grammar of docs/semantics/cilium.md#cilium-star-and-dot. Stars match characters of one
//! label, except for a leading `**.`. Therefore each label of the pattern is compared with one label of the name, and a
//! match takes one pass over the name.

use super::search;
use crate::ir::NamePattern;
use alloc::{boxed::Box, string::String, vec::Vec};
use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{is_not, take_while1},
    character::complete::char,
    combinator::{all_consuming, map, value},
    multi::{many0, separated_list1},
};

/// Returns whether `pattern` matches `name`, which must be in canonical form.
pub(crate) fn matches_one(pattern: &NamePattern, name: &[u8]) -> bool {
    match pattern {
        NamePattern::Name(text) => name == text.as_bytes(),
        NamePattern::Wildcard { .. } => Wildcard::of(pattern).matches(name),
    }
}

/// A parsed `matchPattern`.
#[derive(Clone, Debug)]
pub(super) enum Wildcard {
    /// Only stars, in a DNS rule: matches any bytes (docs/semantics/cilium.md#cilium-all-star).
    Everything,
    /// Only stars: matches one or more labels, or the root name.
    EveryName,
    /// Labels; the last one is the empty label after the final dot.
    Labels {
        /// Whether one or more whole labels must precede them.
        subdomains: bool,
        labels: Box<[Label]>,
    },
}

/// One label of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Label {
    /// A text without stars.
    Literal(Box<str>),
    /// Texts with stars around and between them.
    Starred { head: Box<str>, middle: Box<[Box<str>]>, tail: Box<str> },
}

/// The text that a name must have before the suffix of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrefixShape<'w> {
    /// No text: the suffix is the whole name.
    Empty,
    /// This text, and then any bytes of the same label.
    LabelStart(&'w str),
    /// One or more whole labels.
    Labels,
}

impl Wildcard {
    /// Parses `pattern`. The result for a `matchName` matches that name only.
    pub(super) fn of(pattern: &NamePattern) -> Self {
        match pattern {
            NamePattern::Name(name) => Self::name(name),
            NamePattern::Wildcard { pattern, subdomains, any_bytes } => {
                Self::new(pattern, *subdomains, *any_bytes)
            }
        }
    }

    fn new(text: &str, subdomains: bool, any_bytes: bool) -> Self {
        let stars = text.bytes().take_while(|b| *b == b'*').count();
        if stars > 0 && text.len() - stars == usize::from(text.ends_with('.')) {
            return if any_bytes { Self::Everything } else { Self::EveryName };
        }
        // INVARIANT: every text is a list of labels, so the parser cannot fail.
        let mut labels = labels(text).map(|(_, labels)| labels).unwrap_or_default();
        let subdomains = subdomains && text.as_bytes().get(stars) == Some(&b'.') && stars >= 2;
        if subdomains {
            labels.remove(0);
        }
        Self::Labels { subdomains, labels: labels.into() }
    }

    /// Returns a pattern that matches only `name`.
    fn name(name: &str) -> Self {
        Self::Labels {
            subdomains: false,
            labels: name.split('.').map(|label| Label::Literal(label.into())).collect(),
        }
    }

    /// Returns the suffix of all names that match, and the text before it. The latter is `None` if only
    /// [`Self::matches`] can decide.
    pub(super) fn split(&self) -> (String, Option<PrefixShape<'_>>) {
        let Self::Labels { subdomains, labels } = self else { return (String::new(), None) };
        let literals = labels.iter().rev().map_while(|label| match label {
            Label::Literal(text) => Some(&**text),
            Label::Starred { .. } => None,
        });
        let mut parts: Vec<&str> = literals.collect();
        let stars = labels.len().checked_sub(parts.len() + 1).and_then(|last| labels.get(last));
        let before = match (subdomains, stars) {
            (false, None) => Some(PrefixShape::Empty),
            (true, None) => {
                parts.push("");
                Some(PrefixShape::Labels)
            }
            (subdomains, Some(Label::Starred { head, middle, tail })) => {
                parts.push(tail);
                let simple = !subdomains
                    && parts.len() == labels.len()
                    && middle.is_empty()
                    && [head, tail].iter().all(|text| are_label_bytes(text.as_bytes()));
                simple.then_some(PrefixShape::LabelStart(head))
            }
            (_, Some(Label::Literal(_))) => None,
        };
        parts.reverse();
        (parts.join("."), before)
    }

    /// Returns whether the pattern matches `name`.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Everything => true,
            Self::EveryName => name == b"." || name.strip_suffix(b".").is_some_and(are_labels),
            Self::Labels { subdomains, labels } => {
                let mut own = name.rsplit(|b| *b == b'.');
                let aligned = labels.iter().rev().all(|label| own.next().is_some_and(|n| label.matches(n)));
                if !aligned {
                    return false;
                }
                let is_label = |label: &[u8]| !label.is_empty() && are_label_bytes(label);
                match (subdomains, own.next()) {
                    (false, rest) => rest.is_none(),
                    (true, None) => false,
                    (true, Some(first)) => is_label(first) && own.all(is_label),
                }
            }
        }
    }
}

impl Label {
    /// Returns whether the label of the pattern matches `label` of a name. Each text is matched at its first occurrence,
    /// which leaves the longest rest, so no match is missed.
    fn matches(&self, label: &[u8]) -> bool {
        match self {
            Self::Literal(text) => text.as_bytes() == label,
            Self::Starred { head, middle, tail } => {
                let Some(mut rest) = label.strip_prefix(head.as_bytes()) else { return false };
                for literal in middle {
                    let Some(at) = search::find(rest, literal.as_bytes()) else { return false };
                    rest = rest.get(at + literal.len()..).unwrap_or_default();
                }
                rest.ends_with(tail.as_bytes()) && are_label_bytes(label)
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Part<'t> {
    Stars,
    Text(&'t str),
}

/// `pattern = label *("." label)`, `label = *("*" / text)`.
fn labels(text: &str) -> IResult<&str, Vec<Label>> {
    all_consuming(separated_list1(char('.'), label)).parse(text)
}

fn label(text: &str) -> IResult<&str, Label> {
    let stars = value(Part::Stars, take_while1(|c| c == '*'));
    let literal = map(is_not("*."), Part::Text);
    map(many0(alt((stars, literal))), |parts| Label::new(&parts)).parse(text)
}

impl Label {
    fn new(parts: &[Part<'_>]) -> Self {
        let text = |part: Option<&Part<'_>>| match part {
            Some(Part::Text(text)) => Box::from(*text),
            _ => Box::default(),
        };
        if let [] | [Part::Text(_)] = parts {
            return Self::Literal(text(parts.first()));
        }
        let inner = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
        let middle = inner.iter().filter(|p| matches!(p, Part::Text(_))).map(|p| text(Some(p)));
        Self::Starred { head: text(parts.first()), middle: middle.collect(), tail: text(parts.last()) }
    }
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Returns whether all bytes of `text` can occur in a label.
#[inline]
pub(super) fn are_label_bytes(text: &[u8]) -> bool {
    text.iter().copied().all(is_label_byte)
}

/// Returns whether `text` consists of one or more labels, none of them empty.
#[inline]
pub(super) fn are_labels(text: &[u8]) -> bool {
    let mut begins = true;
    let each = text.iter().all(|byte| {
        let ends = *byte == b'.';
        let fits = if ends { !begins } else { is_label_byte(*byte) };
        begins = ends;
        fits
    });
    each && !begins
}

#[cfg(test)]
mod tests;
