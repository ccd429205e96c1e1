//! The reason why a command cannot do its work. The exit code is always 2.

use crate::show::{diagnostics, text::Text};
use palisade::Diagnostic;
use palisade_manifests::SourceMap;

/// Invalid input.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An invalid argument: a message and help.
    Argument(String, String),
    /// Findings in files, and the files.
    Input(Vec<Diagnostic>, SourceMap),
}

impl Failure {
    /// Returns the failure of an invalid argument.
    pub(crate) fn argument(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Argument(message.into(), help.into())
    }
}

impl From<Diagnostic> for Failure {
    fn from(finding: Diagnostic) -> Self {
        Self::Input(vec![finding], SourceMap::default())
    }
}

impl Failure {
    /// Returns the message.
    pub(crate) fn text(&self) -> Text {
        match self {
            Self::Input(findings, sources) => diagnostics::render(findings, sources),
            Self::Argument(message, help) => {
                let finding = Diagnostic::error("argument", message.clone()).help(help.clone());
                diagnostics::render(&[finding], &SourceMap::default())
            }
        }
    }
}
