//! From text to resources: YAML documents, with the place of every mistake. The only module that knows text.

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

/// Reads settings that stand as text inside an object, such as `data.mesh`.
#[cfg(feature = "yaml")]
pub(crate) fn settings(text: &str) -> Result<Value, Diagnostic> {
    yaml::value(text).map_err(|d| d.at("data.mesh"))
}

/// Reads settings that stand as text inside an object, such as `data.mesh`. Without the feature `yaml`: as JSON.
#[cfg(not(feature = "yaml"))]
pub(crate) fn settings(text: &str) -> Result<Value, Diagnostic> {
    serde_json::from_str(text).map_err(|error| {
        Diagnostic::error("not-json", alloc::format!("{error}"))
            .at("data.mesh")
            .help("this build reads no YAML: give the settings as JSON")
    })
}
