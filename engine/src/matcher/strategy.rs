//! The two ways to match a value against a set of patterns.

/// How a set of patterns finds the patterns that match a value. Both ways return the same patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchStrategy {
    /// By hash tables and tries; the cost does not grow with the number of patterns.
    Indexed,
    /// By a comparison with each pattern in turn. Tests compare it with [`Self::Indexed`].
    Linear,
}
