//! The calls of the YAML library, with the limits of manifests.

use super::error;
use crate::{
    diagnostic::{Diagnostic, Origin},
    limits,
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

/// Returns the value of one document.
pub(super) fn value(text: &str) -> Result<Value, Diagnostic> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|e| error::diagnostic(&e, text))
}

/// Returns the value of each document, with its position.
pub(crate) fn parse(text: &str) -> Result<Vec<Spanned<Value>>, Diagnostic> {
    if let Some(finding) = too_large(text) {
        return Err(finding);
    }
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
            // Many cases use two anchors, which is harmless. The limit on replayed events rejects harmful aliases.
            enforce_alias_anchor_ratio: false,
        },
        with_snippet: false,
    }
}
