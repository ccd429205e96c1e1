//! Parses YAML documents to resources. An error has a line and a column. No other module reads text.

#[cfg(feature = "yaml")]
mod error;
#[cfg(feature = "yaml")]
mod positions;
#[cfg(feature = "yaml")]
mod yaml;

#[cfg(feature = "yaml")]
pub use positions::{Field, Positions, Span};
#[cfg(feature = "yaml")]
pub use yaml::{Document, documents, load, place, read};

use crate::diagnostic::Diagnostic;
use serde_json::Value;

/// Parses settings in a text field of an object, such as `data.mesh`.
#[cfg(feature = "yaml")]
pub(crate) fn settings(text: &str) -> Result<Value, Diagnostic> {
    yaml::value(text).map_err(|d| d.at("data.mesh"))
}

/// Parses settings in a text field of an object, such as `data.mesh`. Without the feature `yaml`, the text must be JSON.
#[cfg(not(feature = "yaml"))]
pub(crate) fn settings(text: &str) -> Result<Value, Diagnostic> {
    serde_json::from_str(text).map_err(|error| {
        Diagnostic::error("not-json", alloc::format!("{error}"))
            .at("data.mesh")
            .help("this build reads no YAML: give the settings as JSON")
    })
}
