//! The options and the counts that every step receives.

use std::collections::BTreeSet;

use clap::Args;

use super::tally::{Skipped, Tally};

#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Options {
    /// Also run checks that take hours: 5,000,000 differential pairs, tests with long waits, each fuzz target for a minute
    #[arg(long)]
    pub(super) long: bool,
}

/// The result of a step that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepOutcome {
    Passed,
    /// The step could not run, for this reason.
    Skipped(&'static str),
}

/// The options of a run and the counts that a step adds to.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) options: Options,
    pub(super) tally: Tally,
    pub(super) skipped: BTreeSet<Skipped>,
}
