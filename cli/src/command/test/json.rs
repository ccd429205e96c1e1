//! Test results as JSON.

use crate::{
    report::{AnswerJson, changed_options, finding},
    show::text::Text,
};
use palisade_cases::{CaseReport, CaseResult, FileReport, Mismatch, Report};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct ReportJson<'r> {
    files: Vec<FileJson<'r>>,
    summary: SummaryJson,
}

#[derive(Serialize)]
struct SummaryJson {
    passed: usize,
    failed: usize,
    skipped: usize,
}

#[derive(Serialize)]
struct FileJson<'r> {
    file: String,
    cases: Vec<Line<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Value>,
}

/// A decided case, a failed case or a skipped case.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'r> {
    Answered(Box<AnswerJson>),
    Failed { name: &'r str, error: &'r str, expected: &'static str, passed: bool },
    Skipped { name: &'r str, skipped: &'r str },
}

/// Returns the report on one line.
pub(super) fn render(report: &Report) -> Text {
    let summary = report.summary();
    let report = ReportJson {
        files: report.files.iter().map(file).collect(),
        summary: SummaryJson { passed: summary.passed, failed: summary.failed, skipped: summary.skipped },
    };
    Text::json(&report)
}

fn file(report: &FileReport) -> FileJson<'_> {
    FileJson {
        file: report.file.display().to_string(),
        cases: report.cases.iter().map(line).collect(),
        errors: report.errors.iter().map(finding).collect(),
    }
}

fn line(report: &CaseReport) -> Line<'_> {
    let name = report.case.name.as_str();
    let expected = report.case.expected().as_str();
    let failed = |error| Line::Failed { name, error, expected, passed: false };
    let (mut answer, found) = match &report.result {
        CaseResult::Flow(answer, found) => (AnswerJson::new(name, answer), found),
        CaseResult::Load(answer, found) => {
            (AnswerJson::bare(name, if answer.valid { "valid" } else { "invalid" }), found)
        }
        CaseResult::Skipped(reason) => return Line::Skipped { name, skipped: reason },
        CaseResult::Invalid(error) => return failed(error.message.as_str()),
        CaseResult::Failed(error) => return failed(error.as_str()),
    };
    answer.mismatches = found.iter().map(Mismatch::to_string).collect();
    answer.options = changed_options(&report.case.options);
    answer.expected = Some(expected);
    answer.passed = Some(report.passed());
    Line::Answered(Box::new(answer))
}
