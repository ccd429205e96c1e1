//! The few styles there are. They are always written; the stream drops them where there is no terminal or `NO_COLOR`.

use anstyle::{AnsiColor, Style};
use core::fmt::Display;
use palisade::Outcome;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();

/// `text` in `style`.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// How an outcome looks.
pub(crate) fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Allow => GOOD,
        Outcome::NotSelected | Outcome::Outside | Outcome::NotReached => DIM,
        Outcome::NeedsRequest | Outcome::Ask => DOUBT,
        Outcome::Deny | Outcome::Reject | Outcome::PolicyError => BAD,
    }
}
