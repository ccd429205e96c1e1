//! Searches for bytes in short texts, eight bytes at a time.
//!
//! The set-up of a searcher of `memchr` takes longer than the search of a short text.

use super::{
    case::CaseSensitivity,
    chunk::{Chunk, ReadDirection, repeated, zero_bytes},
};

/// The length in bytes above which `memchr` searches a text.
const SHORT: usize = 64;

/// Returns the position of the first byte of `text` that is one of `bytes`, which must not be zero.
#[inline]
pub(crate) fn find_first(text: &[u8], bytes: [u8; 2]) -> Option<usize> {
    let [one, other] = bytes;
    if text.len() > SHORT {
        return memchr::memchr2(one, other, text);
    }
    let [ones, others] = bytes.map(repeated);
    let find = |word: u64| first_marked(zero_bytes(word ^ ones) | zero_bytes(word ^ others));
    let (words, rest) = text.as_chunks();
    for (nth, word) in words.iter().enumerate() {
        if let Some(at) = find(u64::from_le_bytes(*word)) {
            return Some(8 * nth + at);
        }
    }
    match text.last_chunk() {
        _ if rest.is_empty() => None,
        // The bytes that are read twice contain no match.
        Some(last) => find(u64::from_le_bytes(*last)).map(|at| text.len() - 8 + at),
        None => find(Chunk::at(text, 0, ReadDirection::Forward, CaseSensitivity::Sensitive).word),
    }
}

/// Returns the position of the first `four` bytes in `text`. Takes time linear in the text.
#[inline]
pub(crate) fn find_four(text: &[u8], four: [u8; 4]) -> Option<usize> {
    let [a, b, c, d] = four.map(repeated);
    let mut at = 0;
    // Four words, each read one byte later: a position where all of them match is a match.
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |word| u64::from_le_bytes(*word));
        let [w, x, y, z] = [0, 1, 2, 3].map(|from| word(chunk.get(from..).and_then(<[u8]>::first_chunk)));
        if let Some(found) = first_marked(zero_bytes((w ^ a) | (x ^ b) | (y ^ c) | (z ^ d))) {
            return Some(at + found);
        }
        at += 8;
    }
    let mut windows = text.get(at..).unwrap_or_default().windows(4);
    windows.position(|window| *window == four).map(|found| at + found)
}

/// Returns the position of the first `literal` in `text`.
pub(super) fn find(text: &[u8], literal: &[u8]) -> Option<usize> {
    if text.len() > SHORT {
        return memchr::memmem::find(text, literal);
    }
    let Some(four) = literal.first_chunk() else {
        return match literal.len() {
            0 => Some(0),
            len => text.windows(len).position(|window| window == literal),
        };
    };
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = find_four(rest, *four)?;
        if rest.get(at..)?.starts_with(literal) {
            return Some(from + at);
        }
        from += at + 1;
    }
}

/// Returns the position of the first byte of `found` with a high bit.
#[inline]
fn first_marked(found: u64) -> Option<usize> {
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn find_first_returns_the_first_of_two_bytes() {
        for len in 0..150 {
            let mut text = vec![b'x'; len];
            assert_eq!(find_first(&text, *b"?#"), None);
            for at in (0..len).rev() {
                text[at] = if at % 3 == 0 { b'?' } else { b'#' };
                assert_eq!(find_first(&text, *b"?#"), Some(at), "{len}");
            }
        }
    }

    #[test]
    fn find_four_finds_bytes_at_every_position() {
        for len in 0..100 {
            for at in 0..len {
                let mut text = vec![b'/'; len];
                text[at..].iter_mut().zip(*b"/ns/").for_each(|(byte, new)| *byte = new);
                assert_eq!(find_four(&text, *b"/ns/"), (at + 4 <= len).then_some(at), "{len}");
            }
        }
        assert_eq!(find_four(b"/ns//ns/", *b"/ns/"), Some(0));
    }

    #[test]
    fn find_agrees_with_the_standard_library_on_short_and_long_texts() {
        for len in [0, 1, 2, 4, 60, 61, 100] {
            for literal in ["a", "ab", "abc", "abcd", "abcabcd"] {
                let text = [&vec![b'x'; len][..], b"abcabc", literal.as_bytes(), b"x"].concat();
                let expected = core::str::from_utf8(&text).unwrap().find(literal);
                assert_eq!(find(&text, literal.as_bytes()), expected, "{len} {literal}");
                assert_eq!(find(&text, b"abd"), None);
            }
        }
        for text in [&b""[..], b"a", &[b'a'; 200]] {
            assert_eq!(find(text, b""), Some(0));
        }
    }
}
