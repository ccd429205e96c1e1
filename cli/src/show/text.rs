//! Text that is safe to print: the only type that reaches standard output and standard error.
//!
//! Every value that a command prints can come from a file or an argument of another author. No constructor of
//! [`Text`] takes a value without escaping it, so a command cannot print a raw control character by mistake.

use anstyle::Style;
use core::fmt::{self, Display, Write as _};
use palisade::{is_visible, visible};
use serde::Serialize;
use std::io::{self, Write as _};

/// Escaped lines with the styles of this program. The streams drop the styles without a terminal, and with `NO_COLOR`.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

/// A value in a style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Styled<T>(Style, T);

/// Returns `value` in `style`.
pub(crate) fn paint<T: Display>(style: Style, value: T) -> Styled<T> {
    Styled(style, value)
}

/// A part of a line: a value with a text form, with or without a style.
pub(crate) trait Part {
    /// Appends the part without line ends and other controls.
    fn append(&self, line: &mut String);
}

impl<T: Display + ?Sized> Part for T {
    fn append(&self, line: &mut String) {
        // Writing to a `String` cannot fail.
        let _ = write!(Escaping(line), "{self}");
    }
}

impl<T: Display> Part for Styled<T> {
    fn append(&self, line: &mut String) {
        let Self(style, value) = self;
        let _ = write!(line, "{style}");
        value.append(line);
        let _ = write!(line, "{style:#}");
    }
}

struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(&visible(text));
        Ok(())
    }
}

impl Text {
    /// Returns one line of `parts`.
    pub(crate) fn of(parts: &[&dyn Part]) -> Self {
        let mut text = Self::default();
        text.line(parts);
        text
    }

    /// Returns `value` as JSON on one line.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::escaped_json(&serde_json::to_string(value).unwrap_or_default())
    }

    /// Returns `value` as indented JSON.
    pub(crate) fn json_pretty(value: &impl Serialize) -> Self {
        Self::escaped_json(&serde_json::to_string_pretty(value).unwrap_or_default())
    }

    /// Returns `json` with invisible characters escaped. They occur only inside strings, where the escape has the same meaning.
    fn escaped_json(json: &str) -> Self {
        let mut text = String::with_capacity(json.len() + 1);
        for c in json.chars() {
            if c == '\n' || is_visible(c) {
                text.push(c);
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text.push('\n');
        Self(text)
    }

    /// Returns `lines`, such as a document or a script, with its line ends and tabs.
    pub(crate) fn lines(lines: &str) -> Self {
        let mut text = String::with_capacity(lines.len());
        push_lines(&mut text, lines);
        Self(text)
    }

    /// Returns the output of a renderer of messages, whose values are escaped, with its line ends, tabs and styles.
    pub(crate) fn rendered(rendered: &str) -> Self {
        let mut text = String::with_capacity(rendered.len());
        let mut rest = rendered;
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            push_lines(&mut text, before);
            let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(after.len());
            let (code, behind) = after.split_at_checked(end).unwrap_or((after, ""));
            rest = match behind.strip_prefix('m') {
                Some(behind) => {
                    let _ = write!(text, "\u{1b}[{code}m");
                    behind
                }
                None => {
                    text.push_str(&visible("\u{1b}["));
                    after
                }
            };
        }
        push_lines(&mut text, rest);
        Self(text)
    }

    /// Appends one line.
    pub(crate) fn line(&mut self, parts: &[&dyn Part]) {
        parts.iter().for_each(|part| part.append(&mut self.0));
        self.0.push('\n');
    }

    /// Appends `other`.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.push_str(&other.0);
    }

    /// Writes the text to standard output.
    pub(crate) fn print(&self) -> io::Result<()> {
        let mut out = anstream::stdout();
        out.write_all(self.0.as_bytes())?;
        out.flush()
    }

    /// Writes the text to standard error.
    pub(crate) fn print_error(&self) {
        // No stream is left that could report a failure.
        let _ = anstream::stderr().write_all(self.0.as_bytes());
    }
}

fn push_lines(text: &mut String, lines: &str) {
    for (n, line) in lines.split('\n').enumerate() {
        if n > 0 {
            text.push('\n');
        }
        for (n, cell) in line.split('\t').enumerate() {
            if n > 0 {
                text.push('\t');
            }
            text.push_str(&visible(cell));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::style::BAD;

    const HOSTILE: &str = "a\u{1b}]0;title\u{7}\u{1b}[31m\u{202e}\r\nALLOW";
    const ESCAPED: &str = "a\\u{1b}]0;title\\u{7}\\u{1b}[31m\\u{202e}\\r\\nALLOW";

    #[test]
    fn line_escapes_values_and_keeps_own_styles() {
        let text = Text::of(&[&"by ", &HOSTILE, &paint(BAD, HOSTILE), &7]);
        assert_eq!(text.0, format!("by {ESCAPED}{BAD}{ESCAPED}{BAD:#}7\n"));
    }

    #[test]
    fn json_keeps_the_value_of_every_string() {
        let value = serde_json::json!({HOSTILE: [HOSTILE, "\u{e0041}\u{9b}\u{7f}é"]});
        for text in [Text::json(&value), Text::json_pretty(&value)] {
            assert!(text.0.chars().all(|c| c == '\n' || is_visible(c)), "{}", text.0);
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text.0).unwrap(), value);
        }
    }

    #[test]
    fn rendered_text_keeps_styles_only() {
        let text =
            Text::rendered("\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: x\n\ty\u{1b}]0;t\u{7}\u{1b}[2J\u{1b}[3");
        assert_eq!(
            text.0,
            "\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: x\n\ty\\u{1b}]0;t\\u{7}\\u{1b}[2J\\u{1b}[3"
        );
    }

    #[test]
    fn lines_keep_line_ends_and_tabs() {
        assert_eq!(Text::lines("a\n\tb\r\u{1b}[1m\n").0, "a\n\tb\\r\\u{1b}[1m\n");
    }
}
