//! The result of one step, passed from the process that runs it to the process that schedules it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::tally::{Skipped, Tally};

/// The counts and the CPU time of a step.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StepReport {
    /// `passed`, `FAILED`, or `skipped: ` and the reason.
    pub(super) verdict: String,
    pub(super) tally: Tally,
    pub(super) skipped: BTreeSet<Skipped>,
    pub(super) cpu_seconds: f64,
}

impl StepReport {
    /// Returns the report of a step whose process wrote none, because a signal or a panic ended it.
    pub(super) fn failed() -> Self {
        Self {
            verdict: "FAILED".to_owned(),
            tally: Tally { failed: 1, ..Tally::default() },
            ..Self::default()
        }
    }

    /// Writes the report to `file`.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string(self)?;
        fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
    }

    /// Reads the report that a step wrote to `file`.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("invalid report `{}`", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let skipped = BTreeSet::from([Skipped { name: "a".to_owned(), reason: "no b".to_owned() }]);
        let tally = Tally { passed: 1, failed: 2, skipped: 3 };
        let report = StepReport { verdict: "FAILED".to_owned(), tally, skipped, cpu_seconds: 1.5 };
        report.write(&file).unwrap();
        let read = StepReport::read(&file).unwrap();
        assert_eq!((read.verdict, read.tally, read.skipped), (report.verdict, tally, report.skipped));
    }

    #[test]
    fn missing_report_is_an_error() {
        assert!(StepReport::read(Path::new("/no/such/report")).is_err());
    }
}
