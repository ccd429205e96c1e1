//! `cargo xtask test`: every check of the project. A failed step does not keep the later ones from running.

mod cpu;
mod steps;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::steps::{ALWAYS, LONG_ONLY};
use self::tally::Tally;

#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Options {
    /// Also run what takes hours: 5,000,000 differential pairs, tests with long waits, every fuzz target for a minute
    #[arg(long)]
    pub(crate) long: bool,
}

/// The result of a step that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    NotRun(&'static str),
}

/// What a step reads and counts into.
#[derive(Debug)]
struct Context {
    options: Options,
    tally: Tally,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut context = Context { options: *options, tally: Tally::default() };
    let mut summary = vec![format!("{:<20} {:>7} {:>7}", "step", "wall s", "CPU s")];
    let long: &[_] = if options.long { &LONG_ONLY } else { &[] };
    let count = ALWAYS.len().saturating_add(long.len());
    for (index, (name, step)) in ALWAYS.iter().chain(long).enumerate() {
        println!("\n=== {}/{count} {name} ===", index.saturating_add(1));
        let (start, cpu_before) = (Instant::now(), cpu::seconds());
        let verdict = match step(&mut context) {
            Ok(Outcome::Passed) => {
                context.tally.passed += 1;
                "passed".to_owned()
            }
            Ok(Outcome::NotRun(reason)) => {
                context.tally.skipped += 1;
                println!("skipped: {reason}");
                format!("skipped: {reason}")
            }
            Err(error) => {
                context.tally.failed += 1;
                eprintln!("error: {error:#}");
                "FAILED".to_owned()
            }
        };
        let (wall, cpu) = (start.elapsed().as_secs(), cpu::seconds() - cpu_before);
        summary.push(format!("{name:<20} {wall:>7} {cpu:>7.0}  {verdict}"));
    }

    println!("\n=== summary ===\n{}", summary.join("\n"));
    println!("CPU time of all steps: {:.1} minutes\n{}", cpu::seconds() / 60.0, context.tally);
    if context.tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
