//! Why a command could not do its work. It always ends with exit code 2.

use crate::show::{diagnostics, text::Text};
use palisade::Diagnostic;
use palisade_cases::Sources;

/// Bad input: what was found, or what is wrong with an argument.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something about the arguments: a message and a remedy.
    Argument(String, String),
    /// Findings in files, and the texts that they are about.
    Input(Vec<Diagnostic>, Sources),
}

impl Failure {
    /// A wrong argument.
    pub(crate) fn argument(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Argument(message.into(), help.into())
    }
}

impl From<Diagnostic> for Failure {
    fn from(finding: Diagnostic) -> Self {
        Self::Input(vec![finding], Sources::default())
    }
}

impl Failure {
    /// The message for people.
    pub(crate) fn text(&self) -> Text {
        match self {
            Self::Input(findings, sources) => diagnostics::render(findings, sources),
            Self::Argument(message, help) => {
                let finding = Diagnostic::error("argument", message.clone()).help(help.clone());
                diagnostics::render(&[finding], &Sources::default())
            }
        }
    }
}
