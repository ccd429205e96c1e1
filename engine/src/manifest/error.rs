//! The YAML library's errors, in our words: where, what, and what to do.

use crate::diagnostic::Diagnostic;
use alloc::string::{String, ToString};
use serde_saphyr::Error;

/// `error` of reading `text`.
pub(super) fn diagnostic(error: &Error, text: &str) -> Diagnostic {
    let error = error.without_snippet();
    let position = error.location().map(|at| (to_u32(at.line()), to_u32(at.column())));
    let message = message(error);
    let (code, help) = class(error, &message);
    let mut help = help.to_string();
    if code == "yaml-syntax"
        && let Some((line, _)) = position
        && let Some(hint) = hint(text, line)
    {
        help = hint.to_string();
    }
    Diagnostic { position, ..Diagnostic::error(code, message).help(help) }
}

/// The message without the place, which is told apart.
fn message(error: &Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = match text.rfind(" at line ") {
        Some(at) => text.get(..at).unwrap_or(text),
        None => text,
    };
    text.trim_start_matches("error: ").trim_end_matches(['.', ':', ',']).to_string()
}

fn class(error: &Error, message: &str) -> (&'static str, &'static str) {
    if matches!(error, Error::Budget { .. })
        || message.contains("alias replay")
        || message.contains("limit exceeded")
    {
        ("too-large", "unfold the aliases, nest less deeply, or split the file: what is larger is refused")
    } else if message.contains("duplicate") {
        ("duplicate-key", "keep one of the two: which one counts is not the same everywhere")
    } else if message.contains("unknown field") {
        ("unknown-field", "correct the field's name, or remove it: an unknown field is never ignored")
    } else if message.contains("missing field") {
        ("missing-field", "add the field")
    } else if message.contains("invalid type")
        || message.contains("invalid value")
        || message.contains("expected")
    {
        (
            "yaml-syntax",
            "write the value in the shape that is expected; text that looks like a number needs quotes",
        )
    } else {
        ("yaml-syntax", "correct the YAML; nothing of this file was read")
    }
}

/// The slip that most often stands behind a syntax error in `line` or just above it.
fn hint(text: &str, line: u32) -> Option<&'static str> {
    let line = usize::try_from(line).ok()?;
    let near = text.lines().skip(line.saturating_sub(2)).take(2);
    let indented = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    if near.clone().any(indented) {
        return Some("indent with spaces: YAML takes no tabs there");
    }
    near.clone()
        .any(|line| line.contains("{{"))
        .then_some("render the template first: this is not plain YAML")
}

fn to_u32(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
