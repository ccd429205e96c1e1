//! YAML documents, by a library with limits on aliases, depth and size.

use super::locate;
use crate::{
    diagnostic::{Diagnostic, Origin, Severity},
    limits,
    resource::Resources,
};
use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use serde_json::Value;
use serde_saphyr::Spanned;

/// One YAML document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it holds; never null.
    pub value: Value,
    /// Where it stands.
    pub origin: Origin,
}

/// Reads every object of `text` into `resources`. `file` is the name that findings will carry.
///
/// A document that cannot be read is reported and leaves no trace in `resources`; the others are still read.
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
        if let Err(mut finding) = resources.add(document.value, document.origin) {
            finding.origin = origin;
            findings.push(finding);
        }
    }
    for finding in &mut findings {
        place(finding, text);
    }
    findings
}

/// Gives `finding` the line and column of its path in `text`, the file it is about.
pub(crate) fn place(finding: &mut Diagnostic, text: &str) {
    if finding.position.is_none() {
        finding.position = locate::position(text, finding.origin.line, &finding.path);
    }
}

/// The documents of `text`. Empty ones are left out. A syntax error ends the reading; what stood before is kept.
pub fn documents(file: &str, text: &str) -> (Vec<Document>, Vec<Diagnostic>) {
    let file: Arc<str> = file.into();
    let mut findings = Vec::new();
    let mut documents = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > limits::MAX_MANIFEST_BYTES {
        let message = format!("file of {} bytes, more than {}", text.len(), limits::MAX_MANIFEST_BYTES);
        let finding = Diagnostic::error("too-large", message).help("split the file");
        findings.push(finding.of("", &Origin { file: Some(file), line: 1, document: 0 }));
        return (documents, findings);
    }
    let origin = |line, document| Origin { file: Some(file.clone()), line, document };
    match parse(text) {
        Ok(values) => {
            for (n, value) in (0..).zip(values) {
                if !value.value.is_null() {
                    let line = to_u32(value.referenced.line());
                    documents.push(Document { value: value.value, origin: origin(line, n) });
                }
            }
        }
        Err(finding) => {
            let line = finding.position.map_or(1, |(line, _)| line);
            findings.push(Diagnostic { origin: origin(line, 0), ..finding });
        }
    }
    (documents, findings)
}

/// One document's value.
pub(crate) fn value(text: &str) -> Result<Value, Diagnostic> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|e| syntax_error(&e))
}

fn parse(text: &str) -> Result<Vec<Spanned<Value>>, Diagnostic> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|e| syntax_error(&e))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::MAX_DEPTH,
            max_documents: limits::MAX_DOCUMENTS,
            max_nodes: limits::MAX_NODES,
            max_events: limits::MAX_NODES * 4,
            max_total_scalar_bytes: limits::MAX_MANIFEST_BYTES,
        },
        with_snippet: false,
    }
}

fn syntax_error(error: &serde_saphyr::Error) -> Diagnostic {
    let position = error.location().map(|at| (to_u32(at.line()), to_u32(at.column())));
    let mut message: String = error.to_string();
    if let Some(end) = message.find(['\n']) {
        message.truncate(end);
    }
    Diagnostic {
        position,
        severity: Severity::Error,
        ..Diagnostic::error("yaml-syntax", message).help("correct the YAML; nothing of this file was read")
    }
}

fn to_u32(n: impl TryInto<u32>) -> u32 {
    n.try_into().unwrap_or(u32::MAX)
}
