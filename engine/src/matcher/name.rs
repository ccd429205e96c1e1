//! Matches DNS names against Cilium's `matchName` and `matchPattern`.

use crate::ir::NamePattern;
use alloc::{boxed::Box, vec::Vec};

/// A set of name patterns. Names are canonical: lower case, one final dot.
#[derive(Debug)]
pub(crate) struct NameSet {
    patterns: Box<[NamePattern]>,
}

impl NameSet {
    /// A set of `patterns`.
    pub(crate) fn new(patterns: Vec<NamePattern>) -> Self {
        Self { patterns: patterns.into() }
    }

    /// Whether some pattern matches `name`.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.patterns.iter().any(|p| matches_one(p, name))
    }
}

/// Whether `pattern` matches the canonical `name` (`spec/cilium.md` 3.4).
pub(crate) fn matches_one(pattern: &NamePattern, name: &[u8]) -> bool {
    match pattern {
        NamePattern::Name(text) => name == text.as_bytes(),
        NamePattern::Wildcard { pattern, subdomains, any_bytes } => {
            wildcard(pattern.as_bytes(), name, *subdomains, *any_bytes)
        }
    }
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn wildcard(pattern: &[u8], name: &[u8], subdomains: bool, any_bytes: bool) -> bool {
    let stars = pattern.iter().take_while(|b| **b == b'*').count();
    let tail = pattern.get(stars..).unwrap_or_default();
    if stars > 0 && matches!(tail, b"" | b".") {
        return any_bytes || name == b"." || is_dotted(name);
    }
    if subdomains && stars >= 2 && tail.first() == Some(&b'.') {
        // One or more whole labels, then the rest of the pattern from its dot: try each dot of the name.
        let rest = tail.get(1..).unwrap_or_default();
        let mut labels = name;
        while let Some(dot) = labels.iter().position(|b| *b == b'.') {
            if dot == 0 || !labels.iter().take(dot).all(|b| is_label_byte(*b)) {
                return false;
            }
            labels = labels.get(dot + 1..).unwrap_or_default();
            if starred(rest, labels) {
                return true;
            }
        }
        return false;
    }
    starred(pattern, name)
}

/// One or more non-empty labels, each with its dot.
fn is_dotted(name: &[u8]) -> bool {
    name.strip_suffix(b".").is_some_and(|body| {
        body.split(|b| *b == b'.').all(|label| !label.is_empty() && label.iter().all(|b| is_label_byte(*b)))
    })
}

/// Runs of stars as zero or more label bytes. Labels align one to one, since no run crosses a dot.
fn starred(pattern: &[u8], name: &[u8]) -> bool {
    let mut patterns = pattern.split(|b| *b == b'.');
    let mut labels = name.split(|b| *b == b'.');
    loop {
        match (patterns.next(), labels.next()) {
            (None, None) => return true,
            (Some(pattern), Some(label)) if label_matches(pattern, label) => {}
            _ => return false,
        }
    }
}

/// One label: literals between runs of stars, each at its earliest place.
fn label_matches(pattern: &[u8], label: &[u8]) -> bool {
    if !pattern.contains(&b'*') {
        return pattern == label;
    }
    if !label.iter().all(|b| is_label_byte(*b)) {
        return false;
    }
    let mut literals = pattern.split(|b| *b == b'*');
    let Some(mut rest) = label.strip_prefix(literals.next().unwrap_or_default()) else { return false };
    let last = literals.next_back().unwrap_or_default();
    for literal in literals {
        let Some(at) = memchr::memmem::find(rest, literal) else { return false };
        rest = rest.get(at + literal.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn m(pattern: &str, name: &str) -> bool {
        let canonical = |t: &str| -> Box<str> { alloc::format!("{}.", t.trim_end_matches('.')).into() };
        let pattern =
            NamePattern::Wildcard { pattern: canonical(pattern), subdomains: true, any_bytes: false };
        matches_one(&pattern, canonical(name).as_bytes())
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
}
