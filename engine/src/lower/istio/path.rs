//! Paths and path templates (docs/semantics/istio.md#istio-paths).

use super::string::text;
use crate::ir::{Gap, GapClass, Glob, Text};
use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};

const SEGMENT: &str = "{*}";
const REST: &str = "{**}";

/// Returns the pattern of a value of `paths`: a template if it contains an operator, or else the general string
/// pattern.
pub(super) fn path(value: &str) -> Text {
    if is_template(value) { Text::Glob(template(value)) } else { text(value, Text::NonEmpty) }
}

/// Returns whether `value` contains `{*}` or `{**}`.
pub(crate) fn is_template(value: &str) -> bool {
    value.contains(SEGMENT) || value.contains(REST)
}

fn template(value: &str) -> Glob {
    let segment = Gap { min: 1, class: GapClass::TemplateSegment };
    let rest = Gap { min: 0, class: GapClass::TemplatePath };
    let mut head: Option<Box<str>> = None;
    let mut pieces: Vec<(Gap, Box<str>)> = Vec::new();
    let mut literal = String::new();
    let mut gap = None;
    let mut remaining = value;
    while !remaining.is_empty() {
        let operator = [(SEGMENT, segment), (REST, rest)]
            .into_iter()
            .find_map(|(text, gap)| remaining.strip_prefix(text).map(|tail| (tail, gap)));
        match operator {
            Some((tail, next)) => {
                close(&mut head, &mut pieces, &mut literal, gap.replace(next));
                remaining = tail;
            }
            None => {
                let mut chars = remaining.chars();
                literal.extend(chars.next());
                remaining = chars.as_str();
            }
        }
    }
    close(&mut head, &mut pieces, &mut literal, gap);
    Glob::new(&head.unwrap_or_default(), pieces)
}

fn close(
    head: &mut Option<Box<str>>,
    pieces: &mut Vec<(Gap, Box<str>)>,
    literal: &mut String,
    gap: Option<Gap>,
) {
    let text: Box<str> = core::mem::take(literal).into();
    match gap {
        None => *head = Some(text),
        Some(gap) => pieces.push((gap, text)),
    }
}

/// Returns the reason for which the webhook rejects a value of `paths`, or `None` if it accepts the value
/// (docs/semantics/istio.md#istio-webhook-templates).
pub(crate) fn template_error(value: &str) -> Option<String> {
    if !value.contains(['{', '}']) {
        return None;
    }
    let mut seen_rest = false;
    for segment in value.split('/') {
        let operator = segment == SEGMENT || segment == REST;
        if !operator && segment.contains(['{', '}']) {
            return Some("`{` and `}` are valid only in the whole segments `{*}` and `{**}`".to_owned());
        }
        if operator && seen_rest {
            return Some("an operator must not follow `{**}`".to_owned());
        }
        seen_rest |= segment == REST;
    }
    let literals = value.strip_prefix('/').unwrap_or(value).split('/');
    let last = literals.clone().count().saturating_sub(1);
    let bad = literals.enumerate().find(|(i, segment)| {
        let empty = segment.is_empty() && *i != last;
        *segment != SEGMENT && *segment != REST && (empty || !segment.bytes().all(is_literal))
    });
    bad.map(|(_, segment)| alloc::format!("invalid segment `{segment}` of a path template"))
}

fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::{case::CaseSensitivity, text::matches_one};

    fn m(pattern: &str, value: &str) -> bool {
        matches_one(&path(pattern), CaseSensitivity::Sensitive, value.as_bytes())
    }

    #[test]
    fn operator_matches_as_specified() {
        for (pattern, yes, no) in [
            ("/foo/{**}", &["/foo/", "/foo/a/b/", "/foo//x"][..], &["/foo"][..]),
            ("/foo/{**}/", &["/foo/bar/", "/foo//"], &["/foo/", "/foo/bar"]),
            ("/a/{*}", &["/a/x", "/a/x*"], &["/a/", "/a/x/", "/a/x/y", "/a/[x]"]),
            ("/s/{**}/cart", &["/s/a/cart", "/s/a/b/cart", "/s//cart"], &["/s/cart"]),
            ("/{*}/x/{*}", &["/a/x/b"], &["/a/b/x/c", "//x/b"]),
        ] {
            for value in yes {
                assert!(m(pattern, value), "{pattern} should match {value}");
            }
            for value in no {
                assert!(!m(pattern, value), "{pattern} should not match {value}");
            }
        }
    }

    #[test]
    fn template_with_misplaced_operator_is_an_error() {
        for good in ["/{*}/foo/", "/foo/{**}/bar", "/foo/bar/{**}", "/plain", "{*}"] {
            assert_eq!(template_error(good), None, "{good}");
        }
        for bad in [
            "/foo/{**}buzz/bar",
            "/{*}/foo/{}/bar",
            "/foo/{*}/bar/*",
            "/foo/{*}/bar/**/buzz",
            "/{buzz}",
            "/foo/{buzz=*}/bar/{**}",
            "/{*}/foo/{temp",
            "/{**}/{**}",
            "/{**}/foo/{*}",
            "/{*}/foo/?abc",
            "/a//{*}",
        ] {
            assert!(template_error(bad).is_some(), "{bad}");
        }
    }
}
