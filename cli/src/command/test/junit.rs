//! Test results as JUnit XML: a suite a file.

use palisade_cases::{CaseReport, CaseResult, FileReport, Mismatch, Report};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

/// The whole report.
pub(super) fn render(report: &Report) -> String {
    let mut junit = Junit::new("palisade");
    for file in &report.files {
        junit.add_test_suite(suite(file));
    }
    junit.to_string().unwrap_or_default()
}

fn suite(file: &FileReport) -> TestSuite {
    let name = file.file.display().to_string();
    let mut suite = TestSuite::new(name.clone());
    for report in &file.cases {
        let mut case = TestCase::new(report.case.name.clone(), status(report));
        case.set_classname(name.clone());
        case.extra.insert("file".into(), name.clone().into());
        case.extra.insert("line".into(), report.case.line.to_string().into());
        suite.add_test_case(case);
    }
    if file.cases.is_empty() && !file.errors.is_empty() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let texts: Vec<String> = file.errors.iter().map(ToString::to_string).collect();
        status.set_message(texts.join("\n"));
        suite.add_test_case(TestCase::new("(file)", status));
    }
    suite
}

fn status(report: &CaseReport) -> TestCaseStatus {
    let refused = |kind, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message);
        status
    };
    match &report.result {
        CaseResult::Flow(_, found) | CaseResult::Load(_, found) if found.is_empty() => {
            TestCaseStatus::success()
        }
        CaseResult::Flow(_, found) | CaseResult::Load(_, found) => {
            let texts: Vec<String> = found.iter().map(Mismatch::to_string).collect();
            refused(NonSuccessKind::Failure, texts.join("\n"))
        }
        CaseResult::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.clone());
            status
        }
        CaseResult::Wrong(error) => refused(NonSuccessKind::Error, error.to_string()),
        CaseResult::Failed(error) => refused(NonSuccessKind::Error, error.clone()),
    }
}
