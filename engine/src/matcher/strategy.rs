//! The two ways to match a value against a set of patterns.

/// The algorithm by which a set finds the patterns that match a value. Both algorithms return the same patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchStrategy {
    /// By hash tables and tries; the cost does not grow with the number of patterns.
    Indexed,
    /// By a comparison with each pattern in turn. Tests compare it with [`Self::Indexed`].
    Linear,
}
