//! Parses YAML documents to resources. An error has a line and a column.

#[cfg(feature = "yaml")]
mod documents;
#[cfg(feature = "yaml")]
mod positions;

#[cfg(feature = "yaml")]
pub use crate::yaml::read;
#[cfg(feature = "yaml")]
pub use documents::{Document, documents, load, place};
#[cfg(feature = "yaml")]
pub use positions::{Field, Positions, Span};
