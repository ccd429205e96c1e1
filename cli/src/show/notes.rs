//! Remarks beside the answer. They go to standard error, so that the answer can be piped.

use super::{
    diagnostics,
    style::BOLD,
    text::{Text, paint},
};
use palisade::{Diagnostic, resource::Ignored};
use palisade_cases::Sources;

/// Most warnings that `check` prints.
const WARNINGS: usize = 10;

/// Names the kinds that no layer reads, once.
pub(crate) fn ignored(ignored: &Ignored) {
    if ignored.0.is_empty() {
        return;
    }
    let kinds: Vec<String> = ignored.0.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    say(&format!("no layer reads these kinds: {}", kinds.join(", ")));
}

/// Prints what is legal and probably not meant.
pub(crate) fn warnings(findings: &[Diagnostic], sources: &Sources) {
    let shown: Vec<Diagnostic> = findings.iter().take(WARNINGS).cloned().collect();
    diagnostics::render(&shown, sources).print_error();
    if findings.len() > shown.len() {
        say(&format!("{} more warnings: `palisade lint` shows them all", findings.len() - shown.len()));
    }
}

/// One remark.
pub(crate) fn say(text: &str) {
    Text::of(&[&paint(BOLD, "note"), &": ", &text]).print_error();
}
