//! Somebody to compare with.

/// Makes one that knows the first so many.
pub(crate) type Make<T> = fn(usize) -> Box<T>;

/// A way to make something that knows the first N rules, patterns or routes.
pub struct Peer<T: ?Sized> {
    /// Who it is.
    pub name: &'static str,
    /// The largest N that is worth the time.
    pub most: usize,
    pub(crate) make: Make<T>,
    pub(crate) check: fn(&T, usize, &str),
}

impl<T: ?Sized> Peer<T> {
    /// A floor decides nothing: it is what looking at the input costs.
    pub fn is_floor(&self) -> bool {
        self.name.starts_with("floor")
    }

    /// The one with the first `n`, not checked.
    pub fn make(&self, n: usize) -> Box<T> {
        (self.make)(n)
    }

    /// The one with the first `n`, once it has answered as it should.
    ///
    /// # Panics
    ///
    /// An answer is wrong.
    pub fn checked(&self, n: usize) -> Box<T> {
        let made = self.make(n);
        if !self.is_floor() {
            (self.check)(&made, n, self.name);
        }
        made
    }
}
