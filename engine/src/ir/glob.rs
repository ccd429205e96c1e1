//! Literals with gaps between them: wildcards other than a prefix or a suffix.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// The bytes that a [`Gap`] can contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapClass {
    /// Every byte but a newline: RE2's dot.
    Any,
    /// Every byte but a slash.
    NotSlash,
    /// The characters of a path template's `{*}` (docs/semantics/istio.md#istio-template-characters).
    TemplateSegment,
    /// The characters of a path template's `{**}`: those of `{*}`, and the slash.
    TemplatePath,
}

impl GapClass {
    /// Returns whether the gap can contain `bytes`. The class is matched once, not for each byte.
    pub fn admits(self, bytes: &[u8]) -> bool {
        match self {
            Self::Any => !bytes.contains(&b'\n'),
            Self::NotSlash => !bytes.contains(&b'/'),
            Self::TemplateSegment => bytes.iter().all(|b| is_template(*b)),
            Self::TemplatePath => bytes.iter().all(|b| *b == b'/' || is_template(*b)),
        }
    }
}

/// Returns whether `byte` is a character of a path template's `{*}`.
#[inline]
fn is_template(byte: u8) -> bool {
    /// The characters, one bit each.
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
    /// The minimum length in bytes.
    pub min: u8,
    /// The bytes that it can contain.
    pub class: GapClass,
}

/// A gap and the literal that ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// The gap before the literal.
    pub gap: Gap,
    /// The literal; empty only in the last piece, whose gap then ends with the value.
    pub literal: Box<str>,
}

/// A pattern over the whole value: `head`, then pieces. The last piece ends at the end of the value.
///
/// INVARIANT: the earliest position of each literal never hides a match. This is so if all gaps have one class, or if the
/// class of each gap excludes the first byte of the next literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob {
    /// The start of the value; can be empty.
    pub head: Box<str>,
    /// At least one piece.
    pub pieces: Box<[Piece]>,
}

impl Glob {
    /// Returns `head` followed by `pieces`.
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
    fn template_admits_the_characters_of_the_specification() {
        for byte in 0..=255u8 {
            let listed = byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=*".contains(&byte);
            assert_eq!(GapClass::TemplateSegment.admits(&[b'a', byte]), listed, "{byte}");
            assert_eq!(GapClass::TemplatePath.admits(&[byte, b'a']), listed || byte == b'/', "{byte}");
            assert_eq!(GapClass::NotSlash.admits(&[byte]), byte != b'/');
            assert_eq!(GapClass::Any.admits(&[byte]), byte != b'\n');
        }
    }
}
