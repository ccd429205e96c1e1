//! Remarks beside the answer. They go to standard error, so that the answer can be piped.

use super::diagnostics;
use crate::show::style::{BOLD, paint};
use palisade::{Diagnostic, resource::Ignored};
use std::io::Write;

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
pub(crate) fn warnings(findings: &[Diagnostic], stdin: Option<&str>) {
    let shown: Vec<Diagnostic> = findings.iter().take(WARNINGS).cloned().collect();
    let _ = anstream::stderr().write_all(diagnostics::render(&shown, stdin).as_bytes());
    if findings.len() > shown.len() {
        say(&format!("{} more warnings: `palisade lint` shows them all", findings.len() - shown.len()));
    }
}

/// One remark.
pub(crate) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}: {text}", paint(BOLD, "note"));
}
