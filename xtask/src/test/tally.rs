//! Counts of passed, failed and skipped tests, read from the output of libtest and of skipped tests.

use core::fmt;
use core::ops::AddAssign;

use palisade_test_support::SKIPPED;
use serde::{Deserialize, Serialize};

/// The numbers of passed, failed and skipped tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Tally {
    /// Returns the counts in a line of libtest's output, if that line ends a test binary.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut tally = Self::default();
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let Ok(number) = number.parse() else { continue };
            match what {
                "passed" => tally.passed = number,
                "failed" => tally.failed = number,
                "ignored" => tally.skipped = number,
                _ => {}
            }
        }
        Some(tally)
    }

    /// Moves `tests` from passed to skipped: libtest counts a test that returns early as passed.
    pub(super) fn skip(&mut self, tests: usize) {
        let tests = u64::try_from(tests).unwrap_or(u64::MAX);
        self.passed = self.passed.saturating_sub(tests);
        self.skipped = self.skipped.saturating_add(tests);
    }
}

/// A test or a step that did not run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(super) struct Skipped {
    pub(super) name: String,
    pub(super) reason: String,
}

/// Reasons that do not fail a run in CI: a part of the reason's text, and why the check is optional.
const OPTIONAL: [(&str, &str); 3] = [
    ("no conformance corpus", "the conformance corpus is not part of the repository"),
    ("`cargo xtask test --long`", "the check takes longer than CI may"),
    ("git does not track", "an unpacked archive has no git history"),
];

impl Skipped {
    /// Returns the test that a line of output reports as skipped.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let (name, reason) = line.split_once(SKIPPED)?;
        Some(Self { name: name.to_owned(), reason: reason.to_owned() })
    }

    /// Returns why the check may be missing in CI, if it may.
    pub(super) fn optional(&self) -> Option<&'static str> {
        OPTIONAL.iter().find(|(part, _)| self.reason.contains(part)).map(|(_, why)| *why)
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped: {}: {}", self.name, self.reason)?;
        if let Some(why) = self.optional() { write!(f, " (optional: {why})") } else { Ok(()) }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_line_is_counted() {
        let line = "test result: FAILED. 12 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(Tally::of_line(line), Some(Tally { passed: 12, failed: 1, skipped: 3 }));
    }

    #[test]
    fn early_return_counts_as_skipped_with_its_reason() {
        let skipped = Skipped::of_line("a::b was skipped: no Envoy").unwrap();
        assert_eq!((skipped.name.as_str(), skipped.reason.as_str()), ("a::b", "no Envoy"));
        assert_eq!(skipped.optional(), None);
        let mut tally = Tally { passed: 3, failed: 0, skipped: 1 };
        tally.skip(2);
        assert_eq!(tally, Tally { passed: 1, failed: 0, skipped: 3 });
    }

    #[test]
    fn corpus_outside_the_repository_is_optional() {
        let skipped = Skipped::of_line("t was skipped: no conformance corpus `cilium` (...)").unwrap();
        assert!(skipped.optional().is_some());
    }

    #[test]
    fn other_lines_are_not_counted() {
        assert_eq!(Tally::of_line("test client::tests::a ... ok"), None);
        assert_eq!(Tally::of_line(""), None);
    }

    #[test]
    fn summary_lists_passed_failed_and_skipped() {
        let mut tally = Tally { passed: 1, failed: 2, skipped: 0 };
        tally += Tally { passed: 1, failed: 0, skipped: 3 };
        assert_eq!(tally.to_string(), "2 passed, 2 failed, 3 skipped");
    }
}
