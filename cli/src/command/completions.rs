//! `palisade completions`.

use crate::{Cli, Output, failure::Failure, show::text::Text};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a completion script for a shell.
///
/// For bash: `palisade completions bash > ~/.local/share/bash-completion/completions/palisade`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "palisade", &mut script);
        Ok(Output { text: Text::lines(&String::from_utf8_lossy(&script)), code: 0 })
    }
}
