//! The text output of the commands.

pub(crate) mod diagnostics;
pub(crate) mod explanation;
pub(crate) mod notes;
pub(crate) mod rule;
mod source;
pub(crate) mod style;
pub(crate) mod text;
pub(crate) mod timeline;
