//! Results as Markdown tables.

use core::fmt::Write;
use std::collections::BTreeSet;

use super::results::{OWN, Result};

/// Returns a table for each shape, with a row for each engine and kind of request and a column for each number of rules. The
/// last column is the quotient of the engine's time and Palisade's, at the largest number of rules that both have.
pub(super) fn all(results: &[Result]) -> String {
    let shapes: BTreeSet<&str> = results.iter().map(|r| &*r.shape).collect();
    let mut text = String::new();
    for shape in shapes {
        let of_shape: Vec<&Result> = results.iter().filter(|r| r.shape == shape).collect();
        let _ = writeln!(text, "\n### {shape}\n\n{}", one(&of_shape));
    }
    text
}

fn one(results: &[&Result]) -> String {
    let sizes: BTreeSet<u64> = results.iter().map(|r| r.n).collect();
    let columns: Vec<String> = sizes.iter().map(|n| format!(" {} |", thousands(*n as f64))).collect();
    let mut text =
        format!("| ns | |{} × Palisade |\n|---|---|{}---:|\n", columns.concat(), "---:|".repeat(sizes.len()));
    let mut rows: Vec<(bool, &str, &str)> =
        results.iter().map(|r| (r.engine != OWN, &*r.engine, &*r.requests)).collect();
    rows.sort_unstable();
    rows.dedup();
    let find = |engine: &str, requests: &str, n: u64| {
        let mut found = results.iter().filter(|r| r.engine == engine && r.requests == requests && r.n == n);
        found.next().map(|r| r.nanoseconds)
    };
    for (_, engine, requests) in rows {
        let _ = write!(text, "| {engine} | {requests} |");
        for n in &sizes {
            let _ = match find(engine, requests, *n) {
                Some(value) => write!(text, " {} |", thousands(value)),
                None => write!(text, " |"),
            };
        }
        let both =
            sizes.iter().rev().find_map(|n| Some((find(engine, requests, *n)?, find(OWN, requests, *n)?)));
        let _ = match both {
            Some((theirs, ours)) => writeln!(text, " {} |", thousands(theirs / ours)),
            None => writeln!(text, " |"),
        };
    }
    text
}

/// Returns the number with thousands separators, and with one decimal place below ten.
pub(super) fn thousands(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(engine: &str, n: u64, nanoseconds: f64) -> Result {
        let (shape, requests) = ("policies".to_owned(), "miss".to_owned());
        Result { shape, engine: engine.to_owned(), requests, n, nanoseconds }
    }

    #[test]
    fn palisade_is_first_and_quotients_use_the_largest_common_size() {
        let results = [
            result("cel", 1, 300.0),
            result("cel", 1000, 70_000.0),
            result(OWN, 1, 40.0),
            result(OWN, 1000, 50.0),
            result(OWN, 10_000, 50.0),
        ];
        let text = all(&results);
        assert!(text.contains("| ns | | 1 | 1,000 | 10,000 | × Palisade |"), "{text}");
        assert!(text.contains("| cel | miss | 300 | 70,000 | | 1,400 |"), "{text}");
        assert!(text.find("palisade") < text.find("cel"), "{text}");
    }
}
