//! Cases with `load`: whether a file loads.

use crate::{case::LoadCase, compare::Mismatch};
use palisade::{Diagnostic, Options, Severity, visible};
use palisade_manifests::{Access, Manifests};
use std::path::Path;

/// The result of loading a file.
#[derive(Clone, Debug)]
pub struct LoadAnswer {
    /// Whether no finding is an error.
    pub valid: bool,
    /// All findings.
    pub findings: Vec<Diagnostic>,
}

impl LoadAnswer {
    /// Loads the file of `case`, which is in `folder`, without other manifests.
    pub(crate) fn new(case: &LoadCase, folder: &Path, access: &Access, options: &Options) -> Self {
        let mut manifests = Manifests::load_entries(folder, &[folder.join(&case.file)], access);
        let mut findings = core::mem::take(&mut manifests.findings);
        findings.extend(manifests.lint(options));
        let valid = findings.iter().all(|finding| finding.severity != Severity::Error);
        Self { valid, findings }
    }

    /// Returns the differences from what `case` expects.
    pub(crate) fn compare(&self, case: &LoadCase) -> Vec<Mismatch> {
        let mut found = Vec::new();
        let name = |valid| if valid { "valid" } else { "invalid" };
        if case.valid != self.valid {
            found.push(Mismatch {
                what: "load".to_owned(),
                expected: name(case.valid).to_owned(),
                got: self.describe(name(self.valid), |_| true),
            });
        }
        if let Some(reason) = &case.reason
            && !self.has(reason, |finding| finding.severity == Severity::Error)
        {
            found.push(Mismatch {
                what: "reason".to_owned(),
                expected: format!("an error with `{}`", visible(reason)),
                got: self.describe("none", |finding| finding.severity == Severity::Error),
            });
        }
        let warned = |finding: &Diagnostic| finding.severity == Severity::Warning;
        if case.warnings.as_ref().is_some_and(Vec::is_empty) && self.findings.iter().any(warned) {
            found.push(Mismatch {
                what: "warnings".to_owned(),
                expected: "no warning".to_owned(),
                got: self.describe("none", warned),
            });
        }
        for warning in case.warnings.iter().flatten() {
            if !self.has(warning, |_| true) {
                found.push(Mismatch {
                    what: "warnings".to_owned(),
                    expected: format!("a finding with `{}`", visible(warning)),
                    got: self.describe("none", |_| true),
                });
            }
        }
        found
    }

    fn has(&self, part: &str, which: impl Fn(&Diagnostic) -> bool) -> bool {
        self.findings.iter().any(|finding| which(finding) && finding.to_string().contains(part))
    }

    fn describe(&self, otherwise: &str, which: impl Fn(&Diagnostic) -> bool) -> String {
        let findings = self.findings.iter().filter(|finding| which(finding));
        let texts: Vec<String> = findings.map(|finding| visible(&finding.to_string()).into_owned()).collect();
        if texts.is_empty() { otherwise.to_owned() } else { texts.join("\n") }
    }
}
