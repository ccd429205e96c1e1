//! Header names, which compare without case and keep their original case.

use alloc::boxed::Box;
use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};

/// The name of a header. It dereferences to its lower-case form. Two names that differ only in case are equal.
///
/// ```
/// use palisade::ir::HeaderName;
///
/// let name = HeaderName::from("X-Token");
/// assert_eq!((&*name, name.written()), ("x-token", "X-Token"));
/// assert_eq!(name, HeaderName::from("x-token"));
/// ```
#[derive(Clone)]
pub struct HeaderName {
    lower: Box<str>,
    /// The original, or `None` if it is in lower case.
    written: Option<Box<str>>,
}

impl HeaderName {
    /// Returns the name in its original case.
    pub fn written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.lower)
    }
}

impl From<&str> for HeaderName {
    fn from(written: &str) -> Self {
        let lower = written.to_ascii_lowercase();
        let written = (lower != written).then(|| written.into());
        Self { lower: lower.into(), written }
    }
}

impl Deref for HeaderName {
    type Target = str;
    fn deref(&self) -> &str {
        &self.lower
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.lower == other.lower
    }
}

impl Eq for HeaderName {}

impl PartialOrd for HeaderName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HeaderName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lower.cmp(&other.lower)
    }
}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lower.hash(state);
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.written(), f)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lower)
    }
}
