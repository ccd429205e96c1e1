//! A chart of the time against the number of rules, both on logarithmic scales.

use core::fmt::Write;
use std::collections::BTreeSet;

use super::results::Result;

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 230.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 8] =
    ["#d62728", "#7f7f7f", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf"];

/// Returns the chart of the shape `policies` with random requests, as SVG.
pub(super) fn draw(results: &[Result]) -> String {
    let shown: Vec<&Result> =
        results.iter().filter(|r| r.shape == "policies" && r.requests == "random").collect();
    let decades = |value: f64| value.max(1.0).log10();
    let most_rules = shown.iter().map(|r| decades(r.n as f64)).fold(1.0, f64::max);
    let most_time = shown.iter().map(|r| decades(r.nanoseconds)).fold(1.0, f64::max).ceil();
    let x = |n: f64| LEFT + decades(n) / most_rules * (WIDTH - LEFT - RIGHT);
    let y = |ns: f64| HEIGHT - BOTTOM - decades(ns) / most_time * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for decade in 0..=most_time as i32 {
        let (ns, at) = (10f64.powi(decade), y(10f64.powi(decade)));
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{ns:.0} ns</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for n in shown.iter().map(|r| r.n).collect::<BTreeSet<_>>() {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{n}</text>",
            x(n as f64),
            HEIGHT - BOTTOM + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">policies</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0
    );
    let mut engines: Vec<&str> = shown.iter().map(|r| &*r.engine).collect();
    engines.sort_by_key(|engine| (*engine != "palisade", *engine));
    engines.dedup();
    for (engine, colour) in engines.iter().zip(COLOURS.iter().cycle()) {
        let points: Vec<String> = shown
            .iter()
            .filter(|r| r.engine == *engine)
            .map(|r| format!("{:.1},{:.1}", x(r.n as f64), y(r.nanoseconds)))
            .collect();
        let Some((last_x, last_y)) = points.last().and_then(|point| point.split_once(',')) else { continue };
        let width = if *engine == "palisade" { 3 } else { 1 };
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\
             <text x=\"{last_x}\" y=\"{last_y}\" dx=\"6\" dy=\"4\" fill=\"{colour}\">{engine}</text>",
            points.join(" ")
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_has_a_line_for_each_engine() {
        let result = |engine: &str, n, nanoseconds| Result {
            shape: "policies".to_owned(),
            engine: engine.to_owned(),
            requests: "random".to_owned(),
            n,
            nanoseconds,
        };
        let svg =
            draw(&[result("cel", 1, 300.0), result("cel", 1000, 70_000.0), result("palisade", 1, 40.0)]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains(">cel</text>") && svg.ends_with("</svg>\n"));
    }
}
