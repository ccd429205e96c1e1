//! Findings with their source lines.

use super::{
    source::{excerpt, file_name, is_shown},
    text::Text,
};
use annotate_snippets::{Group, Level, Origin, Renderer};
use core::ops::Range;
use palisade::{Diagnostic, Severity, visible};
use palisade_manifests::SourceMap;
use std::collections::BTreeMap;

/// The maximum length of a message.
const MESSAGE: usize = 600;

/// The maximum number of findings that are shown; the others are counted.
const FINDINGS: usize = 100;

/// Returns the first findings with their lines in `sources`.
pub(crate) fn render(findings: &[Diagnostic], sources: &SourceMap) -> Text {
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

/// The lines of the files, each file split once.
struct Files<'a> {
    sources: &'a SourceMap,
    lines: BTreeMap<String, Vec<&'a str>>,
}

impl<'a> Files<'a> {
    /// Returns the line with the number `line` of `file`, if it can be shown.
    fn line(&mut self, file: &str, line: u32) -> Option<&'a str> {
        let number = usize::try_from(line).ok()?.checked_sub(1)?;
        let lines = self.lines.entry(file.to_owned()).or_insert_with(|| {
            self.sources.file(file).map(|file| file.text().lines().collect()).unwrap_or_default()
        });
        lines.get(number).copied().filter(|line| is_shown(line))
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
        let name = file_name(file);
        let source = files.line(file, line);
        let snippet = source.and_then(|text| excerpt(name.clone(), text, line, word(text, column), None));
        group = match snippet {
            Some(snippet) => group.element(snippet),
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

/// Returns the bytes of the word at `column` of `line`.
fn word(line: &str, column: u32) -> Range<usize> {
    let skip = usize::try_from(column).unwrap_or(1).saturating_sub(1);
    let start = line.char_indices().nth(skip).map_or(line.len().saturating_sub(1), |(at, _)| at);
    let rest = line.get(start..).unwrap_or_default();
    let end = rest.find([' ', ',', ':', ']', '}']).filter(|end| *end > 0).unwrap_or(rest.len());
    start..start + end
}

/// Returns the first `limit` characters of `text`, made visible.
fn clip(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => visible(text).into_owned(),
        Some((at, _)) => format!("{}…", visible(text.get(..at).unwrap_or_default())),
    }
}
