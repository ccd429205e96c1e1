//! The text of a finding.

use alloc::string::String;

/// Code, message and suggestion of a fault.
pub(super) struct Text {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

/// Returns the text with this `code`, `message` and suggestion.
pub(super) fn text(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Text {
    Text { code, message: message.into(), help: help.into() }
}
