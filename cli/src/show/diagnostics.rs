//! Findings with the line of source that they are about.

use super::text::Text;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use palisade::{Diagnostic, Severity, visible};
use palisade_cases::Sources;
use std::collections::BTreeMap;

/// Longest line of source that is shown whole.
const LINE: usize = 160;
/// Longest message.
const MESSAGE: usize = 600;

/// Most findings that are shown; of more than these the rest are counted.
const FINDINGS: usize = 100;

/// Returns the first of `findings`, one below the other, with the lines of `sources` that they are about.
pub(crate) fn render(findings: &[Diagnostic], sources: &Sources) -> Text {
    let mut files = Files { sources, lines: BTreeMap::new() };
    let mut text = Text::default();
    for finding in findings.iter().take(FINDINGS) {
        text.append(Text::rendered(&format!("{}\n", one(finding, &mut files))));
    }
    let more = findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        let errors = findings.iter().skip(FINDINGS).filter(|f| f.severity == Severity::Error).count();
        text.line(&[&"and ", &more, &" more findings, of which ", &errors, &" are errors"]);
    }
    text
}

/// The lines of the files of a load, each file read once.
struct Files<'a> {
    sources: &'a Sources,
    lines: BTreeMap<String, Vec<String>>,
}

impl Files<'_> {
    /// Returns line number `line` of `file`, without its end, where it is short enough to be printed.
    fn line(&mut self, file: &str, line: u32) -> Option<&str> {
        let number = usize::try_from(line).ok()?.checked_sub(1)?;
        let lines = self.lines.entry(file.to_owned()).or_insert_with(|| {
            let text = self.sources.text(file).unwrap_or_default();
            text.lines().map(|line| if shows(line) { line.to_owned() } else { String::new() }).collect()
        });
        lines.get(number).map(String::as_str).filter(|line| !line.is_empty())
    }
}

fn one(finding: &Diagnostic, files: &mut Files<'_>) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(clip(&finding.message, MESSAGE)).id(finding.code));
    let (line, column) = finding.position.unwrap_or((finding.origin.line, 1));
    if let Some(file) = finding.origin.file.as_deref() {
        let name = visible(if file == "-" { "standard input" } else { file }).into_owned();
        let source = files.line(file, line);
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

/// Whether a line is short enough to be printed.
fn shows(text: &str) -> bool {
    text.len() <= LINE && !text.trim().is_empty()
}

fn snippet<'a>(
    name: String,
    text: &str,
    line: u32,
    column: u32,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let skip = usize::try_from(column).unwrap_or(1).saturating_sub(1);
    let start = text.char_indices().nth(skip).map_or(text.len().saturating_sub(1), |(at, _)| at);
    let (before, rest) = text.split_at_checked(start).unwrap_or((text, ""));
    // An escape is longer than the character, so the columns are those of the escaped line.
    let (before, rest) = (escaped(before), escaped(rest));
    let start = before.len();
    let end = rest.find([' ', ',', ':', ']', '}']).filter(|end| *end > 0).unwrap_or(rest.len());
    let text = before + &rest;
    Snippet::source(text)
        .line_start(usize::try_from(line).unwrap_or(1))
        .path(name)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(start..start + end))
}

/// A part of a source line with everything but tabs made visible.
fn escaped(part: &str) -> String {
    part.split('\t').map(visible).collect::<Vec<_>>().join("\t")
}

/// The first `limit` characters of `text`, made visible.
fn clip(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => visible(text).into_owned(),
        Some((at, _)) => format!("{}…", visible(text.get(..at).unwrap_or_default())),
    }
}
