//! One table of measured figures, their targets, and the fastest alternative.

use core::fmt::Write;

use super::machine::Machine;
use super::results::{OWN, Result};
use super::table::thousands;

/// The name of the WebAssembly build in the results.
const IN_WASM: &str = "palisade in wasmtime";

/// The largest time of some requests, in nanoseconds.
struct Target {
    shape: &'static str,
    requests: &'static str,
    /// The number of rules, or `None` for the slowest number.
    n: Option<u64>,
    at_most: f64,
}

const TARGETS: [Target; 9] = [
    Target { shape: "policies", requests: "last", n: None, at_most: 60.0 },
    Target { shape: "policies", requests: "random", n: None, at_most: 60.0 },
    Target { shape: "policies", requests: "miss", n: None, at_most: 60.0 },
    Target { shape: "mix", requests: "average of 1,024 requests", n: Some(1_000), at_most: 250.0 },
    Target { shape: "mix", requests: "average of 1,024 requests", n: Some(10_000), at_most: 400.0 },
    Target { shape: "names", requests: "hit", n: None, at_most: 50.0 },
    Target { shape: "names", requests: "miss", n: None, at_most: 40.0 },
    Target { shape: "paths", requests: "hit", n: Some(1_000), at_most: 30.0 },
    Target { shape: "paths", requests: "miss", n: Some(1_000), at_most: 30.0 },
];

/// Returns the result that the target limits: the slowest of the matching sizes.
fn measured<'r>(results: &'r [Result], target: &Target) -> Option<&'r Result> {
    let fitting = results.iter().filter(|r| {
        r.engine == OWN
            && r.shape == target.shape
            && r.requests == target.requests
            && target.n.is_none_or(|n| n == r.n)
    });
    fitting.max_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds))
}

/// Returns the fastest result of the same requests as `own` among the engines for which `is` returns true.
fn fastest<'r>(results: &'r [Result], own: &Result, is: impl Fn(&str) -> bool) -> Option<&'r Result> {
    let fitting = results.iter().filter(|r| {
        (&r.shape, &r.requests, r.n) == (&own.shape, &own.requests, own.n) && r.engine != OWN && is(&r.engine)
    });
    fitting.min_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds))
}

/// Returns the table.
pub(super) fn all(results: &[Result]) -> String {
    let machine = Machine::of(results);
    let factor = machine.as_ref().map_or(1.0, Machine::factor);
    let mut text = machine.map_or_else(String::new, |machine| format!("{machine}\n\n"));
    text += "| | N | measured, ns | target | | target × machine | | fastest library | × Palisade | fastest hand-written baseline | × Palisade |\n\
         |---|---:|---:|---:|---|---:|---|---|---:|---|---:|\n";
    for target in &TARGETS {
        let Some(own) = measured(results, target) else { continue };
        let hand_written = |name: &str| name.starts_with("hand-written");
        let library =
            |name: &str| !hand_written(name) && !name.starts_with("floor") && !name.starts_with(OWN);
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
            thousands(target.at_most),
            compare(own.nanoseconds, target.at_most),
            thousands(target.at_most * factor),
            compare(own.nanoseconds, target.at_most * factor),
            show(fastest(results, own, library)),
            show(fastest(results, own, hand_written)),
        );
    }
    text + &ratios(results)
}

/// Returns the table of quotients of Palisade's own figures.
fn ratios(results: &[Result]) -> String {
    let mut text = String::from("\n| quotient | measured | target | |\n|---|---:|---:|---|\n");
    let find = |shape: &str, engine: &str, requests: &str, n: u64| {
        let same = |r: &&Result| (&*r.shape, &*r.engine, &*r.requests, r.n) == (shape, engine, requests, n);
        results.iter().find(same).map(|r| r.nanoseconds)
    };
    let mut row = |name: &str, over: Option<f64>, under: Option<f64>, at_most: f64| {
        if let (Some(over), Some(under)) = (over, under) {
            let quotient = over / under;
            let _ = writeln!(text, "| {name} | {quotient:.2} | {at_most} | {} |", compare(quotient, at_most));
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

/// Returns `met`, or by how much `measured` exceeds `target`.
pub(super) fn compare(measured: f64, target: f64) -> String {
    if measured <= target {
        "met".to_owned()
    } else {
        format!("missed by {:.0} %", (measured / target - 1.0) * 100.0)
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
    fn slowest_size_is_compared_with_peers_of_the_same_size() {
        let text = all(&[
            result("policies", OWN, "last", 10, 66.0),
            result("policies", OWN, "last", 10_000, 50.0),
            result("policies", "cel", "last", 10, 660.0),
            result("policies", "cel", "last", 10_000, 1.0),
            result("policies", "hand-written: linear scan", "last", 10, 33.0),
            result("policies", "palisade, and by which rule", "last", 10, 99.0),
            result("policies", "floor: hash", "last", 10, 3.0),
        ]);
        let row = "| policies, last | 10 | 66 | 60 | missed by 10 % | 60 | missed by 10 % | cel 660 | 10 | hand-written: linear scan 33 | 0.5 |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| policies, last: 10,000 to 10 | 0.76 | 1.5 | met |"), "{text}");
    }

    #[test]
    fn target_is_scaled_by_machine_factor() {
        let text = all(&[
            result("policies", OWN, "last", 10, 66.0),
            result("policies", "cel, N programs", "last", 10, 1_114.0 * 1.5),
        ]);
        assert!(text.contains("1.50 times"), "{text}");
        assert!(text.contains("| policies, last | 10 | 66 | 60 | missed by 10 % | 90 | met |"), "{text}");
    }

    #[test]
    fn wasm_is_compared_with_native() {
        let text =
            all(&[result("wasm", OWN, "mix", 1000, 100.0), result("wasm", IN_WASM, "mix", 1000, 210.0)]);
        assert!(text.contains("| mix, 1,000: wasmtime to native | 2.10 | 2 | missed by 5 % |"), "{text}");
    }
}
