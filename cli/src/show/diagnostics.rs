//! Findings with the line of source that they are about.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use palisade::{Diagnostic, Severity};
use std::{collections::BTreeMap, fs};

/// Longest line of source that is shown whole.
const LINE: usize = 160;
/// Longest message.
const MESSAGE: usize = 600;

/// `findings`, one below the other. `stdin` is the text that was read as `-`.
pub(crate) fn render(findings: &[Diagnostic], stdin: Option<&str>) -> String {
    let mut sources = Sources { stdin, files: BTreeMap::new() };
    let mut text = String::new();
    for finding in findings {
        text.push_str(&one(finding, &mut sources));
        text.push('\n');
    }
    text
}

struct Sources<'a> {
    stdin: Option<&'a str>,
    files: BTreeMap<String, String>,
}

impl Sources<'_> {
    /// Line number `line` of `file`, without its end.
    fn line(&mut self, file: &str, line: u32) -> Option<&str> {
        let text = match file {
            "-" => self.stdin?,
            _ => self
                .files
                .entry(file.to_owned())
                .or_insert_with(|| fs::read_to_string(file).unwrap_or_default()),
        };
        text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)
    }
}

fn one(finding: &Diagnostic, sources: &mut Sources<'_>) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(clip(&finding.message, MESSAGE)).id(finding.code));
    let (line, column) = finding.position.unwrap_or((finding.origin.line, 1));
    if let Some(file) = finding.origin.file.as_deref() {
        let name = if file == "-" { "standard input" } else { file }.to_owned();
        let source = sources.line(file, line).filter(|text| shows(text));
        group = match source {
            Some(text) => group.element(snippet(name, text, line, column)),
            None if line > 0 => {
                let at = Origin::path(name).line(usize::try_from(line).unwrap_or(0));
                group.element(at.char_column(usize::try_from(column).unwrap_or(1)))
            }
            None => group.element(Origin::path(name)),
        };
    }
    let subject = [&finding.resource, &finding.path].map(|text| clip(text, MESSAGE));
    let subject: Vec<String> = subject.into_iter().filter(|text| !text.is_empty()).collect();
    if !subject.is_empty() {
        group = group.element(Level::NOTE.with_name("in").message(subject.join(", ")));
    }
    if let Some(refusal) = finding.refusal() {
        group = group.element(Level::NOTE.message(refusal));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(clip(help, MESSAGE)));
    }
    Renderer::styled().render(&[group])
}

/// Whether a line is short and plain enough to be printed on a terminal.
fn shows(text: &str) -> bool {
    text.len() <= LINE && !text.trim().is_empty() && !text.chars().any(|c| c.is_control() && c != '\t')
}

fn snippet<'a>(
    name: String,
    text: &'a str,
    line: u32,
    column: u32,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let skip = usize::try_from(column).unwrap_or(1).saturating_sub(1);
    let start = text.char_indices().nth(skip).map_or(text.len().saturating_sub(1), |(at, _)| at);
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find([' ', ',', ':', ']', '}']).filter(|end| *end > 0).unwrap_or(rest.len());
    Snippet::source(text)
        .line_start(usize::try_from(line).unwrap_or(1))
        .path(name)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(start..start + end))
}

/// The beginning of `text`, where all of it would bury the rest.
fn clip(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}
