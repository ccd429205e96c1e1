//! The Kubernetes objects in a YAML text, with their positions.

use super::positions::Positions;
use crate::{
    diagnostic::{Diagnostic, Origin},
    resource::Resources,
    yaml,
};
use alloc::{format, string::ToString, sync::Arc, vec::Vec};
use serde_json::Value;

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
///     metadata.name); help: add metadata.name");
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
    let values = match yaml::parse(text) {
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
