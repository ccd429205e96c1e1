//! Collects findings, each with the resource that it is about.

use super::{Authority, Diagnostic, Origin};
use alloc::{string::String, vec::Vec};

/// A resource with a title and an origin.
pub(crate) trait Located {
    /// Returns `Kind namespace/name`.
    fn title(&self) -> String;

    /// Returns the file and the position of the resource.
    fn origin(&self) -> &Origin;
}

/// The findings of a check.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Diagnostic>);

impl Findings {
    /// Adds `finding` about `resource`.
    pub(crate) fn add(&mut self, resource: &dyn Located, finding: Diagnostic) {
        self.push(finding.of(resource.title(), resource.origin()));
    }

    /// Adds a finding that already contains its resource.
    pub(crate) fn push(&mut self, finding: Diagnostic) {
        self.0.push(finding);
    }

    /// Adds an error of istiod's webhook about the field at `path` of `resource`.
    pub(crate) fn rejected_by_istiod(
        &mut self,
        resource: &dyn Located,
        path: impl Into<String>,
        message: impl Into<String>,
        help: &str,
    ) {
        let finding = Diagnostic::error("rejected-by-istiod", message).at(path).help(help);
        self.add(resource, finding.refused_by(Authority::Istiod));
    }

    /// Adds a warning about the field at `path` of `resource`.
    pub(crate) fn warning(
        &mut self,
        resource: &dyn Located,
        code: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
        help: &str,
    ) {
        self.add(resource, Diagnostic::warning(code, message).at(path).help(help));
    }

    /// Returns a report on `resource` that adds to these findings.
    pub(crate) fn report<'a>(&'a mut self, resource: &'a dyn Located) -> Report<'a> {
        Report { resource, findings: self }
    }

    /// Returns the findings in the order in which they were added.
    pub(crate) fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }
}

/// Adds findings about one resource.
pub(crate) struct Report<'a> {
    resource: &'a dyn Located,
    findings: &'a mut Findings,
}

impl Report<'_> {
    /// Adds `finding` about the resource of this report.
    pub(crate) fn add(&mut self, finding: Diagnostic) {
        self.findings.add(self.resource, finding);
    }

    /// Adds a warning about the field at `path`.
    pub(crate) fn warn(&mut self, code: &'static str, path: &str, message: impl Into<String>, help: &str) {
        self.add(Diagnostic::warning(code, message).at(path).help(help));
    }
}
