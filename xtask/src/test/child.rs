//! A step in a process of its own: its CPU time is counted apart, and its output carries its name.

use std::env;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};

use super::context::Options;
use super::report::StepReport;
use super::steps::Step;

/// Runs `step` to its end in another process, and prints each line of its output after the name of the step.
pub(super) fn run(step: &Step, options: Options) -> StepReport {
    match report(step, options) {
        Ok(report) => report,
        Err(error) => {
            println!("{:<15} | error: {error:#}", step.name);
            StepReport::failed()
        }
    }
}

fn report(step: &Step, options: Options) -> Result<StepReport> {
    let folder = tempfile::tempdir().context("cannot create a folder for the report of a step")?;
    let file = folder.path().join("report.json");
    let mut child = command(step, options, &file)?.spawn().context("cannot start the step")?;
    let streams = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    thread::scope(|scope| {
        for stream in streams.into_iter().flatten() {
            scope.spawn(|| print_lines(step.name, stream));
        }
    });
    let status = child.wait()?;
    StepReport::read(&file).with_context(|| format!("the process of the step ended with {status}"))
}

fn command(step: &Step, options: Options, report: &Path) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("cannot find the running program")?);
    command.args(["test", "--step", step.name, "--report"]).arg(report);
    if options.long {
        command.arg("--long");
    }
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// Prints the lines of `stream` until it ends. One call prints one line, so lines of two steps do not mix.
fn print_lines(name: &str, stream: impl Read) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        println!("{name:<15} | {}", String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}
