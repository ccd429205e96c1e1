//! Why a command could not do its work. It always ends with exit code 2.

use crate::show::diagnostics;
use palisade::Diagnostic;
use std::fmt;

/// Bad input: what was found, or what is wrong with an argument.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something about the arguments: a message and a remedy.
    Argument(String, String),
    /// Findings in files; the text is what came from standard input.
    Input(Vec<Diagnostic>, Option<String>),
}

impl Failure {
    /// A wrong argument.
    pub(crate) fn argument(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Argument(message.into(), help.into())
    }
}

impl From<Diagnostic> for Failure {
    fn from(finding: Diagnostic) -> Self {
        Self::Input(vec![finding], None)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(findings, stdin) => f.write_str(&diagnostics::render(findings, stdin.as_deref())),
            Self::Argument(message, help) => {
                let finding = Diagnostic::error("argument", message.clone()).help(help.clone());
                f.write_str(&diagnostics::render(&[finding], None))
            }
        }
    }
}
