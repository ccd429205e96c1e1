//! The error for a text that is not one of a fixed set of names.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

/// The error for a text that is not a name of its type.
///
/// ```
/// let error = "permit".parse::<palisade::Verdict>().unwrap_err();
/// assert!(error.to_string().starts_with("unknown verdict `permit`, expected one of allow, deny, "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    what: &'static str,
    text: String,
    expected: Vec<&'static str>,
}

impl UnknownName {
    /// Returns the value in `all` whose name is `text`.
    pub(crate) fn find<T: Copy>(
        what: &'static str,
        text: &str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<T, Self> {
        let found = all.iter().copied().find(|value| name(*value) == text);
        found.ok_or_else(|| Self {
            what,
            text: text.to_string(),
            expected: all.iter().map(|value| name(*value)).collect(),
        })
    }

    /// Returns the expected names.
    pub fn expected(&self) -> &[&'static str] {
        &self.expected
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, text, expected } = self;
        write!(f, "unknown {what} `{text}`, expected one of {}", expected.join(", "))
    }
}

impl core::error::Error for UnknownName {}
