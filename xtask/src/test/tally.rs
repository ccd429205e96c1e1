//! Counting what passed, failed and was skipped, over libtest's result lines.

use core::fmt;
use core::ops::AddAssign;

/// How many passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Tally {
    /// What a line of libtest's output adds, if it is the one that ends a test binary.
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
    fn a_result_line_counts() {
        let line = "test result: FAILED. 12 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(Tally::of_line(line), Some(Tally { passed: 12, failed: 1, skipped: 3 }));
    }

    #[test]
    fn other_lines_do_not() {
        assert_eq!(Tally::of_line("test client::tests::a ... ok"), None);
        assert_eq!(Tally::of_line(""), None);
    }

    #[test]
    fn the_summary_has_its_fixed_form() {
        let mut tally = Tally { passed: 1, failed: 2, skipped: 0 };
        tally += Tally { passed: 1, failed: 0, skipped: 3 };
        assert_eq!(tally.to_string(), "2 passed, 2 failed, 3 skipped");
    }
}
