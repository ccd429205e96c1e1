//! Matches DNS names against Cilium's `matchName` and `matchPattern`.
//!
//! A pattern is parsed once, by the grammar of docs/semantics/cilium.md#cilium-star-and-dot. No run of stars but a
//! leading `**.` crosses a dot, so labels of pattern and name align one to one, and a match costs one pass over the
//! name.

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

/// Whether `pattern` matches the canonical `name`.
pub(crate) fn matches_one(pattern: &NamePattern, name: &[u8]) -> bool {
    match pattern {
        NamePattern::Name(text) => name == text.as_bytes(),
        NamePattern::Wildcard { .. } => Wildcard::of(pattern).matches(name),
    }
}

/// A parsed `matchPattern`.
#[derive(Clone, Debug)]
pub(super) enum Wildcard {
    /// Stars alone, in a DNS rule: any bytes at all (docs/semantics/cilium.md#cilium-all-star).
    Everything,
    /// Stars alone: one or more labels, or the root.
    EveryName,
    /// Labels, the last of which is the empty one behind the final dot.
    Labels {
        /// Whether one or more whole labels stand in front.
        subdomains: bool,
        labels: Box<[Label]>,
    },
}

/// One label of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Label {
    /// This text.
    Literal(Box<str>),
    /// Literals with runs of stars around and between them.
    Starred { head: Box<str>, middle: Box<[Box<str>]>, tail: Box<str> },
}

/// What a name has to have before the ending of a pattern, where that is simple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before<'w> {
    /// Nothing: the ending is the whole name.
    Nothing,
    /// This text, and then only bytes of the same label.
    Label(&'w str),
    /// One or more whole labels.
    Labels,
}

impl Wildcard {
    /// The parsed form of `pattern`; of a name, one that matches no other.
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

    /// This name and no other.
    fn name(name: &str) -> Self {
        Self::Labels {
            subdomains: false,
            labels: name.split('.').map(|label| Label::Literal(label.into())).collect(),
        }
    }

    /// What every name that it matches ends with, and what stands before; none if only [`Self::matches`] can tell.
    pub(super) fn split(&self) -> (String, Option<Before<'_>>) {
        let Self::Labels { subdomains, labels } = self else { return (String::new(), None) };
        let literals = labels.iter().rev().map_while(|label| match label {
            Label::Literal(text) => Some(&**text),
            Label::Starred { .. } => None,
        });
        let mut parts: Vec<&str> = literals.collect();
        let stars = labels.len().checked_sub(parts.len() + 1).and_then(|last| labels.get(last));
        let before = match (subdomains, stars) {
            (false, None) => Some(Before::Nothing),
            (true, None) => {
                parts.push("");
                Some(Before::Labels)
            }
            (subdomains, Some(Label::Starred { head, middle, tail })) => {
                parts.push(tail);
                let simple = !subdomains
                    && parts.len() == labels.len()
                    && middle.is_empty()
                    && [head, tail].iter().all(|text| are_label_bytes(text.as_bytes()));
                simple.then_some(Before::Label(head))
            }
            (_, Some(Label::Literal(_))) => None,
        };
        parts.reverse();
        (parts.join("."), before)
    }

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
    /// Literals each at its earliest place: what is left then is longest, so no match is missed.
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

/// Whether `text` may stand within one label.
#[inline]
pub(super) fn are_label_bytes(text: &[u8]) -> bool {
    text.iter().copied().all(is_label_byte)
}

/// Whether `text` is one or more labels, none of them empty.
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
mod tests {
    use super::*;
    use crate::matcher::NameSet;
    use crate::{lower::cilium::name, options::Options};
    use alloc::{format, string::String};
    use serde_json::Value;

    fn m(pattern: &str, text: &str) -> bool {
        let pattern = name::wildcard(pattern, false, &Options::default());
        let one = matches_one(&pattern, name::canonical(text).as_bytes());
        for plain in [false, true] {
            assert_eq!(one, NameSet::new([&pattern], plain).matches(name::canonical(text).as_bytes()));
        }
        one
    }

    #[test]
    fn the_table_of_the_specification() {
        for (pattern, yes, no) in [
            ("*.cilium.io", &["www.cilium.io", ".cilium.io"][..], &["cilium.io", "a.b.cilium.io"][..]),
            ("*cilium.io", &["cilium.io", "subcilium.io"], &["sub.cilium.io"]),
            ("**.cilium.io", &["a.cilium.io", "a.b.c.cilium.io"], &["cilium.io", "appcilium.io"]),
            ("**.*.cilium.io", &["a.b.cilium.io", "a.b.c.cilium.io"], &["a.cilium.io"]),
            ("*.*", &["cilium.io"], &["io", "a.b.c"]),
            ("api.*.x.io", &["api.eu.x.io", "api..x.io"], &["api.eu.w.x.io"]),
            ("*", &["cilium.io", "io", ""], &["a..b", "a b"]),
            ("sub.**.x.io", &["sub.a.x.io"], &["sub.a.b.x.io"]),
            ("a*b*c.io", &["abc.io", "axbxbc.io"], &["ab.io", "abcd.io"]),
        ] {
            for name in yes {
                assert!(m(pattern, name), "{pattern} should match {name}");
            }
            for name in no {
                assert!(!m(pattern, name), "{pattern} should not match {name}");
            }
        }
    }

    fn corpus(file: &str) -> Option<Value> {
        let path = palisade_test_support::corpus("cilium")?.join(file);
        Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn rows<'v>(value: &'v Value, key: &str) -> &'v [Value] {
        value[key].as_array().map_or(&[], |rows| rows.as_slice())
    }

    /// As a `toFQDNs` item with this field.
    fn as_selector(field: &str, text: &str, any_bytes: bool) -> NamePattern {
        match (field, text) {
            (_, "") if any_bytes => name::wildcard("no.name.at.all", true, &Options::default()),
            (_, "") => NamePattern::Name(".".into()),
            ("matchName", text) => NamePattern::Name(name::canonical(text)),
            (_, text) => name::wildcard(text, any_bytes, &Options::default()),
        }
    }

    #[test]
    fn names_match_as_cilium_matches_them() {
        let mut wrong: Vec<String> = Vec::new();
        for file in ["fqdn-random.json", "fqdn-cases.json"] {
            let Some(corpus) = corpus(file) else { return };
            for row in rows(&corpus, "match") {
                let field = row["field"].as_str().unwrap_or("matchPattern");
                let (pattern, text) = (row["pattern"].as_str().unwrap(), row["name"].as_str().unwrap());
                let name = name::canonical(text);
                let matches = |any| {
                    let pattern = as_selector(field, pattern, any);
                    NameSet::new([&pattern], false).matches(name.as_bytes())
                };
                let as_rule = row.get("matchesAsDnsRule").unwrap_or(&row["matches"]);
                if matches(false) != row["matches"] || matches(true) != *as_rule {
                    wrong.push(format!("{row}"));
                }
            }
            for row in rows(&corpus, "valid") {
                let field = row["field"].as_str().unwrap_or("matchPattern");
                let text = row["pattern"].as_str().unwrap();
                let valid = match field {
                    "matchName" => name::validate_name(text),
                    _ => name::validate_pattern(text),
                };
                if valid.is_ok() != row["valid"] {
                    wrong.push(format!("{row}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn a_hostile_name_costs_one_pass() {
        let pattern = format!("**.{}x.io", "*a".repeat(60));
        let name = format!("{}y.io", "a.".repeat(100));
        assert!(!m(&pattern, &name));
    }
}
