//! Where in a YAML text a field stands. Only asked after something was found wrong, so it parses once more.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_saphyr::granit_parser::{Event, Parser, Span};

enum Frame {
    Sequence { path: String, next: usize },
    Mapping { path: String, key: Option<String> },
}

/// A field that is looked for: `path` in the document that begins at `line`, and the best place so far.
struct Wanted<'p> {
    line: u32,
    path: &'p str,
    best: Option<((u32, u32), usize)>,
}

/// Line and column, from 1, of each field in `wanted` (the first line of its document, and its path); of its nearest
/// ancestor when the field itself is not written. One pass for all of them.
pub(super) fn positions(text: &str, wanted: &[(u32, String)]) -> Vec<Option<(u32, u32)>> {
    let mut wanted: Vec<Wanted<'_>> =
        wanted.iter().map(|(line, path)| Wanted { line: *line, path, best: None }).collect();
    let mut stack: Vec<Frame> = Vec::new();
    let mut document = None;
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        match event {
            Event::DocumentStart(..) => document = None,
            Event::DocumentEnd => stack.clear(),
            Event::SequenceEnd | Event::MappingEnd => {
                stack.pop();
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(..) => {
                let line = *document.get_or_insert_with(|| place(&span).0);
                if let Some(Frame::Mapping { key: key @ None, path: at }) = stack.last_mut()
                    && let Event::Scalar(name, ..) = &event
                {
                    let here = join(at, name);
                    *key = Some(name.to_string());
                    consider(&mut wanted, line, &here, &span);
                    continue;
                }
                let here = step(&mut stack);
                consider(&mut wanted, line, &here, &span);
                match event {
                    Event::SequenceStart(..) => stack.push(Frame::Sequence { path: here, next: 0 }),
                    Event::MappingStart(..) => stack.push(Frame::Mapping { path: here, key: None }),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    wanted.into_iter().map(|wanted| wanted.best.map(|(at, _)| at)).collect()
}

/// The path of the node that comes next inside the innermost frame.
fn step(stack: &mut [Frame]) -> String {
    match stack.last_mut() {
        None => String::new(),
        Some(Frame::Sequence { path, next }) => {
            *next += 1;
            format!("{path}[{}]", *next - 1)
        }
        Some(Frame::Mapping { path, key }) => key.take().map_or_else(String::new, |key| join(path, &key)),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

/// Keeps the deepest node that is a wanted one or an ancestor of it; of equals the first, which is the key.
fn consider(wanted: &mut [Wanted<'_>], line: u32, here: &str, span: &Span) {
    for wanted in wanted.iter_mut().filter(|wanted| wanted.line == line) {
        let rest = match wanted.path.strip_prefix(here) {
            Some(rest) if here.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']) => rest,
            _ => continue,
        };
        if wanted.best.is_none_or(|(_, left)| rest.len() < left) {
            wanted.best = Some((place(span), rest.len()));
        }
    }
}

fn place(span: &Span) -> (u32, u32) {
    let n = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (n(span.start.line()), n(span.start.col() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a: 1\n---\nmetadata:\n  name: x\nspec:\n  rules:\n  - to:\n    - operation: {methods: [GET]}\n";

    fn position(text: &str, line: u32, path: &str) -> Option<(u32, u32)> {
        positions(text, &[(line, path.to_string())]).pop().flatten()
    }

    #[test]
    fn finds_the_field_or_its_nearest_ancestor() {
        assert_eq!(position(TEXT, 3, "spec.rules[0].to[0].operation.methods[0]"), Some((8, 29)));
        assert_eq!(position(TEXT, 3, "spec.rules[0].to[0].operation.methods"), Some((8, 19)));
        assert_eq!(position(TEXT, 3, "spec.rules[0].from"), Some((7, 5)));
        assert_eq!(position(TEXT, 3, "metadata.namespace"), Some((3, 1)));
        assert_eq!(position(TEXT, 1, "a"), Some((1, 1)));
        assert_eq!(position(TEXT, 9, "a"), None);
    }
}
