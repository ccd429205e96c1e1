//! Collects what is wrong with the objects being lowered.

use super::crd::Refusal;
use crate::diagnostic::{Authority, Diagnostic, Origin, Severity};
use alloc::{collections::BTreeSet, string::String, vec::Vec};

/// What was found, each finding with its object.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    resource: String,
    origin: Origin,
    authority: Option<Authority>,
    errors: usize,
    pub(crate) list: Vec<Diagnostic>,
}

impl Findings {
    /// What is found from now on is about `resource`, whose errors are those of the Cilium agent.
    pub(crate) fn about(&mut self, resource: String, origin: &Origin) {
        self.resource = resource;
        self.origin = origin.clone();
        self.authority = Some(Authority::CiliumAgent);
    }

    /// The errors found from now on are those of `authority`; none for what only Palisade refuses.
    pub(crate) fn by(&mut self, authority: Option<Authority>) {
        self.authority = authority;
    }

    /// The object is refused because of its field at `path`.
    pub(crate) fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>, help: &str) {
        let mut finding = Diagnostic::error(code, message).at(path).help(help);
        finding.refused_by.extend(self.authority);
        self.errors += 1;
        self.push(finding);
    }

    /// The field at `path` is legal and probably not what was meant.
    pub(crate) fn warn(&mut self, code: &'static str, path: &str, message: impl Into<String>, help: &str) {
        self.push(Diagnostic::warning(code, message).at(path).help(help));
    }

    /// What the schema refuses of the object whose findings begin at `from`: named beside the agent's own refusal of the
    /// same field, or as a warning where the agent would take it.
    pub(super) fn refused_by_schema(&mut self, from: usize, refusals: Vec<Refusal>) {
        if refusals.is_empty() {
            return;
        }
        let refused: BTreeSet<&str> = refusals.iter().map(|refusal| refusal.path.as_str()).collect();
        let mut known = BTreeSet::new();
        let own = self.list.iter_mut().skip(from).filter(|finding| finding.severity == Severity::Error);
        for finding in own.filter(|finding| refused.contains(finding.path.as_str())) {
            known.insert(finding.path.clone());
            if !finding.refused_by.contains(&Authority::Crd) {
                finding.refused_by.push(Authority::Crd);
            }
        }
        for Refusal { path, message, help } in refusals {
            if !known.contains(&path) {
                let finding = Diagnostic::warning("rejected-by-crd", message).at(path).help(help);
                self.push(finding.refused_by(Authority::Crd));
            }
        }
    }

    /// How many errors there are.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    fn push(&mut self, finding: Diagnostic) {
        self.list.push(finding.of(self.resource.clone(), &self.origin));
    }
}
