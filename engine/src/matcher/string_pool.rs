//! One allocation for all literals of a compiled set, each stored once.

use super::case::CaseSensitivity;
use alloc::{boxed::Box, string::String};
use hashbrown::HashTable;

/// The position of a literal in its [`StringPool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StrRef {
    start: u32,
    len: u32,
}

impl StrRef {
    /// Returns the length of the literal in bytes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

/// The literals of a compiled set.
#[derive(Debug, Default)]
pub(crate) struct StringPool(Box<str>);

impl StringPool {
    /// Returns the bytes of a literal.
    #[inline]
    pub(crate) fn bytes(&self, literal: StrRef) -> &[u8] {
        let start = literal.start as usize;
        self.0.as_bytes().get(start..start + literal.len as usize).unwrap_or_default()
    }

    /// Returns a literal.
    pub(crate) fn text(&self, literal: StrRef) -> &str {
        let start = literal.start as usize;
        self.0.get(start..start + literal.len as usize).unwrap_or_default()
    }
}

/// A [`StringPool`] under construction.
#[derive(Debug, Default)]
pub(crate) struct StringPoolBuilder {
    text: String,
    known: HashTable<StrRef>,
}

impl StringPoolBuilder {
    /// Adds `literal` unless the pool contains it, and returns its position.
    pub(crate) fn add(&mut self, literal: &str) -> StrRef {
        let Self { text, known } = self;
        let bytes = |stored: &StrRef| {
            let start = stored.start as usize;
            text.as_bytes().get(start..start + stored.len as usize).unwrap_or_default()
        };
        let hash = CaseSensitivity::Sensitive.hash(literal.as_bytes());
        if let Some(stored) = known.find(hash, |stored| bytes(stored) == literal.as_bytes()) {
            return *stored;
        }
        // INVARIANT: limits::MAX_MANIFEST_BYTES keeps all of the text far below 2^32 bytes.
        let new = StrRef { start: text.len() as u32, len: literal.len() as u32 };
        known.insert_unique(hash, new, |stored| CaseSensitivity::Sensitive.hash(bytes(stored)));
        text.push_str(literal);
        new
    }

    /// Returns the bytes of an added literal.
    pub(crate) fn bytes(&self, literal: StrRef) -> &[u8] {
        let start = literal.start as usize;
        self.text.as_bytes().get(start..start + literal.len as usize).unwrap_or_default()
    }

    /// Returns an added literal.
    pub(crate) fn text(&self, literal: StrRef) -> &str {
        let start = literal.start as usize;
        self.text.get(start..start + literal.len as usize).unwrap_or_default()
    }

    /// Returns the pool of all added literals.
    pub(crate) fn finish(self) -> StringPool {
        StringPool(self.text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_added_twice_is_stored_once() {
        let mut builder = StringPoolBuilder::default();
        let (a, b) = (builder.add("/a/b"), builder.add("/a"));
        assert_eq!(builder.add("/a/b"), a);
        assert_eq!(builder.bytes(b), b"/a");
        let pool = builder.finish();
        assert_eq!((pool.text(a), pool.bytes(b)), ("/a/b", &b"/a"[..]));
        assert_eq!(pool.0.len(), 6);
    }
}
