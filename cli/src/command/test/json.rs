//! Test results for scripts.

use crate::command::lint::finding;
use palisade_cases::{CaseJson, CaseReport, CaseResult, FileReport, Mismatch, Report};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct FileJson {
    file: String,
    cases: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Value>,
}

/// The whole report, on one line a file would be unreadable: indented.
pub(super) fn render(report: &Report) -> String {
    let summary = report.summary();
    let report = json!({
        "files": report.files.iter().map(file).collect::<Vec<_>>(),
        "summary": {"passed": summary.passed, "failed": summary.failed, "skipped": summary.skipped},
    });
    format!("{report:#}\n")
}

fn file(report: &FileReport) -> FileJson {
    FileJson {
        file: report.file.display().to_string(),
        cases: report.cases.iter().map(case).collect(),
        errors: report.errors.iter().map(finding).collect(),
    }
}

fn case(report: &CaseReport) -> Value {
    let name = &report.case.name;
    let (mut value, found) = match &report.result {
        CaseResult::Flow(answer, found) => (CaseJson::new(name, answer), found),
        CaseResult::Load(answer, found) => {
            (CaseJson::bare(name, if answer.valid { "valid" } else { "invalid" }), found)
        }
        CaseResult::Skipped(reason) => return json!({"name": name, "skipped": reason}),
        CaseResult::Wrong(error) => return failed(report, &error.message),
        CaseResult::Failed(error) => return failed(report, error),
    };
    value.mismatches = found.iter().map(Mismatch::to_string).collect();
    value.expected = Some(report.case.expected().as_str());
    value.passed = Some(report.passed());
    serde_json::to_value(value).unwrap_or_default()
}

fn failed(report: &CaseReport, error: &str) -> Value {
    json!({
        "name": report.case.name, "error": error, "expected": report.case.expected().as_str(), "passed": false,
    })
}
