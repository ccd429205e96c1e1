//! What is wanted, what it is, and who is next: one table.

use core::fmt::Write;

use super::machine::Machine;
use super::results::Result;
use super::table::thousands;

/// Ours.
pub(super) const OWN: &str = "palisade";
const IN_WASM: &str = "palisade in wasmtime";

/// A figure that is wanted: of these requests, the dearest of all sizes or the one of a size, at most so many
/// nanoseconds.
struct Wanted {
    shape: &'static str,
    requests: &'static str,
    /// None for the dearest of all sizes.
    n: Option<u64>,
    at_most: f64,
}

const WANTED: [Wanted; 9] = [
    Wanted { shape: "policies", requests: "last", n: None, at_most: 60.0 },
    Wanted { shape: "policies", requests: "random", n: None, at_most: 60.0 },
    Wanted { shape: "policies", requests: "miss", n: None, at_most: 60.0 },
    Wanted { shape: "mix", requests: "average of 1,024 requests", n: Some(1_000), at_most: 250.0 },
    Wanted { shape: "mix", requests: "average of 1,024 requests", n: Some(10_000), at_most: 400.0 },
    Wanted { shape: "names", requests: "hit", n: None, at_most: 50.0 },
    Wanted { shape: "names", requests: "miss", n: None, at_most: 40.0 },
    Wanted { shape: "paths", requests: "hit", n: Some(1_000), at_most: 30.0 },
    Wanted { shape: "paths", requests: "miss", n: Some(1_000), at_most: 30.0 },
];

/// Our figure, at the dearest of the sizes.
fn ours<'r>(results: &'r [Result], wanted: &Wanted) -> Option<&'r Result> {
    let fitting = results.iter().filter(|r| {
        r.engine == OWN
            && r.shape == wanted.shape
            && r.requests == wanted.requests
            && wanted.n.is_none_or(|n| n == r.n)
    });
    fitting.max_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds))
}

/// The fastest of those for whom `is` holds, on the same question as `own`.
fn fastest<'r>(results: &'r [Result], own: &Result, is: impl Fn(&str) -> bool) -> Option<&'r Result> {
    let fitting = results.iter().filter(|r| {
        (&r.shape, &r.requests, r.n) == (&own.shape, &own.requests, own.n) && r.engine != OWN && is(&r.engine)
    });
    fitting.min_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds))
}

/// The table.
pub(super) fn all(results: &[Result]) -> String {
    let machine = Machine::of(results);
    let factor = machine.as_ref().map_or(1.0, Machine::factor);
    let mut text = machine.map_or_else(String::new, |machine| format!("{machine}\n\n"));
    text += "| | N | ns | wanted | | wanted × machine | | fastest library | × ours | fastest by hand | × ours |\n\
         |---|---:|---:|---:|---|---:|---|---|---:|---|---:|\n";
    for wanted in &WANTED {
        let Some(own) = ours(results, wanted) else { continue };
        let by_hand = |name: &str| name.starts_with("by hand");
        let library = |name: &str| !by_hand(name) && !name.starts_with("floor") && !name.starts_with(OWN);
        let show = |found: Option<&Result>| match found {
            Some(r) => format!(
                "{} {} | {}",
                r.engine,
                thousands(r.nanoseconds),
                thousands(r.nanoseconds / own.nanoseconds)
            ),
            None => "| ".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {}, {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            own.shape,
            own.requests,
            thousands(own.n as f64),
            thousands(own.nanoseconds),
            thousands(wanted.at_most),
            reached(own.nanoseconds, wanted.at_most),
            thousands(wanted.at_most * factor),
            reached(own.nanoseconds, wanted.at_most * factor),
            show(fastest(results, own, library)),
            show(fastest(results, own, by_hand)),
        );
    }
    text + &ratios(results)
}

/// Quotients of our own figures.
fn ratios(results: &[Result]) -> String {
    let mut text = String::from("\n| quotient | | wanted | |\n|---|---:|---:|---|\n");
    let find = |shape: &str, engine: &str, requests: &str, n: u64| {
        let same = |r: &&Result| (&*r.shape, &*r.engine, &*r.requests, r.n) == (shape, engine, requests, n);
        results.iter().find(same).map(|r| r.nanoseconds)
    };
    let mut row = |name: &str, over: Option<f64>, under: Option<f64>, at_most: f64| {
        if let (Some(over), Some(under)) = (over, under) {
            let quotient = over / under;
            let _ = writeln!(text, "| {name} | {quotient:.2} | {at_most} | {} |", reached(quotient, at_most));
        }
    };
    for requests in ["last", "random", "miss"] {
        let at = |n| find("policies", OWN, requests, n);
        row(&format!("policies, {requests}: 10,000 to 10"), at(10_000), at(10), 1.5);
    }
    for result in results.iter().filter(|r| r.engine == IN_WASM) {
        let native = find("wasm", OWN, &result.requests, result.n);
        let name = format!("{}, {}: wasmtime to native", result.requests, thousands(result.n as f64));
        row(&name, Some(result.nanoseconds), native, 2.0);
    }
    text
}

/// Whether a figure is what is wanted, or by how much it is not.
pub(super) fn reached(is: f64, at_most: f64) -> String {
    if is <= at_most {
        "reached".to_owned()
    } else {
        format!("missed by {:.0} %", (is / at_most - 1.0) * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(shape: &str, engine: &str, requests: &str, n: u64, nanoseconds: f64) -> Result {
        let [shape, engine, requests] = [shape, engine, requests].map(str::to_owned);
        Result { shape, engine, requests, n, nanoseconds }
    }

    #[test]
    fn the_dearest_size_counts_and_peers_are_asked_the_same() {
        let text = all(&[
            result("policies", OWN, "last", 10, 66.0),
            result("policies", OWN, "last", 10_000, 50.0),
            result("policies", "cel", "last", 10, 660.0),
            result("policies", "cel", "last", 10_000, 1.0),
            result("policies", "by hand: linear scan", "last", 10, 33.0),
            result("policies", "palisade, and by which rule", "last", 10, 99.0),
            result("policies", "floor: hash", "last", 10, 3.0),
        ]);
        let row = "| policies, last | 10 | 66 | 60 | missed by 10 % | 60 | missed by 10 % | cel 660 | 10 | by hand: linear scan 33 | 0.5 |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| policies, last: 10,000 to 10 | 0.76 | 1.5 | reached |"), "{text}");
    }

    #[test]
    fn more_is_wanted_of_a_faster_machine() {
        let text = all(&[
            result("policies", OWN, "last", 10, 66.0),
            result("policies", "cel, N programs", "last", 10, 1_114.0 * 1.5),
        ]);
        assert!(text.contains("1.50 times"), "{text}");
        assert!(text.contains("| policies, last | 10 | 66 | 60 | missed by 10 % | 90 | reached |"), "{text}");
    }

    #[test]
    fn wasm_is_held_against_native() {
        let text =
            all(&[result("wasm", OWN, "mix", 1000, 100.0), result("wasm", IN_WASM, "mix", 1000, 210.0)]);
        assert!(text.contains("| mix, 1,000: wasmtime to native | 2.10 | 2 | missed by 5 % |"), "{text}");
    }
}
