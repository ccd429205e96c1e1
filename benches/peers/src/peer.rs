//! An engine to compare with.

/// Builds an engine with the first N policies.
pub(crate) type Make<T> = fn(usize) -> Box<T>;

/// An engine for the first N rules, patterns or routes.
pub struct Peer<T: ?Sized> {
    /// The name of the engine.
    pub name: &'static str,
    /// The largest N that is measured.
    pub most: usize,
    pub(crate) make: Make<T>,
    pub(crate) check: fn(&T, usize, &str),
}

impl<T: ?Sized> Peer<T> {
    /// Whether the engine decides nothing and only reads the input, as a lower bound.
    pub fn is_floor(&self) -> bool {
        self.name.starts_with("floor")
    }

    /// Builds the engine with the first `n`, without a check.
    pub fn make(&self, n: usize) -> Box<T> {
        (self.make)(n)
    }

    /// Builds the engine with the first `n` and checks its results.
    ///
    /// # Panics
    ///
    /// If a result is wrong.
    pub fn checked(&self, n: usize) -> Box<T> {
        let made = self.make(n);
        if !self.is_floor() {
            (self.check)(&made, n, self.name);
        }
        made
    }
}
