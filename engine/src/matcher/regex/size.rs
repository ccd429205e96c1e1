//! How large a program RE2 makes of an expression: Envoy refuses what is over a limit, for the whole endpoint.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};
use regex_syntax::utf8::Utf8Sequences;

/// The size of RE2's program for `hir`, as Envoy reports it.
///
/// An estimate: RE2 shares common heads and tails of alternatives, which is not followed here in full.
pub(crate) fn program_size(hir: &Hir) -> usize {
    4 + size(hir)
}

fn size(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => ranges(class),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let one = size(&repetition.sub);
            let most = repetition.max.unwrap_or(repetition.min + 1);
            one * usize::try_from(most).unwrap_or(usize::MAX).max(1) + usize::from(repetition.max.is_none())
        }
        HirKind::Capture(capture) => 2 + size(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(size).sum(),
    }
}

/// One instruction for each range of bytes, where the tails of longer characters are shared.
fn ranges(class: &ClassUnicode) -> usize {
    let mut heads = 0;
    for range in class.ranges() {
        for sequence in Utf8Sequences::new(range.start(), range.end()) {
            heads += match sequence.len() {
                1 => 1,
                _ => 2,
            };
        }
    }
    heads
}
