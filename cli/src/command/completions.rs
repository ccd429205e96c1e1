//! `palisade completions`.

use crate::{output::Output, show::text::Text};
use clap::Args;
use clap_complete::Shell;

/// Print a completion script for a shell.
///
/// Example:
///
///     palisade completions bash \
///         > ~/.local/share/bash-completion/completions/palisade
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completions {
    /// Shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut palisade: clap::Command) -> Output {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut palisade, "palisade", &mut script);
        Output { text: Text::lines(&String::from_utf8_lossy(&script)), code: 0 }
    }
}
