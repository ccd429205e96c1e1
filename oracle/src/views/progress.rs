//! Progress reports of a long run on standard error, which a test harness does not capture.

use super::report::Report;
use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

/// Runs of at most this many requests report no progress.
const LONG: u64 = 100_000;

/// The time between two reports.
const INTERVAL: Duration = Duration::from_secs(10);

/// The progress of one run.
#[derive(Debug)]
pub(super) struct Progress {
    pairs: u64,
    seed: u64,
    start: Instant,
    last: Instant,
}

impl Progress {
    /// Returns the progress of a run of `pairs` requests that begins now.
    pub(super) fn new(pairs: u64, seed: u64) -> Self {
        let now = Instant::now();
        Self { pairs, seed, start: now, last: now }
    }

    /// Writes the state of the run, at most once in an interval.
    pub(super) fn report(&mut self, report: &Report) {
        if self.pairs <= LONG || self.last.elapsed() < INTERVAL {
            return;
        }
        self.last = Instant::now();
        let rate = report.pairs as f64 / self.start.elapsed().as_secs_f64();
        let left = (self.pairs - report.pairs) as f64 / rate;
        self.write(&format!(
            "seed {}: {} of {} views compared, {rate:.0} a second, {} disagreements, {:.0} minutes left",
            self.seed,
            report.pairs,
            self.pairs,
            report.disagreements,
            left / 60.0
        ));
    }

    /// Writes a disagreement at once, because the run may be interrupted.
    pub(super) fn disagreement(&self, report: &Report, text: &str) {
        self.write(&format!("seed {}, request {}: {text}\n", self.seed, report.pairs));
    }

    /// Returns the message of an error that ends the run.
    pub(super) fn stopped(&self, report: &Report) -> String {
        let Report { pairs, disagreements, .. } = report;
        format!(
            "the run with seed {} stopped after {pairs} of {} views, with {disagreements} disagreements",
            self.seed, self.pairs
        )
    }

    /// Writes `text` without `eprintln!`, whose output tests capture. A closed standard error does not end the run.
    fn write(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
