//! Collects what is wrong with the objects being lowered.

use crate::diagnostic::{Diagnostic, Origin, Severity};
use alloc::{string::String, vec::Vec};

/// What was found, each finding with its object.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    resource: String,
    origin: Origin,
    pub(crate) list: Vec<Diagnostic>,
}

impl Findings {
    /// What is found from now on is about `resource`.
    pub(crate) fn about(&mut self, resource: String, origin: &Origin) {
        self.resource = resource;
        self.origin = origin.clone();
    }

    /// The object is refused because of its field at `path`.
    pub(crate) fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>, help: &str) {
        self.push(Diagnostic::error(code, message).at(path).help(help));
    }

    /// The field at `path` is legal and probably not what was meant.
    pub(crate) fn warn(&mut self, code: &'static str, path: &str, message: impl Into<String>, help: &str) {
        self.push(Diagnostic::warning(code, message).at(path).help(help));
    }

    /// The field at `path` has a meaning that is not decided yet.
    pub(super) fn unsupported(&mut self, path: &str) {
        let message = "this field is not supported yet";
        self.error("not-supported", path, message, "remove the field, or decide this flow on a cluster");
    }

    /// How many errors there are.
    pub(super) fn errors(&self) -> usize {
        self.list.iter().filter(|f| f.severity == Severity::Error).count()
    }

    fn push(&mut self, finding: Diagnostic) {
        self.list.push(finding.of(self.resource.clone(), &self.origin));
    }
}
