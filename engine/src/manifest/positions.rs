//! Line, column and byte span of each field of a YAML text.

use crate::{
    diagnostic::{Diagnostic, Origin},
    limits::MAX_DEPTH,
};
use alloc::{boxed::Box, format, vec::Vec};
use core::ops::Range;
use serde_saphyr::granit_parser::{self, Event, Parser};

/// A part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Line of its first character, from 1.
    pub line: u32,
    /// Column of its first character, from 1, in characters.
    pub column: u32,
    start: u32,
    end: u32,
}

impl Span {
    /// Returns the bytes of the text that the span covers.
    pub fn bytes(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl From<&granit_parser::Span> for Span {
    fn from(span: &granit_parser::Span) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let bytes = span.byte_range().unwrap_or_default();
        Self {
            line: number(span.start.line()),
            column: number(span.start.col() + 1),
            start: number(bytes.start),
            end: number(bytes.end.max(bytes.start)),
        }
    }
}

/// A field in a text, or its nearest ancestor if the text does not contain the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name of the field; `None` for an item of a list and for a document.
    pub name: Option<Span>,
    /// The value of the field.
    pub value: Span,
    /// Whether this is the field itself.
    pub is_exact: bool,
}

impl Field {
    /// Line and column of the field: of its name, or else of its value.
    pub fn position(&self) -> (u32, u32) {
        let span = self.name.unwrap_or(self.value);
        (span.line, span.column)
    }
}

/// The positions of all fields of a YAML text.
///
/// ```
/// use palisade::manifest::Positions;
///
/// let text = "kind: Pod\nmetadata: {name: web}\n";
/// let field = Positions::new(text).find(1, "metadata.name").unwrap();
/// assert_eq!(field.position(), (2, 12));
/// assert_eq!(&text[field.value.bytes()], "web");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Positions {
    /// The documents in order, each with its first line.
    documents: Vec<(u32, Node)>,
}

/// A value of a document, with its field name if it has one.
#[derive(Clone, Debug)]
struct Node {
    name: Option<Span>,
    value: Span,
    children: Children,
}

#[derive(Clone, Debug)]
enum Children {
    None,
    Items(Vec<Node>),
    /// Sorted by name.
    Fields(Vec<(Box<str>, Node)>),
}

/// A collection that the parser is inside.
struct Open {
    value: Span,
    children: Children,
    /// The field name whose value comes next.
    name: Option<(Box<str>, Span)>,
}

impl Positions {
    /// Returns the positions of the fields of `text`, up to the first syntax error.
    pub fn new(text: &str) -> Self {
        let mut positions = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            // The loader rejects deeper documents, and nodes are dropped recursively.
            if open.len() > MAX_DEPTH {
                break;
            }
            let span = Span::from(&span);
            match event {
                Event::DocumentEnd => open.clear(),
                Event::SequenceStart(..) => {
                    open.push(Open { value: span, children: Children::Items(Vec::new()), name: None });
                }
                Event::MappingStart(..) => {
                    open.push(Open { value: span, children: Children::Fields(Vec::new()), name: None });
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(closed) = open.pop() {
                        positions.attach(&mut open, closed.close(span));
                    }
                }
                Event::Scalar(text, ..) => match open.last_mut() {
                    Some(Open { children: Children::Fields(_), name: name @ None, .. }) => {
                        *name = Some((text.as_ref().into(), span));
                    }
                    _ => positions.attach(&mut open, Node::leaf(span)),
                },
                Event::Alias(..) => positions.attach(&mut open, Node::leaf(span)),
                _ => {}
            }
        }
        positions
    }

    /// Adds `node` to the innermost open collection, or as a document.
    fn attach(&mut self, open: &mut [Open], mut node: Node) {
        let Some(parent) = open.last_mut() else {
            self.documents.push((node.value.line, node));
            return;
        };
        parent.value.end = parent.value.end.max(node.value.end);
        match &mut parent.children {
            Children::None => {}
            Children::Items(items) => items.push(node),
            Children::Fields(fields) => match parent.name.take() {
                Some((name, span)) => {
                    node.name = Some(span);
                    fields.push((name, node));
                }
                // A name that is a collection or an alias: no path contains it.
                None => parent.name = Some(("".into(), node.value)),
            },
        }
    }

    /// Returns the field at `path` in the document that begins at `line`, or its nearest ancestor.
    pub fn find(&self, line: u32, path: &str) -> Option<Field> {
        let at = self.documents.binary_search_by_key(&line, |(line, _)| *line).ok()?;
        let (_, document) = self.documents.get(at)?;
        let (node, rest) = document.descend(path);
        Some(Field { name: node.name, value: node.value, is_exact: rest == 0 })
    }

    /// Returns the field at `path` of the object that came from `origin`, or its nearest ancestor.
    pub fn field(&self, origin: &Origin, path: &str) -> Option<Field> {
        match (origin.item.as_str(), path) {
            ("", path) => self.find(origin.line, path),
            (item, "") => self.find(origin.line, item),
            (item, path) => self.find(origin.line, &format!("{item}.{path}")),
        }
    }

    /// Sets the position of each finding without one.
    pub fn place<'d>(&self, findings: impl IntoIterator<Item = &'d mut Diagnostic>) {
        for finding in findings {
            if finding.position.is_none() {
                finding.position = self.field(&finding.origin, &finding.path).map(|field| field.position());
            }
        }
    }
}

