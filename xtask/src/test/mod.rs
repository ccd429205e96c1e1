//! `cargo xtask test`: every check there is, none hidden by the failure of one before.

mod steps;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use self::steps::ALL;
use self::tally::Tally;

/// How a step ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    NotRun(&'static str),
}

pub(crate) fn run() -> ExitCode {
    let mut tally = Tally::default();
    let mut summary = Vec::new();
    for (index, (name, step)) in ALL.iter().enumerate() {
        println!("\n=== {}/{} {name} ===", index.saturating_add(1), ALL.len());
        let start = Instant::now();
        let verdict = match step(&mut tally) {
            Ok(Outcome::Passed) => {
                tally.passed += 1;
                "passed".to_owned()
            }
            Ok(Outcome::NotRun(reason)) => {
                tally.skipped += 1;
                println!("not run: {reason}");
                format!("not run: {reason}")
            }
            Err(error) => {
                tally.failed += 1;
                eprintln!("error: {error:#}");
                "FAILED".to_owned()
            }
        };
        summary.push(format!("{name:<20} {:>5} s  {verdict}", start.elapsed().as_secs()));
    }

    println!("\n=== summary ===\n{}\n{tally}", summary.join("\n"));
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
