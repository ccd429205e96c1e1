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
    /// The characters of a path template's `{*}` (`spec/istio.md` 2.7).
    TemplateSegment,
    /// The same and slashes: `{**}`.
    TemplatePath,
}

impl GapClass {
    /// Whether `byte` may stand in the gap.
    pub fn admits(self, byte: u8) -> bool {
        match self {
            Self::Any => byte != b'\n',
            Self::NotSlash => byte != b'/',
            Self::TemplateSegment => byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=*".contains(&byte),
            Self::TemplatePath => byte == b'/' || Self::TemplateSegment.admits(byte),
        }
    }
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