impl Open {
    /// Returns the collection, whose last event has this span.
    fn close(self, last: Span) -> Node {
        let mut value = self.value;
        // The end of a collection in flow style is its bracket. In block style it is the start of the next token.
        if last.end > last.start {
            value.end = value.end.max(last.end);
        }
        let mut children = self.children;
        if let Children::Fields(fields) = &mut children {
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        Node { name: None, value, children }
    }
}

impl Node {
    fn leaf(value: Span) -> Self {
        Self { name: None, value, children: Children::None }
    }

    /// Returns the deepest node on `path` and the number of bytes of the path below it.
    ///
    /// A name can contain dots, so each prefix of the path that ends at a dot or a bracket can be a name. A node has one
    /// path, so no node is visited twice.
    fn descend(&self, path: &str) -> (&Self, usize) {
        let mut best = (self, path.len());
        match &self.children {
            Children::None => {}
            Children::Items(items) => {
                let index = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let item =
                    index.and_then(|(index, rest)| Some((items.get(index.parse::<usize>().ok()?)?, rest)));
                if let Some((item, rest)) = item {
                    best = item.descend(rest);
                }
            }
            Children::Fields(fields) => {
                let path = path.strip_prefix('.').unwrap_or(path);
                let ends = path.match_indices(['.', '[']).map(|(end, _)| end).chain([path.len()]);
                for (name, rest) in ends.filter_map(|end| path.split_at_checked(end)) {
                    let at = fields.partition_point(|(own, _)| **own < *name);
                    if let Some((_, field)) = fields.get(at).filter(|(own, _)| **own == *name) {
                        let found = field.descend(rest);
                        if found.1 < best.1 || core::ptr::eq(best.0, self) {
                            best = found;
                        }
                    }
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    const TEXT: &str =
        "a: 1\n---\nmetadata:\n  name: x\nspec:\n  rules:\n  - to:\n    - operation: {methods: [GET]}\n";

    fn position(text: &str, line: u32, path: &str) -> Option<(u32, u32)> {
        Positions::new(text).find(line, path).map(|field| field.position())
    }

    fn value(text: &str, path: &str) -> String {
        let field = Positions::new(text).find(1, path).unwrap();
        assert!(field.is_exact, "{path}");
        text.get(field.value.bytes()).unwrap().to_string()
    }

    #[test]
    fn missing_field_has_position_of_nearest_ancestor() {
        assert_eq!(position(TEXT, 3, "spec.rules[0].to[0].operation.methods[0]"), Some((8, 29)));
        assert_eq!(position(TEXT, 3, "spec.rules[0].to[0].operation.methods"), Some((8, 19)));
        assert_eq!(position(TEXT, 3, "spec.rules[0].from"), Some((7, 5)));
        assert_eq!(position(TEXT, 3, "metadata.namespace"), Some((3, 1)));
        assert_eq!(position(TEXT, 1, "a"), Some((1, 1)));
        assert_eq!(position(TEXT, 9, "a"), None);
    }

    #[test]
    fn name_that_begins_like_another_is_another_field() {
        let text = TEXT.replace("name: x", "name: x\n  names: y");
        for (path, expected) in [
            ("metadata.names", (5, 3)),
            ("metadata.name", (4, 3)),
            ("metadata.name.x", (4, 3)),
            ("metadata.nam", (3, 1)),
            ("spec.rules[0].to", (8, 5)),
            ("spec.rules[10]", (7, 3)),
            ("", (3, 1)),
        ] {
            assert_eq!(position(&text, 3, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn name_with_dots_is_one_step() {
        let text = "metadata:\n  labels:\n    a.b/c: x\n    a: {b: y}\n";
        assert_eq!(position(text, 1, "metadata.labels.a.b/c"), Some((3, 5)));
        assert_eq!(position(text, 1, "metadata.labels.a.b"), Some((4, 9)));
    }

    #[test]
    fn value_span_covers_whole_value() {
        let text = "a:\n  b: [1, {c: 'd'}] # e\n  f:\n  - g: \"h\"\n    i: j\n\n# k\nl: 1\n";
        assert_eq!(value(text, "a.b"), "[1, {c: 'd'}]");
        assert_eq!(value(text, "a.b[1].c"), "'d'");
        assert_eq!(value(text, "a.f[0]"), "g: \"h\"\n    i: j");
        assert_eq!(value(text, "a.f[0].i"), "j");
        assert_eq!(value(text, "l"), "1");
        assert!(!Positions::new(text).find(1, "a.x").unwrap().is_exact);
    }

    #[test]
    fn nesting_beyond_limit_ends_positions() {
        let text = "[".repeat(100_000);
        assert!(Positions::new(&text).find(1, "[0]").is_none());
    }
}
