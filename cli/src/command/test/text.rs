//! Test results as text.

use crate::show::{
    style::{BAD, BOLD, DIM, DOUBT, GOOD, PLAIN},
    text::{Text, paint},
};
use palisade_cases::{CaseReport, CaseResult, FileReport, Mismatch, Report, describe_decider};
use std::collections::BTreeMap;

/// Returns the report. With `quiet`, it contains only files with failed cases.
pub(super) fn render(report: &Report, quiet: bool) -> Text {
    let mut out = Text::default();
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
        let state = match (bad, summary.failed) {
            (true, _) => paint(BAD, "BAD "),
            (_, 0) => paint(GOOD, "ok  "),
            _ => paint(BAD, "FAIL"),
        };
        let path = file.file.display();
        let passed = format!("{} passed", summary.passed);
        let [failed, skipped] =
            [(BAD, summary.failed, "failed"), (DOUBT, summary.skipped, "skipped")].map(|(style, n, what)| {
                paint(style, if n > 0 { format!(", {n} {what}") } else { String::new() })
            });
        out.line(&[&state, &" ", &path, &"  ", &passed, &failed, &skipped]);
        if !bad {
            file.cases.iter().for_each(|case| details(&mut out, file, case));
        }
    }
    let summary = report.summary();
    for (reason, count) in skips {
        out.line(&[&paint(DOUBT, "skipped"), &" ", &count, &": ", &reason]);
    }
    let count = |style, n: usize, what| paint(if n > 0 { style } else { PLAIN }, format!("{n} {what}"));
    out.line(&[
        &count(GOOD, summary.passed, "passed"),
        &", ",
        &count(BAD, summary.failed, "failed"),
        &", ",
        &count(DOUBT, summary.skipped, "skipped"),
        &format!(" in {} files", report.files.len()),
    ]);
    out
}

fn details(out: &mut Text, file: &FileReport, report: &CaseReport) {
    let mut decided_by = None;
    let why: Vec<String> = match &report.result {
        CaseResult::Flow(_, found) | CaseResult::Load(_, found) if found.is_empty() => return,
        CaseResult::Skipped(_) => return,
        CaseResult::Flow(answer, found) => {
            decided_by = answer.decided_by.as_ref().map(|(layer, by)| describe_decider(*layer, by));
            found.iter().map(Mismatch::to_string).collect()
        }
        CaseResult::Load(_, found) => found.iter().map(Mismatch::to_string).collect(),
        CaseResult::Invalid(finding) => vec![finding.message.clone()],
        CaseResult::Failed(reason) => vec![reason.clone()],
    };
    let place = format!("{}:{}", file.file.display(), report.case.line);
    out.line(&[&"  ", &paint(BOLD, &report.case.name), &"  ", &paint(DIM, place)]);
    for line in why.iter().flat_map(|text| text.lines()) {
        out.line(&[&"    ", &line]);
    }
    if let Some(by) = decided_by {
        out.line(&[&"    ", &paint(DIM, format!("decided by {by}"))]);
    }
}
