//! `cargo xtask test`: every check of the project. A failed step does not keep the later ones from running.

mod cpu;
mod steps;
mod tally;

use std::collections::BTreeSet;
use std::env;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::steps::{ALWAYS, LONG_ONLY};
use self::tally::{Skipped, Tally};

#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Options {
    /// Also run what takes hours: 5,000,000 differential pairs, tests with long waits, every fuzz target for a minute
    #[arg(long)]
    pub(crate) long: bool,
}

/// The result of a step that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// The step could not run, for this reason.
    Skipped(&'static str),
}

/// The options of a run and the counts that its steps add to.
#[derive(Debug)]
struct Context {
    options: Options,
    tally: Tally,
    skipped: BTreeSet<Skipped>,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut context = Context { options: *options, tally: Tally::default(), skipped: BTreeSet::new() };
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
            Ok(Outcome::Skipped(reason)) => {
                context.tally.skipped += 1;
                context.skipped.insert(Skipped { name: (*name).to_owned(), reason: reason.to_owned() });
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
    println!("CPU time of all steps: {:.1} minutes", cpu::seconds() / 60.0);
    for skipped in &context.skipped {
        println!("{skipped}");
    }
    let required = context.skipped.iter().filter(|skipped| skipped.optional().is_none()).count();
    if required > 0 && in_ci() {
        println!("error: CI must run every check that is not optional; {required} were skipped");
    }
    println!("{}", context.tally);
    let complete = required == 0 || !in_ci();
    if context.tally.failed == 0 && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the environment says that this is a continuous integration run.
fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
