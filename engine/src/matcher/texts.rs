//! All the literals of a compiled set in one piece of memory, each of them once.

use super::bytes::Case;
use alloc::{boxed::Box, string::String};
use hashbrown::HashTable;

/// Where a literal lies in its [`Texts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// How many bytes it has.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

/// The literals.
#[derive(Debug, Default)]
pub(crate) struct Texts(Box<str>);

impl Texts {
    /// The bytes of a literal.
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.0.as_bytes().get(start..start + span.len as usize).unwrap_or_default()
    }

    /// A literal.
    pub(crate) fn text(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.0.get(start..start + span.len as usize).unwrap_or_default()
    }
}

/// Collects literals.
#[derive(Debug, Default)]
pub(crate) struct TextsBuilder {
    text: String,
    known: HashTable<Span>,
}

impl TextsBuilder {
    /// Where `literal` will lie.
    pub(crate) fn add(&mut self, literal: &str) -> Span {
        let Self { text, known } = self;
        let of = |span: &Span| {
            let start = span.start as usize;
            text.as_bytes().get(start..start + span.len as usize).unwrap_or_default()
        };
        let hash = Case::Kept.hash(literal.as_bytes());
        if let Some(span) = known.find(hash, |span| of(span) == literal.as_bytes()) {
            return *span;
        }
        // INVARIANT: limits::MAX_MANIFEST_BYTES keeps all of the text far below 2^32 bytes.
        let span = Span { start: text.len() as u32, len: literal.len() as u32 };
        known.insert_unique(hash, span, |span| Case::Kept.hash(of(span)));
        text.push_str(literal);
        span
    }

    /// The bytes of a literal that was added.
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.text.as_bytes().get(start..start + span.len as usize).unwrap_or_default()
    }

    /// A literal that was added.
    pub(crate) fn text(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).unwrap_or_default()
    }

    /// The literals, packed.
    pub(crate) fn finish(self) -> Texts {
        Texts(self.text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_stored_once() {
        let mut builder = TextsBuilder::default();
        let (a, b) = (builder.add("/a/b"), builder.add("/a"));
        assert_eq!(builder.add("/a/b"), a);
        assert_eq!(builder.bytes(b), b"/a");
        let texts = builder.finish();
        assert_eq!((texts.text(a), texts.bytes(b)), ("/a/b", &b"/a"[..]));
        assert_eq!(texts.0.len(), 6);
    }
}
