//! The errors of loading, starting and configuring a module.

use core::fmt;

/// An error of a module: it is invalid, refuses its configuration, or traps.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a proxy-wasm module that this host can run.
    Module,
    /// The module refuses to start or refuses its configuration.
    Refused,
    /// The module trapped; its VM has ended.
    Trap,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn module(cause: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Module, format!("cannot run the module: {cause:#}"))
    }

    pub(crate) fn trap(export: &str, cause: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Trap, format!("`{export}` trapped: {cause:#}"))
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Error {}
