//! Notes about the input. They go to standard error, so that the output can be piped.

use super::{
    diagnostics,
    style::BOLD,
    text::{Text, paint},
};
use palisade::{Diagnostic, resource::Ignored};
use palisade_manifests::SourceMap;

/// The maximum number of warnings that `check` prints.
const WARNINGS: usize = 10;

/// Prints the kinds that no layer reads.
pub(crate) fn ignored(ignored: &Ignored) {
    if ignored.0.is_empty() {
        return;
    }
    let kinds: Vec<String> = ignored.0.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    print(&format!("no layer reads these kinds: {}", kinds.join(", ")));
}

/// Prints warnings.
pub(crate) fn warnings(findings: &[Diagnostic], sources: &SourceMap) {
    let shown: Vec<Diagnostic> = findings.iter().take(WARNINGS).cloned().collect();
    diagnostics::render(&shown, sources).print_error();
    if findings.len() > shown.len() {
        print(&format!("{} more warnings: `palisade lint` shows them all", findings.len() - shown.len()));
    }
}

/// Prints a note.
pub(crate) fn print(text: &str) {
    Text::of(&[&paint(BOLD, "note"), &": ", &text]).print_error();
}
