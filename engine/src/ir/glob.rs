//! Literals with gaps between them: the shape of every wildcard that is more than a prefix or a suffix.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// The bytes a [`Gap`] may span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapClass {
    /// Everything but a newline: RE2's dot.
    Any,
    /// Everything but a slash.
    NotSlash,
    /// The characters of a path template's `{*}` (docs/semantics/istio.md#istio-template-characters).
    TemplateSegment,
    /// The same and slashes: `{**}`.
    TemplatePath,
}

impl GapClass {
    /// Whether all of `bytes` may stand in the gap. The class is looked at once, not for each byte.
    pub fn admits(self, bytes: &[u8]) -> bool {
        match self {
            Self::Any => !bytes.contains(&b'\n'),
            Self::NotSlash => !bytes.contains(&b'/'),
            Self::TemplateSegment => bytes.iter().all(|b| is_template(*b)),
            Self::TemplatePath => bytes.iter().all(|b| *b == b'/' || is_template(*b)),
        }
    }
}

/// Whether `byte` is a character of a path template's `{*}`.
#[inline]
fn is_template(byte: u8) -> bool {
    /// A bit for each of them.
    const BITS: u128 = {
        let (mut bits, mut byte) = (0, 0u8);
        while byte < 128 {
            if byte.is_ascii_alphanumeric() {
                bits |= 1 << byte;
            }
            byte += 1;
        }
        let mut others: &[u8] = b"-._~%!$&'()+,;:@=*";
        while let [byte, rest @ ..] = others {
            bits |= 1 << *byte;
            others = rest;
        }
        bits
    };
    byte.is_ascii() && BITS >> byte & 1 == 1
}

/// A run of bytes between two literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// The fewest bytes it spans.
    pub min: u8,
    /// What it may span.
    pub class: GapClass,
}

/// A gap and the literal that ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// The gap before the literal.
    pub gap: Gap,
    /// The literal; empty only in the last piece, where the gap then runs to the end.
    pub literal: Box<str>,
}

/// A pattern over the whole value: `head`, then pieces, the last of which ends at the value's end.
///
/// INVARIANT: taking each literal at its earliest place never hides a match. That holds when all gaps have one
/// class, and when a gap's class excludes the first byte of the literal behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob {
    /// What the value starts with; may be empty.
    pub head: Box<str>,
    /// At least one piece.
    pub pieces: Box<[Piece]>,
}

impl Glob {
    /// `head` followed by `pieces`.
    pub fn new(head: &str, pieces: impl IntoIterator<Item = (Gap, Box<str>)>) -> Self {
        let pieces: Vec<Piece> = pieces.into_iter().map(|(gap, literal)| Piece { gap, literal }).collect();
        Self { head: head.into(), pieces: pieces.into() }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)?;
        for piece in &self.pieces {
            let gap = match piece.gap.class {
                GapClass::Any | GapClass::NotSlash => "*",
                GapClass::TemplateSegment => "{*}",
                GapClass::TemplatePath => "{**}",
            };
            write!(f, "{gap}{}", piece.literal)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_admits_what_the_specification_lists() {
        for byte in 0..=255u8 {
            let listed = byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=*".contains(&byte);
            assert_eq!(GapClass::TemplateSegment.admits(&[b'a', byte]), listed, "{byte}");
            assert_eq!(GapClass::TemplatePath.admits(&[byte, b'a']), listed || byte == b'/', "{byte}");
            assert_eq!(GapClass::NotSlash.admits(&[byte]), byte != b'/');
            assert_eq!(GapClass::Any.admits(&[byte]), byte != b'\n');
        }
    }
}
