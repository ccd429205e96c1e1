//! What is printed, for people.

pub(crate) mod diagnostics;
pub(crate) mod explanation;
pub(crate) mod notes;
pub(crate) mod style;
pub(crate) mod timeline;
