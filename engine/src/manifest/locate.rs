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

/// Line and column, from 1, of the field at `path` in the document that begins at `line`; of its nearest ancestor
/// when the field itself is not written.
pub(super) fn position(text: &str, line: u32, path: &str) -> Option<(u32, u32)> {
    let mut stack: Vec<Frame> = Vec::new();
    let mut best: Option<((u32, u32), usize)> = None;
    let mut inside = false;
    let mut fresh = false;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        match event {
            Event::DocumentStart(..) => fresh = true,
            Event::DocumentEnd => {
                if inside {
                    break;
                }
                stack.clear();
            }
            Event::SequenceEnd | Event::MappingEnd => {
                stack.pop();
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(..) => {
                if fresh {
                    inside = place(&span).0 == line;
                    fresh = false;
                }
                if !inside {
                    continue;
                }
                let here = if let Some(Frame::Mapping { key: key @ None, path: at }) = stack.last_mut()
                    && let Event::Scalar(name, ..) = &event
                {
                    *key = Some(name.to_string());
                    let here = join(at, name);
                    consider(&mut best, path, &here, &span);
                    continue;
                } else {
                    step(&mut stack)
                };
                consider(&mut best, path, &here, &span);
                match event {
                    Event::SequenceStart(..) => stack.push(Frame::Sequence { path: here, next: 0 }),
                    Event::MappingStart(..) => stack.push(Frame::Mapping { path: here, key: None }),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    best.map(|(at, _)| at)
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

/// Keeps the deepest node that is the wanted one or an ancestor of it; of equals the first, which is the key.
fn consider(best: &mut Option<((u32, u32), usize)>, wanted: &str, here: &str, span: &Span) {
    let rest = match wanted.strip_prefix(here) {
        Some(rest) if here.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']) => rest,
        _ => return,
    };
    if best.as_ref().is_none_or(|(_, left)| rest.len() < *left) {
        *best = Some((place(span), rest.len()));
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
