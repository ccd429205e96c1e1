//! `cargo xtask test`: every check of the project, two at a time. Later steps run even if a step fails.

mod child;
mod context;
mod cpu;
mod report;
mod schedule;
mod steps;
mod tally;

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use clap::Args;

use self::context::{Context, Options, StepOutcome};
use self::report::StepReport;
use self::schedule::Schedule;
use self::steps::{ALWAYS, LONG_ONLY, Step};
use self::tally::{Skipped, Tally};

/// The number of concurrent steps: most steps use only one processor for part of their time.
const LANES: usize = 2;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Run only this step, in this process
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Write the result of the step to this file, for the process that scheduled it
    #[arg(long, value_name = "FILE", requires = "step", hide = true)]
    report: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Some(name) = &arguments.step else { return run_all(arguments.options) };
    let Some(step) = ALWAYS.iter().chain(&LONG_ONLY).find(|step| step.name == name) else {
        let known: Vec<&str> = ALWAYS.iter().chain(&LONG_ONLY).map(|step| step.name).collect();
        eprintln!("error: unknown step `{name}`; steps: {}", known.join(", "));
        return ExitCode::FAILURE;
    };
    let report = run_step(step, arguments.options);
    println!("{}", report.verdict);
    if let Some(file) = &arguments.report
        && let Err(error) = report.write(file)
    {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    if report.tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs `step` in this process.
fn run_step(step: &Step, options: Options) -> StepReport {
    let mut context = Context { options, tally: Tally::default(), skipped: BTreeSet::new() };
    let verdict = match (step.run)(&mut context) {
        Ok(StepOutcome::Passed) => {
            context.tally.passed += 1;
            "passed".to_owned()
        }
        Ok(StepOutcome::Skipped(reason)) => {
            context.tally.skipped += 1;
            context.skipped.insert(Skipped { name: step.name.to_owned(), reason: reason.to_owned() });
            format!("skipped: {reason}")
        }
        Err(error) => {
            context.tally.failed += 1;
            eprintln!("error: {error:#}");
            "FAILED".to_owned()
        }
    };
    let Context { tally, skipped, .. } = context;
    StepReport { verdict, tally, skipped, cpu_seconds: cpu::seconds() }
}

/// Runs every step, [`LANES`] at a time, and prints the summary.
fn run_all(options: Options) -> ExitCode {
    let long: &[Step] = if options.long { &LONG_ONLY } else { &[] };
    let steps: Vec<&Step> = ALWAYS.iter().chain(long).collect();
    let begin = Instant::now();
    let mut schedule = Schedule::new(steps.iter().copied());
    let mut reports: Vec<(&Step, u64, StepReport)> = Vec::new();
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        let mut running = 0;
        loop {
            while running < LANES {
                let Some(step) = schedule.start() else { break };
                println!("=== {}: started", step.name);
                let send = send.clone();
                scope.spawn(move || {
                    let start = Instant::now();
                    let report = child::run(step, options);
                    let _ = send.send((step, start.elapsed().as_secs(), report));
                });
                running += 1;
            }
            if running == 0 {
                break;
            }
            let Ok((step, wall, report)) = receive.recv() else { break };
            running -= 1;
            schedule.end(step);
            let number = reports.len().saturating_add(1);
            println!("=== {}: {} ({number} of {}, {wall} s)", step.name, report.verdict, steps.len());
            reports.push((step, wall, report));
        }
    });
    summarize(&reports, begin)
}

/// Prints the time and the result of each step, then the counts of the run as its last line.
fn summarize(reports: &[(&Step, u64, StepReport)], begin: Instant) -> ExitCode {
    println!("\n=== summary ===\n{:<20} {:>7} {:>7}", "step", "wall s", "CPU s");
    let (mut tally, mut skipped, mut seconds) = (Tally::default(), BTreeSet::new(), cpu::seconds());
    for (step, wall, report) in reports {
        println!("{:<20} {wall:>7} {:>7.0}  {}", step.name, report.cpu_seconds, report.verdict);
        tally += report.tally;
        skipped.extend(&report.skipped);
        seconds += report.cpu_seconds;
    }
    let minutes = begin.elapsed().as_secs_f64() / 60.0;
    println!("{minutes:.1} minutes; CPU time of all steps: {:.1} minutes", seconds / 60.0);
    for skipped in &skipped {
        println!("{skipped}");
    }
    let required = skipped.iter().filter(|skipped| skipped.optional().is_none()).count();
    if required > 0 && in_ci() {
        println!("error: CI must run every check that is not optional; {required} were skipped");
    }
    println!("{tally}");
    let complete = required == 0 || !in_ci();
    if tally.failed == 0 && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the environment is that of continuous integration.
fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
