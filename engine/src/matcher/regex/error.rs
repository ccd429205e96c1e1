//! The error of an invalid regular expression.

use alloc::{boxed::Box, string::String};
use core::fmt;

/// The reason for which an expression is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegexError(Box<str>);

impl RegexError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
