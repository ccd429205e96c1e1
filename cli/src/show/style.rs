//! The styles of the output.

use anstyle::{AnsiColor, Style};
use palisade::{Outcome, Verdict};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();

/// Returns the style of an outcome.
pub(crate) fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Allow => GOOD,
        Outcome::NotSelected | Outcome::Outside | Outcome::NotReached => DIM,
        Outcome::NeedsRequest | Outcome::Ask => DOUBT,
        Outcome::Deny | Outcome::Reject | Outcome::PolicyError => BAD,
    }
}

/// Returns the style of a verdict.
pub(crate) fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Allow => GOOD,
        Verdict::NeedsRequest | Verdict::Ask => DOUBT,
        Verdict::Deny | Verdict::Reject | Verdict::PolicyError => BAD,
    }
}
