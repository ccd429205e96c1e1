//! The error of the proxy.

use std::fmt;

/// An error that prevents the start of the proxy or ends it, with a suggestion.
#[derive(Clone, Debug)]
pub struct ProxyError {
    message: String,
    help: String,
}

impl ProxyError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// Returns a suggestion that resolves the error.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for ProxyError {}
