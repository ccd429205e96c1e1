//! Test results for people.

use crate::show::style::{BAD, BOLD, DIM, DOUBT, GOOD, paint};
use core::fmt::Write;
use palisade_cases::{CaseReport, CaseResult, FileReport, Mismatch, Report, spell};
use std::collections::BTreeMap;

/// The whole report; with `quiet`, files whose cases all passed are left out.
pub(super) fn render(report: &Report, quiet: bool) -> String {
    let mut out = String::new();
    let mut skips: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &report.files {
        let summary = file.summary();
        let bad = !file.errors.is_empty();
        for case in &file.cases {
            if let CaseResult::Skipped(reason) = &case.result {
                *skips.entry(reason).or_default() += 1;
            }
        }
        if quiet && summary.failed == 0 && !bad {
            continue;
        }
        let mut counts = vec![format!("{} passed", summary.passed)];
        if summary.failed > 0 {
            counts.push(paint(BAD, format!("{} failed", summary.failed)));
        }
        if summary.skipped > 0 {
            counts.push(paint(DOUBT, format!("{} skipped", summary.skipped)));
        }
        let state = match (bad, summary.failed) {
            (true, _) => paint(BAD, "BAD "),
            (_, 0) => paint(GOOD, "ok  "),
            _ => paint(BAD, "FAIL"),
        };
        let _ = writeln!(out, "{state} {}  {}", file.file.display(), counts.join(", "));
        if !bad {
            file.cases.iter().for_each(|case| details(&mut out, file, case));
        }
    }
    let summary = report.summary();
    for (reason, count) in skips {
        let _ = writeln!(out, "{} {count}: {reason}", paint(DOUBT, "skipped"));
    }
    let count = |style, n: usize, what| {
        if n > 0 { paint(style, format!("{n} {what}")) } else { format!("{n} {what}") }
    };
    let _ = writeln!(
        out,
        "{}, {}, {} in {} files",
        count(GOOD, summary.passed, "passed"),
        count(BAD, summary.failed, "failed"),
        count(DOUBT, summary.skipped, "skipped"),
        report.files.len(),
    );
    out
}

fn details(out: &mut String, file: &FileReport, report: &CaseReport) {
    let why: Vec<String> = match &report.result {
        CaseResult::Flow(_, found) | CaseResult::Load(_, found) if found.is_empty() => return,
        CaseResult::Skipped(_) => return,
        CaseResult::Flow(answer, found) => {
            let mut why: Vec<String> = found.iter().map(Mismatch::to_string).collect();
            if let Some((layer, by)) = &answer.decided_by {
                why.push(paint(DIM, format!("decided by {}", spell(*layer, by))));
            }
            why
        }
        CaseResult::Load(_, found) => found.iter().map(Mismatch::to_string).collect(),
        CaseResult::Wrong(finding) => vec![finding.message.clone()],
        CaseResult::Failed(reason) => vec![reason.clone()],
    };
    let place = format!("{}:{}", file.file.display(), report.case.line);
    let _ = writeln!(out, "  {}  {}", paint(BOLD, &report.case.name), paint(DIM, place));
    for line in why.iter().flat_map(|text| text.lines()) {
        let _ = writeln!(out, "    {line}");
    }
}
