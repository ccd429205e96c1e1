//! The evaluation of one predicate: regular expressions for text and names, plain comparisons for other attributes.

use super::{address, value};
use core::cell::RefCell;
use palisade::{
    Attributes, Labels, Read,
    ir::{GapClass, HeaderPattern, NamePattern, Operator, PortRange, Predicate, Requirement, Text},
};
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashMap;

/// Returns whether a value of the attribute matches a pattern.
///
/// # Errors
///
/// The attribute is unreadable.
pub(crate) fn matches(predicate: &Predicate, request: &dyn Attributes) -> Read<bool> {
    Ok(match predicate {
        Predicate::Text(attribute, patterns) => {
            any(&value::texts(attribute, request)?, patterns, |value, pattern| {
                is_match(&text(pattern), value)
            })
        }
        Predicate::Regex(attribute, patterns) => {
            any(&value::texts(attribute, request)?, patterns, |value, pattern| {
                is_unicode_match(&re2(pattern), value)
            })
        }
        Predicate::JoinedHeader(name, patterns) => match value::joined_header(name, request)? {
            None => false,
            Some(joined) => patterns.iter().any(|pattern| match pattern {
                HeaderPattern::Present => true,
                HeaderPattern::Exact(text) => joined == text.as_bytes(),
            }),
        },
        Predicate::Port(ranges) => match request.destination_port()? {
            None => false,
            Some(port) => ranges.iter().any(|range| is_in(*range, port)),
        },
        Predicate::Transport(ranges) => {
            let flow = request.transport()?;
            ranges.iter().any(|range| range.protocol == flow.protocol && is_in(range.ports, flow.port))
        }
        Predicate::Address(attribute, blocks) => {
            any(&value::addresses(*attribute, request)?, blocks, |ip, block| address::contains(*block, *ip))
        }
        Predicate::RequestPrincipal(patterns) => {
            let (issuers, subjects) = (value::claim("iss", request)?, value::claim("sub", request)?);
            let matches = |pattern, values: &[Vec<u8>]| values.iter().any(|v| is_match(&text(pattern), v));
            patterns.iter().any(|p| matches(&p.issuer, &issuers) && matches(&p.subject, &subjects))
        }
        Predicate::Labels(selectors) => any(&value::labels(request)?, selectors, |labels, selector| {
            selector.requirements.iter().all(|requirement| meets(labels, requirement))
        }),
        Predicate::Name(attribute, patterns) => {
            any(&value::names(*attribute, request)?, patterns, |value, pattern| {
                is_match(&name(pattern), value)
            })
        }
    })
}

/// Returns whether `matches` is true for a pair of a value and a pattern.
fn any<V, P>(values: &[V], patterns: &[P], matches: impl Fn(&V, &P) -> bool) -> bool {
    let mut found = false;
    for value in values {
        for pattern in patterns {
            if matches(value, pattern) {
                found = true;
            }
        }
    }
    found
}

fn is_in(range: PortRange, port: u16) -> bool {
    range.first <= port && port <= range.last
}

/// Returns the regular expression of a text pattern.
fn text(pattern: &Text) -> String {
    match pattern {
        Text::Present => ".*".into(),
        Text::NonEmpty => r"[^\n]+".into(),
        Text::Exact(text) => regex::escape(text),
        Text::Prefix(text) => format!("{}.*", regex::escape(text)),
        Text::Suffix(text) => format!(".*{}", regex::escape(text)),
        Text::ServiceAccount { namespace, account } => {
            let (namespace, account) = (regex::escape(namespace), regex::escape(account));
            format!(r"spiffe://[^\n]+/ns/{namespace}/(?:[^\n]+/|)sa/{account}(?:/[^\n]+)?")
        }
        Text::Glob(glob) => {
            let mut expression = regex::escape(&glob.head);
            for piece in &glob.pieces {
                let class = match piece.gap.class {
                    GapClass::Any => r"[^\n]",
                    GapClass::NotSlash => "[^/]",
                    GapClass::TemplateSegment => r"[A-Za-z0-9\-._~%!$&'()+,;:@=*]",
                    GapClass::TemplatePath => r"[A-Za-z0-9\-._~%!$&'()+,;:@=*/]",
                };
                expression.push_str(&format!("{class}{{{},}}", piece.gap.min));
                expression.push_str(&regex::escape(&piece.literal));
            }
            expression
        }
    }
}

