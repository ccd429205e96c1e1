//! Lines of source text in messages.

use annotate_snippets::{Annotation, AnnotationKind, Snippet};
use core::ops::Range;
use palisade::visible;

/// The maximum length of a source line that is shown.
const LINE: usize = 160;
/// The maximum number of lines that are shown of one value.
const LINES: usize = 8;

/// Returns whether a line is short enough to be shown and contains visible text.
pub(super) fn is_shown(line: &str) -> bool {
    line.len() <= LINE && !line.trim().is_empty()
}

/// Returns the lines of `text` that contain the bytes of `span`, with the span underlined, or `None` if a line is too long.
/// `line` is the number of the first of these lines.
pub(super) fn excerpt<'a>(
    name: String,
    text: &str,
    line: u32,
    span: Range<usize>,
    label: Option<String>,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let marked = text.get(span.clone())?;
    // The span ends before the first line that is not shown.
    let marked =
        marked.match_indices('\n').nth(LINES - 1).and_then(|(at, _)| marked.get(..at)).unwrap_or(marked);
    let marked = marked.trim_end();
    let end = span.start + marked.len();
    let after = text.get(end..)?;
    let after = after.split_once('\n').map_or(after, |(rest, _)| rest);
    let before = text.get(start..span.start)?;
    if !text.get(start..end + after.len())?.lines().all(|line| line.len() <= LINE) {
        return None;
    }
    // An escape is longer than its character, so the span is that of the escaped text.
    let (before, marked, after) = (escape(before), escape(marked), escape(after.trim_end_matches('\r')));
    let span = before.len()..before.len() + marked.len();
    let mut annotation = AnnotationKind::Primary.span(span);
    if let Some(label) = label {
        annotation = annotation.label(label);
    }
    let snippet = Snippet::source(before + &marked + &after)
        .line_start(usize::try_from(line).unwrap_or(1))
        .path(name)
        .fold(false);
    Some(snippet.annotation(annotation))
}

/// Returns `text` with all characters but line ends and tabs made visible.
fn escape(text: &str) -> String {
    let lines = text.split('\n').map(|line| line.split('\t').map(visible).collect::<Vec<_>>().join("\t"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns a file name as messages show it.
pub(super) fn file_name(file: &str) -> String {
    visible(if file == "-" { "standard input" } else { file }).into_owned()
}
