//! Reads a value from either end, up to eight bytes at a time.

use super::bytes::Case;

/// From which end values are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Keys are prefixes.
    Start,
    /// Keys are suffixes.
    End,
}

/// A few bytes of a value in the order they are read, the first of them lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The bytes; zero behind the last.
    pub(super) word: u64,
    /// How many there are.
    pub(super) len: u32,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = !HIGH;

impl Piece {
    /// What follows the first `at` bytes of `value`.
    #[inline]
    pub(super) fn at(value: &[u8], at: usize, from: From, case: Case) -> Self {
        let left = value.len().saturating_sub(at);
        let (word, len) = match from {
            From::Start => {
                let rest = value.get(at..).unwrap_or_default();
                match (rest.first_chunk::<8>(), value.last_chunk::<8>()) {
                    (Some(chunk), _) => (u64::from_le_bytes(*chunk), 8),
                    (None, _) if left == 0 => (0, 0),
                    (None, Some(chunk)) => (u64::from_le_bytes(*chunk) >> (64 - 8 * left), left),
                    (None, None) => (short(rest, from), left),
                }
            }
            From::End => {
                let rest = value.get(..left).unwrap_or_default();
                match (rest.last_chunk::<8>(), value.first_chunk::<8>()) {
                    (Some(chunk), _) => (u64::from_be_bytes(*chunk), 8),
                    (None, _) if left == 0 => (0, 0),
                    (None, Some(chunk)) => (u64::from_be_bytes(*chunk) >> (64 - 8 * left), left),
                    (None, None) => (short(rest, from), left),
                }
            }
        };
        Self { word: case.fold(word), len: len as u32 }
    }

    /// Its first `len` bytes.
    #[inline]
    pub(super) fn first(self, len: u32) -> Self {
        let word = if len == 0 { 0 } else { self.word & (u64::MAX >> (64 - 8 * len.min(8))) };
        Self { word, len }
    }

    /// Which of its bytes are a `separator`, as bits, the first lowest.
    #[inline]
    pub(super) fn separators(self, separator: u8) -> u8 {
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let found = zero_bytes(self.word ^ repeated(separator));
        ((found >> 7).wrapping_mul(GATHER) >> 56) as u8
    }

    /// The part up to and with the first `separator`; without one the whole piece, if it is full.
    #[inline]
    pub(super) fn step(self, separator: u8) -> Option<Self> {
        let found = zero_bytes(self.word ^ repeated(separator));
        let len = if found == 0 { 8 } else { found.trailing_zeros() / 8 + 1 };
        (len <= self.len).then(|| self.first(len))
    }
}

/// The word of a value that has less than eight bytes; apart, as it would take the registers of those that have more.
#[inline(never)]
fn short(bytes: &[u8], from: From) -> u64 {
    let push = |word: u64, byte: &u8| (word << 8) | u64::from(*byte);
    match from {
        From::Start => bytes.iter().rev().fold(0, push),
        From::End => bytes.iter().fold(0, push),
    }
}

/// Eight times `byte`.
#[inline]
pub(super) fn repeated(byte: u8) -> u64 {
    u64::from(byte) * ONES
}

/// The high bit of each byte of `word` that is zero.
#[inline]
pub(super) fn zero_bytes(word: u64) -> u64 {
    !(((word & LOW) + LOW) | word | LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn steps(value: &str, from: From) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut at = 0;
        while let Some(step) = Piece::at(value.as_bytes(), at, from, Case::Kept).step(b'/') {
            at += step.len as usize;
            ends.push(at);
        }
        ends
    }

    #[test]
    fn a_step_ends_behind_a_separator_or_after_eight_bytes() {
        assert_eq!(steps("/a/bcdefgh/ijklmnopqr/s", From::Start), [1, 3, 11, 19, 22]);
        assert_eq!(steps("/a/bcdefgh/ijklmnopqr/s", From::End), [2, 10, 13, 21, 23]);
        assert_eq!(steps("//", From::Start), [1, 2]);
        assert_eq!(steps("abcdefg", From::Start), [0; 0]);
        assert_eq!(steps("", From::End), [0; 0]);
    }

    #[test]
    fn separators_are_bits() {
        for bits in 0..=u8::MAX {
            let value: Vec<u8> = (0..8).map(|n| if bits >> n & 1 == 1 { b'.' } else { b'/' }).collect();
            assert_eq!(Piece::at(&value, 0, From::Start, Case::Kept).separators(b'.'), bits);
            assert_eq!(Piece::at(&value, 0, From::End, Case::Kept).separators(b'.'), bits.reverse_bits());
        }
        assert_eq!(Piece::at(b"", 0, From::End, Case::Kept).separators(b'.'), 0);
    }

    #[test]
    fn every_place_is_read_the_same_from_both_ends() {
        let value = b"0123456789abcdef";
        for len in 0..=value.len() {
            let text = &value[..len];
            let reversed: Vec<u8> = text.iter().rev().copied().collect();
            for at in 0..=len {
                let piece = Piece::at(text, at, From::Start, Case::Kept);
                assert_eq!(piece, Piece::at(&reversed, at, From::End, Case::Kept));
                let wanted: Vec<u8> = text[at..].iter().take(8).copied().collect();
                assert_eq!(piece.word.to_le_bytes()[..piece.len as usize], wanted);
            }
        }
    }

    #[test]
    fn case_is_folded_where_it_does_not_count() {
        let piece = |text: &str, case| Piece::at(text.as_bytes(), 0, From::Start, case);
        assert_eq!(piece("EXAMPLE", Case::Folded), piece("example", Case::Folded));
        assert_ne!(piece("A", Case::Kept), piece("a", Case::Kept));
    }
}