/// A byte of a DNS label.
const LABEL: &str = "[-a-zA-Z0-9_]";

/// Returns the regular expression of a name pattern.
fn name(pattern: &NamePattern) -> String {
    let (pattern, subdomains, any_bytes) = match pattern {
        NamePattern::Name(name) => return regex::escape(name),
        NamePattern::Wildcard { pattern, subdomains, any_bytes } => (&**pattern, *subdomains, *any_bytes),
    };
    if pattern.starts_with('*') && pattern.strip_suffix('.').unwrap_or(pattern).chars().all(|c| c == '*') {
        return if any_bytes { ".*".into() } else { format!(r"(?:{LABEL}+\.)+|\.") };
    }
    let mut expression = String::new();
    let mut rest = pattern;
    let after_stars = pattern.trim_start_matches('*');
    if subdomains && pattern.starts_with("**") && after_stars.starts_with('.') {
        expression.push_str(&format!(r"(?:{LABEL}+\.)+"));
        rest = &after_stars[1..];
    }
    let mut last = ' ';
    for character in rest.chars() {
        if character != '*' {
            expression.push_str(&regex::escape(&character.to_string()));
        } else if last != '*' {
            expression.push_str(&format!("{LABEL}*"));
        }
        last = character;
    }
    expression
}

/// Translates an expression of RE2 to the syntax of the regex crate: classes are ASCII, and a bracket in a class is a
/// character.
fn re2(expression: &str) -> String {
    let mut out = String::new();
    let mut characters = expression.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        let written = match character {
            '\\' => match characters.next() {
                Some('d') => "[0-9]".into(),
                Some('D') => "[^0-9]".into(),
                Some('w') => "[0-9A-Za-z_]".into(),
                Some('W') => "[^0-9A-Za-z_]".into(),
                Some('s') => r"[\t\n\f\r ]".into(),
                Some('S') => r"[^\t\n\f\r ]".into(),
                Some('b') => r"(?-u:\b)".into(),
                Some('B') => r"(?-u:\B)".into(),
                Some('C') => "(?s-u:.)".into(),
                Some(other) => format!("\\{other}"),
                None => "\\".into(),
            },
            '[' if in_class && characters.peek() != Some(&':') => r"\[".into(),
            '&' | '~' if in_class => format!("\\{character}"),
            '[' if !in_class => {
                in_class = true;
                let negated = characters.next_if_eq(&'^').map_or("", |_| "^");
                let first = characters.next_if_eq(&']').map_or("", |_| r"\]");
                format!("[{negated}{first}")
            }
            ']' => {
                // `[:alpha:]` ends with its own bracket.
                in_class = in_class && out.ends_with(':');
                "]".into()
            }
            other => other.to_string(),
        };
        out.push_str(&written);
    }
    out
}

/// Returns whether `expression` matches the whole `value` as characters.
fn is_unicode_match(expression: &str, value: &[u8]) -> bool {
    let whole = format!(r"\A(?:{expression})\z");
    // An expression that RE2 rejects matches nothing.
    Regex::new(&whole).is_ok_and(|regex| regex.is_match(value))
}

/// Returns whether `labels` meets one requirement.
fn meets(labels: &Labels, requirement: &Requirement) -> bool {
    let mut values = Vec::new();
    for label in labels.iter() {
        let of_source = match &requirement.source {
            Some(source) => **source == *label.source,
            None => true,
        };
        if of_source && *label.key == *requirement.key {
            values.push(label.value.clone());
        }
    }
    let among = |required: &[Box<str>]| required.iter().any(|w| values.iter().any(|v| **v == **w));
    match &requirement.operator {
        Operator::In(required) => among(required),
        Operator::NotIn(required) => !among(required),
        Operator::Exists => !values.is_empty(),
        Operator::DoesNotExist => values.is_empty(),
    }
}

/// Returns whether `expression` matches the whole `value` as bytes.
fn is_match(expression: &str, value: &[u8]) -> bool {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() > 10_000 {
            compiled.clear();
        }
        let build = || {
            let whole = format!(r"\A(?:{expression})\z");
            RegexBuilder::new(&whole)
                .unicode(false)
                .dot_matches_new_line(true)
                .build()
                .expect("an expression")
        };
        compiled.entry(expression.to_string()).or_insert_with(build).is_match(value)
    })
}
