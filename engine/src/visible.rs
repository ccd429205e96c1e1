//! Escapes the invisible characters of untrusted text.
//!
//! Names and values come from files that other people wrote. A terminal executes escape sequences in them, a log viewer
//! starts a new line, and bidirectional controls reorder what the reader sees.

use alloc::{borrow::Cow, string::String};

/// Characters without a glyph that Unicode classifies as letters, marks or symbols. Other characters without a glyph have a
/// category of their own: controls, format characters, unassigned code points and spaces other than U+0020.
const BLANK: [(char, char); 9] = [
    ('\u{34f}', '\u{34f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{e0100}', '\u{e01ef}'),
];

/// Returns whether `c` is displayed as a glyph or as an ordinary space.
///
/// Returns `false` for controls, line and paragraph separators, bidirectional controls, zero-width and other format characters,
/// variation selectors, private-use and unassigned code points.
#[must_use]
pub fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    if BLANK.iter().any(|(first, last)| (*first..=*last).contains(&c)) {
        return false;
    }
    // `str::escape_debug` escapes by category. After another character it does not escape combining marks.
    let mut pair = String::from("a");
    pair.push(c);
    pair.escape_debug().nth(2).is_none()
}

/// Returns `text` with each character that [`is_visible`] excludes written as an escape: `\n`, `\t`, `\u{1b}`.
///
/// A second application does not change the text.
///
/// ```
/// assert_eq!(palisade::visible("caf\u{e9} \u{1b}[31mred\n"), "caf\u{e9} \\u{1b}[31mred\\n");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_visible) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_visible(c) {
            escaped.push(c);
        } else {
            escaped.extend(c.escape_default());
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_combining_marks_are_unchanged() {
        for text in ["plain ~ text", "naïve", "e\u{301}", "日本語", "हिन्दी", "עברית", "🦀", "“quoted”", "…"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn controls_and_characters_without_glyph_are_escaped() {
        let hidden = [
            0x00, 0x07, 0x08, 0x09, 0x0a, 0x0d, 0x1b, 0x7f, 0x80, 0x85, 0x9b, 0x9d, 0xa0, 0xad, 0x34f, 0x61c,
            0x115f, 0x180e, 0x200b, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2066,
            0x2069, 0x206f, 0x2800, 0x3000, 0x3164, 0xe000, 0xfe0f, 0xfeff, 0xfff9, 0xe0001, 0xe0041,
            0xe0100, 0x10ffff,
        ];
        for code in hidden {
            let c = char::from_u32(code).unwrap();
            let escaped = visible(c.encode_utf8(&mut [0; 4])).into_owned();
            assert!(escaped.starts_with('\\') && escaped.is_ascii(), "U+{code:04X}: {escaped:?}");
            assert_eq!(visible(&escaped), escaped);
        }
    }
}
