//! Parses YAML text to JSON values, with limits on aliases, depth and size.

#[cfg(feature = "yaml")]
mod error;
#[cfg(feature = "yaml")]
mod parser;

#[cfg(feature = "yaml")]
pub(crate) use parser::parse;
#[cfg(feature = "yaml")]
pub use parser::read;

use crate::diagnostic::Diagnostic;
use serde_json::Value;

/// Returns the settings in a text field of an object, such as `data.mesh`.
#[cfg(feature = "yaml")]
pub(crate) fn settings(text: &str) -> Result<Value, Diagnostic> {
    parser::value(text).map_err(|finding| finding.at("data.mesh"))
}

/// Returns the settings in a text field of an object, such as `data.mesh`. Without the feature `yaml`, the text must be
/// JSON.
#[cfg(not(feature = "yaml"))]
pub(crate) fn settings(text: &str) -> Result<Value, Diagnostic> {
    serde_json::from_str(text).map_err(|error| {
        Diagnostic::error("not-json", alloc::format!("{error}"))
            .at("data.mesh")
            .help("write the settings as JSON: this build does not support YAML")
    })
}
