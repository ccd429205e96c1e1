//! Why a module could not be loaded, started or configured.

use core::fmt;

/// The module or its configuration was refused, or a call into it trapped.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are no proxy-wasm module that this host can run.
    Module,
    /// The module answered that it does not want to start or does not accept its configuration.
    Refused,
    /// The module trapped; its VM is dead.
    Trap,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn module(cause: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Module, format!("the module cannot be run: {cause:#}"))
    }

    pub(crate) fn trap(export: &str, cause: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Trap, format!("`{export}` trapped: {cause:#}"))
    }

    /// Who is at fault.
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
