//! The size of RE2's program for an expression. Envoy rejects all rules of an endpoint if one expression exceeds a limit.
//!
//! The size is that of a program for UTF-8. The sizes in the tests are those that Envoy reports.

use alloc::{borrow::ToOwned, vec::Vec};
use regex_syntax::{
    hir::{Class, ClassUnicode, Hir, HirKind, Look},
    utf8::Utf8Sequences,
};

/// The instructions of every program.
const BASE: usize = 4;
/// The instructions for all characters after ASCII: three first bytes, and three shared bytes that follow.
const AFTER_ASCII: usize = 6;

/// Returns the size of RE2's program for `hir` in instructions, as Envoy reports it.
pub(crate) fn program_size(hir: &Hir) -> usize {
    let parts: &[Hir] = match hir.kind() {
        HirKind::Concat(parts) => parts,
        _ => core::slice::from_ref(hir),
    };
    let is =
        |part: Option<&Hir>, look| part.is_some_and(|p| matches!(p.kind(), HirKind::Look(l) if *l == look));
    let mut rest = parts;
    if is(rest.first(), Look::Start) {
        rest = rest.get(1..).unwrap_or_default();
        // RE2 compares a literal after the anchor before the program runs.
        if rest.first().is_some_and(|p| matches!(p.kind(), HirKind::Literal(_))) {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    if is(rest.last(), Look::End) {
        rest = rest.split_last().map(|(_, rest)| rest).unwrap_or_default();
    }
    rest.iter().map(size).fold(BASE, usize::saturating_add)
}

fn size(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty => 0,
        HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => ranges(class),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let one = size(&repetition.sub);
            let min = usize::try_from(repetition.min).unwrap_or(usize::MAX);
            let always = one.saturating_mul(min);
            match repetition.max {
                None if min == 0 => one,
                None => always.saturating_add(1),
                Some(max) => {
                    let more = usize::try_from(max).unwrap_or(usize::MAX).saturating_sub(min);
                    always.saturating_add(more.saturating_mul(one.saturating_add(1)))
                }
            }
        }
        HirKind::Capture(capture) => size(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) => parts.iter().map(size).fold(0, usize::saturating_add),
        HirKind::Alternation(branches) => alternation(branches.iter().map(Branch::new).collect()),
    }
}

/// One of several alternatives.
struct Branch {
    /// The literal with which it starts.
    head: Vec<u8>,
    /// The size of the part after the literal.
    rest: usize,
}

impl Branch {
    fn new(hir: &Hir) -> Self {
        let literal = |hir: &Hir| match hir.kind() {
            HirKind::Literal(literal) => Some(literal.0.clone().into_vec()),
            _ => None,
        };
        if let Some(head) = literal(hir) {
            return Self { head, rest: 0 };
        }
        if let HirKind::Concat(parts) = hir.kind()
            && let Some((first, rest)) = parts.split_first()
            && let Some(head) = literal(first)
        {
            return Self { head, rest: rest.iter().map(size).fold(0, usize::saturating_add) };
        }
        Self { head: Vec::new(), rest: size(hir) }
    }
}

/// Returns the size of alternatives. Adjacent branches with a common prefix share it; adjacent branches of one byte become a
/// class.
fn alternation(branches: Vec<Branch>) -> usize {
    let mut total = 0usize;
    let mut left = branches.as_slice();
    while let Some((first, others)) = left.split_first() {
        let Some(byte) = first.head.first() else {
            // An empty branch costs the jump past the others.
            total = total.saturating_add(first.rest.max(1));
            left = others;
            continue;
        };
        let alike = 1 + others.iter().take_while(|b| b.head.first() == Some(byte)).count();
        let (run, rest) = left.split_at(alike);
        if alike > 1 {
            let shared = (1..first.head.len())
                .take_while(|n| run.iter().all(|b| b.head.get(*n) == first.head.get(*n)))
                .count()
                + 1;
            let tails = run
                .iter()
                .map(|b| Branch { head: b.head.get(shared..).unwrap_or_default().to_owned(), rest: b.rest });
            total = total.saturating_add(shared).saturating_add(alternation(tails.collect()));
            left = rest;
            continue;
        }
        let single = |b: &&Branch| b.head.len() == 1 && b.rest == 0;
        let singles: Vec<u8> =
            left.iter().take_while(single).filter_map(|b| b.head.first().copied()).collect();
        if singles.is_empty() {
            total = total.saturating_add(first.head.len()).saturating_add(first.rest);
            left = rest;
        } else {
            let mut sorted = singles.clone();
            sorted.sort_unstable();
            let jumps = sorted.windows(2).filter(|w| matches!(w, [a, b] if b - a > 1)).count();
            total = total.saturating_add(jumps + 1);
            left = left.get(singles.len()..).unwrap_or_default();
        }
    }
    total
}

/// Returns the size of a class: one instruction for each range of bytes.
fn ranges(class: &ClassUnicode) -> usize {
    let has = |c: char| class.ranges().iter().any(|r| r.start() <= c && c <= r.end());
    // RE2 omits the ranges of capital letters if the class ignores case.
    let folds = ('a'..='z').all(|c| has(c) == has(c.to_ascii_uppercase()));
    let mut count = 0;
    for range in class.ranges() {
        if folds && range.start() >= 'A' && range.end() <= 'Z' {
            continue;
        }
        if range.start() <= '\x7f' {
            count += 1;
        }
        if range.start() <= '\u{80}' && range.end() == char::MAX {
            count += AFTER_ASCII;
            continue;
        }
        if range.end() > '\x7f' {
            let start = range.start().max('\u{80}');
            count += Utf8Sequences::new(start, range.end()).map(|s| s.len()).sum::<usize>();
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::parse::{Flavour, parse};
    use super::*;

    #[test]
    fn sizes_equal_those_that_envoy_reports() {
        for (expression, expected) in [
            ("/a", 6),
            ("/public", 11),
            (r"/api/v1/object/[\w]{32}/action", 122),
            (r"^/api/v1/object/[\w]{32}/action$", 107),
            ("a+", 6),
            ("a*", 5),
            ("[a-z]+", 6),
            ("[a-z0-9]+", 7),
            ("[abcd]+", 6),
            ("[a-c]{3}", 7),
            ("[agpr]{3}", 16),
            ("(a|b|c)", 7),
            ("foo|bar", 10),
            ("foo|bar|baz", 11),
            ("foobar|foobaz", 11),
            ("(foo|bar)", 12),
            ("(?:foo|bar)", 10),
            ("a?", 6),
            ("a{2,4}", 10),
            ("(ab)*", 8),
            ("(ab)+", 9),
            (r"\d+", 6),
            (r"\w+", 8),
            ("^/a$", 4),
            ("(?i)get", 7),
            (r"/items/\d+", 13),
            ("/items/[0-9]{1,5}", 20),
            ("(abc|abd|xyz)*", 12),
            ("x-envoy-(a|b|c)-[grep]{3}", 28),
            ("/static/[a-zA-Z0-9._-]{0,200}/[a-zA-Z0-9._-]{0,200}", 2013),
            // From the Envoy of Cilium, which compiles for UTF-8: cilium#48773.
            (
                "/(dashboard|alerts|calendar|components|metrics|critical_asset_metrics|critical_product_metrics|\
                 simple_search|support|celery_status|choices)([/?].*)?",
                134,
            ),
        ] {
            let hir = parse(expression, Flavour::Re2).unwrap();
            assert_eq!(program_size(&hir), expected, "{expression}");
        }
    }
}
