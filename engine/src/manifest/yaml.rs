//! Parses YAML documents with limits on aliases, depth and size.

use super::{error, positions::Positions};
use crate::{
    diagnostic::{Diagnostic, Origin},
    limits,
    resource::Resources,
};
use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Spanned;

/// One Kubernetes object of a YAML text: a document, or an item of a List.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The value; never null.
    pub value: Value,
    /// The position.
    pub origin: Origin,
}

/// Adds every object of `text` to `resources`, and returns the findings. `file` is the file name in the findings.
///
/// Nothing of an invalid document is added; the other documents are.
///
/// ```
/// use palisade::{manifest, resource::Resources};
///
/// let mut resources = Resources::default();
/// let text = "apiVersion: v1\nkind: Namespace\nmetadata: {nam: foo}\n";
/// let findings = manifest::load("ns.yaml", text, &mut resources);
/// assert_eq!(findings[0].to_string(), "ns.yaml:3:1: error: Namespace without a name (Namespace (no name), \
///     metadata.name); help: give the object a metadata.name");
/// ```
pub fn load(file: &str, text: &str, resources: &mut Resources) -> Vec<Diagnostic> {
    let (documents, mut findings) = documents(file, text);
    for document in documents {
        let origin = document.origin.clone();
        if let Err(finding) = resources.add(document.value, document.origin) {
            findings.push(Diagnostic { origin, ..finding });
        }
    }
    place(&mut findings, text);
    findings
}

/// Sets the position of each finding without one. `text` is the file of all of them.
pub fn place(findings: &mut [Diagnostic], text: &str) {
    if findings.iter().any(|finding| finding.position.is_none()) {
        Positions::new(text).place(findings);
    }
}

/// Returns the objects of `text`, including each item of a List. Empty documents are ignored. A syntax error discards all
/// objects of the file.
pub fn documents(file: &str, text: &str) -> (Vec<Document>, Vec<Diagnostic>) {
    let origin = Origin { file: Some(Arc::from(file)), line: 1, ..Origin::default() };
    let values = match too_large(text).map_or_else(|| parse(text), Err) {
        Ok(values) => values,
        Err(finding) => {
            let line = finding.position.map_or(1, |(line, _)| line);
            return (Vec::new(), alloc::vec![Diagnostic { origin: Origin { line, ..origin }, ..finding }]);
        }
    };
    let mut documents = Vec::new();
    for (document, value) in (0..).zip(values) {
        let line = u32::try_from(value.referenced.line()).unwrap_or(u32::MAX);
        unfold(value.value, Origin { line, document, ..origin.clone() }, &mut documents);
    }
    (documents, Vec::new())
}

/// Deserializes the only document of `text` as a `T`, for example a case file.
///
/// # Errors
///
/// A syntax error, an unknown field or an invalid value, with its path and position.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Diagnostic> {
    let mut path = String::new();
    let read = |deserializer: serde_saphyr::Deserializer<'_, '_>| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            path = error.path().to_string();
            error.into_inner()
        })
    };
    let result = match too_large(text) {
        None => serde_saphyr::with_deserializer_from_str_with_options(text, options(), read)
            .map_err(|error| error::diagnostic(&error, text)),
        Some(finding) => Err(finding),
    };
    result.map_err(|finding| {
        let line = finding.position.map_or(1, |(line, _)| line);
        let path = path.trim_start_matches('.').trim_start_matches('?');
        let finding = if path.is_empty() { finding } else { finding.at(path) };
        Diagnostic { origin: Origin { file: Some(Arc::from(file)), line, ..Origin::default() }, ..finding }
    })
}

/// Adds `value`, or each item if it is a List, to `documents`.
fn unfold(mut value: Value, origin: Origin, documents: &mut Vec<Document>) {
    if value.is_null() {
        return;
    }
    let is_list = value.get("kind").is_some_and(|kind| kind == "List");
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            for (n, item) in items.into_iter().enumerate() {
                let inside = format!("items[{n}]");
                let item_path =
                    if origin.item.is_empty() { inside } else { format!("{}.{inside}", origin.item) };
                unfold(item, Origin { item: item_path, ..origin.clone() }, documents);
            }
        }
        taken => {
            if let (Some(items), Some(fields)) = (taken, value.as_object_mut()) {
                fields.insert("items".to_string(), items);
            }
            documents.push(Document { value, origin });
        }
    }
}

/// Returns the value of one document.
pub(crate) fn value(text: &str) -> Result<Value, Diagnostic> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|e| error::diagnostic(&e, text))
}

fn parse(text: &str) -> Result<Vec<Spanned<Value>>, Diagnostic> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|e| error::diagnostic(&e, text))
}

fn too_large(text: &str) -> Option<Diagnostic> {
    (text.len() > limits::MAX_MANIFEST_BYTES).then(|| {
        let message = format!("file of {} bytes, more than {}", text.len(), limits::MAX_MANIFEST_BYTES);
        Diagnostic::error("too-large", message).help("split the file")
    })
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::MAX_DEPTH,
            max_documents: limits::MAX_DOCUMENTS,
            max_nodes: limits::MAX_NODES,
            max_events: limits::MAX_NODES * 4,
            max_total_scalar_bytes: limits::MAX_MANIFEST_BYTES,
            max_aliases: limits::MAX_NODES,
            max_anchors: limits::MAX_NODES,
            // Two anchors that a thousand cases use are no bomb: the limit on replayed events refuses those.
            enforce_alias_anchor_ratio: false,
        },
        with_snippet: false,
    }
}
