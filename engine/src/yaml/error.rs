//! Converts errors of the YAML library to findings with a position and a suggestion.

use crate::{diagnostic::Diagnostic, whole_number::with_limits};
use alloc::{
    format,
    string::{String, ToString},
};
use serde_saphyr::Error;

/// Returns a finding for `error`, which occurred in `text`.
pub(super) fn diagnostic(error: &Error, text: &str) -> Diagnostic {
    let error = error.without_snippet();
    let position = error.location().map(|at| (to_u32(at.line()), to_u32(at.column())));
    let message = with_limits(&message(error));
    let (code, help) = class(&message);
    let mut help = help.to_string();
    if code == "yaml-syntax"
        && let Some((line, _)) = position
        && let Some(hint) = hint(text, line)
    {
        help = hint.to_string();
    }
    Diagnostic { position, ..Diagnostic::error(code, message).help(help) }
}

/// Returns the message without the position, which the finding contains separately.
fn message(error: &Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = match text.find(" at line ") {
        Some(at) => text.get(..at).unwrap_or(text),
        None => text,
    };
    let text = text.trim_start_matches("error: ").trim_end_matches(['.', ':', ',']);
    match text.strip_prefix("budget breached: ") {
        Some(breach) => format!("file over the limits: {}", words(breach)),
        None => text.to_string(),
    }
}

/// Returns `max depth (129)` for `MaxDepth { depth: 129 }`.
fn words(breach: &str) -> String {
    let (name, detail) = breach.split_once([' ', '{', '(']).unwrap_or((breach, ""));
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    let number: String = detail.chars().filter(char::is_ascii_digit).collect();
    if number.is_empty() { words } else { format!("{words} ({number})") }
}

fn class(message: &str) -> (&'static str, &'static str) {
    const CLASSES: [(&str, &str, &str); 7] = [
        ("over the limits", "too-large", TOO_LARGE),
        ("alias replay", "too-large", TOO_LARGE),
        ("recursion", "too-large", TOO_LARGE),
        ("duplicate", "duplicate-key", "remove one of the two: YAML parsers differ in the one that they use"),
        (
            "unknown field",
            "unknown-field",
            "correct the field's name, or remove it: unknown fields are not ignored",
        ),
        ("missing field", "missing-field", "add the field"),
        (
            "invalid type",
            "wrong-shape",
            "write a value of the expected type, and enclose numbers that are text in quotes",
        ),
    ];
    let found = CLASSES.iter().find(|(part, ..)| message.contains(part));
    found.map_or(("yaml-syntax", "correct the YAML; no object of this file was loaded"), |(_, code, help)| {
        (code, help)
    })
}

const TOO_LARGE: &str = "expand the aliases, reduce the nesting, or split the file";

/// Returns the most likely cause of a syntax error in `line` or the line before it.
fn hint(text: &str, line: u32) -> Option<&'static str> {
    let line = usize::try_from(line).ok()?;
    let near = text.lines().skip(line.saturating_sub(2)).take(2);
    let indented = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    if near.clone().any(indented) {
        return Some("indent with spaces: YAML does not allow tabs for indentation");
    }
    near.clone()
        .any(|line| line.contains("{{"))
        .then_some("render the template first: this is not plain YAML")
}

fn to_u32(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
