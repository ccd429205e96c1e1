//! Test results as JUnit XML, one suite per file.

use crate::show::text::Text;
use palisade::visible;
use palisade_cases::{CaseReport, CaseResult, FileReport, Report};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

/// Returns the report.
pub(super) fn render(report: &Report) -> Text {
    let mut junit = Junit::new("palisade");
    for file in &report.files {
        junit.add_test_suite(suite(file));
    }
    Text::lines(&junit.to_string().unwrap_or_default())
}

fn suite(file: &FileReport) -> TestSuite {
    let name = visible(&file.file.display().to_string()).into_owned();
    let mut suite = TestSuite::new(name.clone());
    for report in &file.cases {
        let mut case = TestCase::new(visible(&report.case.name), status(report));
        case.set_classname(name.clone());
        case.extra.insert("file".into(), name.clone().into());
        case.extra.insert("line".into(), report.case.line.to_string().into());
        suite.add_test_case(case);
    }
    if file.cases.is_empty() && !file.errors.is_empty() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(lines(&file.errors));
        suite.add_test_case(TestCase::new("(file)", status));
    }
    suite
}

/// Returns a line for each item. The library drops control characters that XML cannot contain, so they are escaped.
fn lines<T: ToString>(items: &[T]) -> String {
    let lines = items
        .iter()
        .flat_map(|item| item.to_string().lines().map(|line| visible(line).into_owned()).collect::<Vec<_>>());
    lines.collect::<Vec<_>>().join("\n")
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
            refused(NonSuccessKind::Failure, lines(found))
        }
        CaseResult::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(visible(reason));
            status
        }
        CaseResult::Invalid(error) => {
            refused(NonSuccessKind::Error, visible(&error.to_string()).into_owned())
        }
        CaseResult::Failed(error) => refused(NonSuccessKind::Error, visible(error).into_owned()),
    }
}
