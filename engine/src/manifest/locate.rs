//! Line and column of fields in a YAML text. Needed only for findings, so the text is parsed a second time.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::ops::Range;
use serde_saphyr::granit_parser::{Event, Parser, Span};

/// The paths that are looked for in one document, sorted, each with its number in the list of all.
type Wanted<'p> = Vec<(&'p str, usize)>;

/// A node of the document that is a wanted field or an ancestor of one: the wanted paths that begin with its path, and
/// how long its path is.
#[derive(Clone, Debug)]
struct Node {
    wanted: Range<usize>,
    length: usize,
}

/// A collection that the parser is inside. Of one without a `node` nothing is wanted.
enum Frame {
    Sequence { node: Option<Node>, next: usize },
    Mapping { node: Option<Node>, value: Option<Option<Node>> },
}

/// Returns line and column, from 1, of each field in `fields` (the first line of its document, and its path); of its
/// nearest ancestor when the field itself is not written. One pass for all of them: a node costs a binary search among
/// the paths that begin as its own.
pub(super) fn positions(text: &str, fields: &[(u32, String)]) -> Vec<Option<(u32, u32)>> {
    let mut documents: BTreeMap<u32, Wanted<'_>> = BTreeMap::new();
    for (number, (line, path)) in fields.iter().enumerate() {
        documents.entry(*line).or_default().push((path, number));
    }
    documents.values_mut().for_each(|wanted| wanted.sort_unstable());
    let mut best: Vec<Best> = fields.iter().map(|_| None).collect();
    let nothing = Vec::new();
    let mut stack: Vec<Frame> = Vec::new();
    let mut document: Option<&Wanted<'_>> = None;
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        match event {
            Event::DocumentStart(..) => document = None,
            Event::DocumentEnd => stack.clear(),
            Event::SequenceEnd | Event::MappingEnd => {
                stack.pop();
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(..) => {
                let wanted =
                    *document.get_or_insert_with(|| documents.get(&place(&span).0).unwrap_or(&nothing));
                if let Some(Frame::Mapping { node, value: value @ None }) = stack.last_mut()
                    && let Event::Scalar(name, ..) = &event
                {
                    let field = node.as_ref().and_then(|node| node.field(wanted, name));
                    consider(wanted, field.as_ref(), &span, &mut best);
                    *value = Some(field);
                    continue;
                }
                let node = match stack.last_mut() {
                    None => Some(Node { wanted: 0..wanted.len(), length: 0 }),
                    Some(Frame::Sequence { node, next }) => {
                        *next += 1;
                        node.as_ref().and_then(|node| node.below(wanted, &format!("[{}]", *next - 1)))
                    }
                    Some(Frame::Mapping { value, .. }) => value.take().flatten(),
                };
                consider(wanted, node.as_ref(), &span, &mut best);
                match event {
                    Event::SequenceStart(..) => stack.push(Frame::Sequence { node, next: 0 }),
                    Event::MappingStart(..) => stack.push(Frame::Mapping { node, value: None }),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    best.into_iter().map(|best| best.map(|(at, _)| at)).collect()
}

impl Node {
    /// Returns what of `path`, a wanted one that begins as this node's, lies below.
    fn rest<'p>(&self, path: &'p str) -> &'p [u8] {
        path.as_bytes().get(self.length..).unwrap_or_default()
    }

    /// Returns the field `name` of this mapping, where it is wanted.
    fn field(&self, wanted: &Wanted<'_>, name: &str) -> Option<Self> {
        if self.length == 0 { self.below(wanted, name) } else { self.below(wanted, &format!(".{name}")) }
    }

    /// Returns the node whose path is this one's and `suffix`, where some wanted path begins so.
    fn below(&self, wanted: &Wanted<'_>, suffix: &str) -> Option<Self> {
        let paths = wanted.get(self.wanted.clone())?;
        let bytes = suffix.as_bytes();
        let skipped = paths.partition_point(|path| self.rest(path.0) < bytes);
        let count = paths.get(skipped..)?.partition_point(|path| self.rest(path.0).starts_with(bytes));
        let first = self.wanted.start + skipped;
        (count > 0).then(|| Self { wanted: first..first + count, length: self.length + suffix.len() })
    }
}

/// A place, and how much of the wanted path lies below it.
type Best = Option<((u32, u32), usize)>;

/// Keeps the deepest node that is a wanted one or an ancestor of it; of equals the first, which is the key.
fn consider(wanted: &Wanted<'_>, node: Option<&Node>, span: &Span, best: &mut [Best]) {
    let Some(node) = node else { return };
    for (path, number) in wanted.get(node.wanted.clone()).unwrap_or_default() {
        let rest = path.get(node.length..).unwrap_or_default();
        let is_ancestor = node.length == 0 || rest.is_empty() || rest.starts_with(['.', '[']);
        if let Some(best) = best.get_mut(*number).filter(|_| is_ancestor)
            && best.is_none_or(|(_, left)| rest.len() < left)
        {
            *best = Some((place(span), rest.len()));
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
    use alloc::string::ToString;

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

    #[test]
    fn many_fields_of_many_documents_are_found_in_one_pass() {
        let text = TEXT.replace("name: x", "name: x\n  names: y");
        let fields = [
            (3, "metadata.names"),
            (3, "metadata.name"),
            (1, "a"),
            (3, "metadata.name.x"),
            (3, "metadata.nam"),
            (3, "spec.rules[0].to"),
            (3, "spec.rules[10]"),
            (3, "metadata.names"),
            (3, ""),
        ];
        let fields = fields.map(|(line, path)| (line, path.to_string()));
        let found = positions(&text, &fields);
        let expected = [(5, 3), (4, 3), (1, 1), (4, 3), (3, 1), (8, 5), (7, 3), (5, 3), (3, 1)];
        assert_eq!(found, expected.map(Some));
    }

    #[test]
    fn a_key_with_dots_is_one_step() {
        let text = "metadata:\n  labels:\n    a.b/c: x\n    a: {b: y}\n";
        assert_eq!(position(text, 1, "metadata.labels.a.b/c"), Some((3, 5)));
        assert_eq!(position(text, 1, "metadata.labels.a.b"), Some((4, 9)));
    }
}
