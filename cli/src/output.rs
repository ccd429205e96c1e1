//! The result of a command.

use crate::show::text::Text;

/// The standard output and the exit code of a command.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) text: Text,
    pub(crate) code: u8,
}
