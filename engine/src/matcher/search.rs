//! Finds bytes in short texts, by words of eight: a library's searcher takes longer to set up than such a text takes to
//! be read.

use super::{
    bytes::Case,
    piece::{From, Piece, repeated, zero_bytes},
};

/// Longer texts are worth a searcher.
const SHORT: usize = 64;

/// Where the first of `bytes`, none of them zero, stands in `text`.
#[inline]
pub(crate) fn find_first(text: &[u8], bytes: [u8; 2]) -> Option<usize> {
    let [one, other] = bytes;
    if text.len() > SHORT {
        return memchr::memchr2(one, other, text);
    }
    let [ones, others] = bytes.map(repeated);
    let find = |word: u64| place(zero_bytes(word ^ ones) | zero_bytes(word ^ others));
    let (words, rest) = text.as_chunks();
    for (nth, word) in words.iter().enumerate() {
        if let Some(at) = find(u64::from_le_bytes(*word)) {
            return Some(8 * nth + at);
        }
    }
    match text.last_chunk() {
        _ if rest.is_empty() => None,
        // Of the bytes read twice none was found.
        Some(last) => find(u64::from_le_bytes(*last)).map(|at| text.len() - 8 + at),
        None => find(Piece::at(text, 0, From::Start, Case::Kept).word),
    }
}

/// Where `four` first stands in `text`. Linear in the text.
#[inline]
pub(crate) fn find_four(text: &[u8], four: [u8; 4]) -> Option<usize> {
    let [a, b, c, d] = four.map(repeated);
    let mut at = 0;
    // Four words, each a byte further: where all agree, the text does.
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |word| u64::from_le_bytes(*word));
        let [w, x, y, z] = [0, 1, 2, 3].map(|from| word(chunk.get(from..).and_then(<[u8]>::first_chunk)));
        if let Some(found) = place(zero_bytes((w ^ a) | (x ^ b) | (y ^ c) | (z ^ d))) {
            return Some(at + found);
        }
        at += 8;
    }
    let mut windows = text.get(at..).unwrap_or_default().windows(4);
    windows.position(|window| *window == four).map(|found| at + found)
}

/// Where `literal` first stands in `text`.
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

/// The first of the bytes whose high bit is set in `found`.
#[inline]
fn place(found: u64) -> Option<usize> {
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_first_of_two_bytes_is_found() {
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
    fn four_bytes_are_found_at_every_place() {
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
    fn short_and_long_texts_are_searched_alike() {
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
