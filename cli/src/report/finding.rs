//! Findings as JSON.

use palisade::{Diagnostic, Severity};
use serde_json::{Value, json};

/// Returns the JSON form of a finding.
pub(crate) fn finding(finding: &Diagnostic) -> Value {
    json!({
        "code": finding.code,
        "severity": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": finding.message,
        "help": finding.help,
        "refusedBy": finding.refused_by.iter().map(|authority| authority.as_str()).collect::<Vec<_>>(),
        "resource": finding.resource,
        "path": finding.path,
        "file": finding.origin.file.as_deref(),
        "line": finding.position.map_or(finding.origin.line, |(line, _)| line),
        "column": finding.position.map(|(_, column)| column),
    })
}
