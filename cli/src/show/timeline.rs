//! Timelines as a table and as JSON.

use super::{
    style::{DIM, PLAIN, of_verdict},
    text::{Text, paint},
};
use crate::{
    report::ByJson,
    timeline::{Period, Timeline},
};
use anstyle::Style;
use core::net::IpAddr;
use palisade::visible;
use palisade_cases::describe_decider;
use serde::Serialize;

/// The maximum number of addresses that are shown.
const TIMELINES: usize = 100;
/// The maximum number of periods of one address.
const PERIODS: usize = 100;

/// Returns the table of `timelines` of the flow that `title` describes.
pub(crate) fn text(title: &str, timelines: &[Timeline]) -> Text {
    let mut out = Text::default();
    for timeline in timelines.iter().take(TIMELINES) {
        let ip = timeline.ip.map(|ip| format!(" ({ip})")).unwrap_or_default();
        out.line(&[&paint(DIM, format!("{title}{ip}"))]);
        out.line(&[]);
        let cells: Vec<[String; 4]> = timeline.periods.iter().take(PERIODS).map(cells).collect();
        let header = ["FROM", "UNTIL", "VERDICT", "BY"].map(str::to_owned);
        let width = |column: usize| {
            let rows = cells.iter().chain([&header]);
            rows.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2), width(3)];
        row(&mut out, &header, widths, PLAIN, "BECAUSE");
        for (period, cells) in timeline.periods.iter().zip(&cells) {
            row(&mut out, cells, widths, of_verdict(period.verdict), &period.because);
        }
        more(&mut out, timeline.periods.len().saturating_sub(PERIODS), "  ", "times");
        out.line(&[]);
    }
    more(&mut out, timelines.len().saturating_sub(TIMELINES), "", "addresses");
    out
}

/// Prints the number of lines that are left out.
fn more(out: &mut Text, count: usize, indent: &str, what: &str) {
    if count > 0 {
        out.line(&[&indent, &"and ", &count, &" more ", &what, &"; `--output json` prints all"]);
    }
}

/// Returns the cells of `period` as they are printed, so that their widths can be measured.
fn cells(period: &Period) -> [String; 4] {
    let (layer, by) = &period.by;
    let until = period.until.map_or_else(|| "-".to_owned(), moment);
    let by = visible(&describe_decider(*layer, by)).into_owned();
    [moment(period.from), until, period.verdict.as_str().to_owned(), by]
}

fn row(out: &mut Text, cells: &[String; 4], widths: [usize; 4], style: Style, because: &str) {
    let [from, until, verdict, by] = cells;
    let [first, second, third, fourth] = widths;
    out.line(&[
        &format!("  {from:first$}  {until:second$}  "),
        &paint(style, format!("{verdict:third$}")),
        &format!("  {by:fourth$}  "),
        &because,
    ]);
}

/// Returns milliseconds as seconds.
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
    stretches: Vec<PeriodJson<'t>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PeriodJson<'t> {
    /// Milliseconds since the start.
    from: u64,
    until: Option<u64>,
    verdict: &'static str,
    decided_by: ByJson,
    because: &'t str,
}

/// Returns `timelines` as JSON.
pub(crate) fn json(title: &str, timelines: &[Timeline]) -> Text {
    let timelines = timelines
        .iter()
        .map(|t| TimelineJson { ip: t.ip, stretches: t.periods.iter().map(period_json).collect() })
        .collect();
    Text::json_pretty(&TimelinesJson { name: title, timelines })
}

fn period_json(period: &Period) -> PeriodJson<'_> {
    let (layer, by) = &period.by;
    PeriodJson {
        from: period.from,
        until: period.until,
        verdict: period.verdict.as_str(),
        decided_by: ByJson::new(*layer, by),
        because: &period.because,
    }
}
