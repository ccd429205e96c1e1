//! Why the proxy does not start.

use std::fmt;

/// What is wrong, and what to do about it.
#[derive(Clone, Debug)]
pub struct ProxyError {
    message: String,
    help: String,
}

impl ProxyError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// What to do about it.
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
