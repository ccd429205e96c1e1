//! The keys of a [`LiteralMap`](super::literals::LiteralMap), and the limits of a search in it.

use core::cell::Cell;

/// How much of a value a key must cover to match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// The whole value.
    Whole,
    /// The first part of the value in the direction of reading: a prefix, or a suffix.
    Part,
}

/// A set of HTTP methods, one bit for each method. A search skips keys that share no bit with its
/// [`SearchBounds`].
pub(crate) type MethodMask = u16;

/// The mask of all methods.
pub(crate) const ALL_METHODS: MethodMask = MethodMask::MAX;

/// A text with the number that a map returns for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal<'k> {
    pub(crate) text: &'k str,
    pub(crate) extent: Extent,
    /// The number that the map returns; less than `u32::MAX`.
    pub(crate) value: u32,
    /// The methods for which a search must find the text.
    pub(crate) methods: MethodMask,
    /// The position of the text in the order of all keys: a search can be limited to lower ranks.
    pub(crate) rank: u32,
}

impl<'k> Literal<'k> {
    /// Returns a literal that every search finds.
    pub(crate) fn new(text: &'k str, extent: Extent, value: u32) -> Self {
        Self { text, extent, value, methods: ALL_METHODS, rank: 0 }
    }
}

/// The keys that a search must find. It may skip all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchBounds<'b> {
    /// Only keys that share a method with this mask.
    pub(crate) methods: MethodMask,
    /// Only keys of a lower rank. The visitor can lower the bound during the search.
    pub(crate) below: &'b Cell<u32>,
}
