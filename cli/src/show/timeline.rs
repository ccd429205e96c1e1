//! Timelines: a table for people, an object for scripts.

use super::style::{BAD, DIM, DOUBT, GOOD, paint};
use crate::command::{Stretch, Timeline};
use core::{fmt::Write, net::IpAddr};
use palisade::Verdict;
use palisade_cases::{ByJson, spell};
use serde::Serialize;

/// The table of `timelines` of the flow that `title` describes.
pub(crate) fn text(title: &str, timelines: &[Timeline]) -> String {
    let mut out = String::new();
    for timeline in timelines {
        let ip = timeline.ip.map(|ip| format!(" ({ip})")).unwrap_or_default();
        let _ = writeln!(out, "{}\n", paint(DIM, format!("{title}{ip}")));
        let cells: Vec<[String; 4]> = timeline.stretches.iter().map(cells).collect();
        let header = ["FROM", "UNTIL", "VERDICT", "BY"].map(str::to_owned);
        let width = |column: usize| {
            let rows = cells.iter().chain([&header]);
            rows.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2), width(3)];
        let _ = writeln!(out, "  {}  BECAUSE", row(&header, &widths, None));
        for (stretch, cells) in timeline.stretches.iter().zip(&cells) {
            let _ = writeln!(out, "  {}  {}", row(cells, &widths, Some(stretch.verdict)), stretch.because);
        }
        out.push('\n');
    }
    out
}

fn cells(stretch: &Stretch) -> [String; 4] {
    let (layer, by) = &stretch.by;
    let until = stretch.until.map_or_else(|| "-".to_owned(), moment);
    [moment(stretch.from), until, stretch.verdict.as_str().to_owned(), spell(*layer, by)]
}

fn row(cells: &[String; 4], widths: &[usize; 4], verdict: Option<Verdict>) -> String {
    let style = verdict.map(|verdict| match verdict {
        Verdict::Allow => GOOD,
        Verdict::NeedsRequest | Verdict::Ask => DOUBT,
        Verdict::Deny | Verdict::Reject | Verdict::PolicyError => BAD,
    });
    let mut out = Vec::new();
    for (n, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let padded = format!("{cell:width$}");
        out.push(match style {
            Some(style) if n == 2 => paint(style, padded),
            _ => padded,
        });
    }
    out.join("  ")
}

/// Milliseconds as seconds.
fn moment(milliseconds: u64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    if rest == 0 { format!("{seconds}s") } else { format!("{seconds}.{rest:03}s") }
}

#[derive(Serialize)]
struct TimelinesJson<'t> {
    name: &'t str,
    timelines: Vec<TimelineJson<'t>>,
}

#[derive(Serialize)]
struct TimelineJson<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    stretches: Vec<StretchJson<'t>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StretchJson<'t> {
    /// Milliseconds since the beginning.
    from: u64,
    until: Option<u64>,
    verdict: &'static str,
    decided_by: ByJson,
    because: &'t str,
}

/// The same as JSON.
pub(crate) fn json(title: &str, timelines: &[Timeline]) -> String {
    let timelines = timelines
        .iter()
        .map(|t| TimelineJson { ip: t.ip, stretches: t.stretches.iter().map(stretch_json).collect() })
        .collect();
    let text = serde_json::to_string_pretty(&TimelinesJson { name: title, timelines }).unwrap_or_default();
    format!("{text}\n")
}

fn stretch_json(stretch: &Stretch) -> StretchJson<'_> {
    let (layer, by) = &stretch.by;
    StretchJson {
        from: stretch.from,
        until: stretch.until,
        verdict: stretch.verdict.as_str(),
        decided_by: ByJson::new(*layer, by),
        because: &stretch.because,
    }
}
