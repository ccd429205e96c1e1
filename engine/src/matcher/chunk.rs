//! Up to eight bytes of a value, read forward from its start or backward from its end.

use super::case::CaseSensitivity;

/// The end of a value at which reading starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadDirection {
    /// From the first byte: keys are prefixes.
    Forward,
    /// From the last byte: keys are suffixes.
    Backward,
}

/// At most eight bytes of a value, in the order of reading: the first byte is the lowest byte of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The bytes; the bytes of the word after the last one are zero.
    pub(super) word: u64,
    /// The number of bytes.
    pub(super) len: u32,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = !HIGH;

impl Chunk {
    /// Returns the bytes of `value` after the first `at` bytes in the direction of reading.
    #[inline]
    pub(super) fn at(value: &[u8], at: usize, direction: ReadDirection, case: CaseSensitivity) -> Self {
        let left = value.len().saturating_sub(at);
        let (word, len) = match direction {
            ReadDirection::Forward => {
                let rest = value.get(at..).unwrap_or_default();
                match (rest.first_chunk::<8>(), value.last_chunk::<8>()) {
                    (Some(chunk), _) => (u64::from_le_bytes(*chunk), 8),
                    (None, _) if left == 0 => (0, 0),
                    (None, Some(chunk)) => (u64::from_le_bytes(*chunk) >> (64 - 8 * left), left),
                    (None, None) => (short(rest, direction), left),
                }
            }
            ReadDirection::Backward => {
                let rest = value.get(..left).unwrap_or_default();
                match (rest.last_chunk::<8>(), value.first_chunk::<8>()) {
                    (Some(chunk), _) => (u64::from_be_bytes(*chunk), 8),
                    (None, _) if left == 0 => (0, 0),
                    (None, Some(chunk)) => (u64::from_be_bytes(*chunk) >> (64 - 8 * left), left),
                    (None, None) => (short(rest, direction), left),
                }
            }
        };
        Self { word: case.fold(word), len: len as u32 }
    }

    /// Returns the first `len` bytes.
    #[inline]
    pub(super) fn first(self, len: u32) -> Self {
        let word = if len == 0 { 0 } else { self.word & (u64::MAX >> (64 - 8 * len.min(8))) };
        Self { word, len }
    }

    /// Returns the positions of `separator` as bits; the lowest bit is the first byte.
    #[inline]
    pub(super) fn separators(self, separator: u8) -> u8 {
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let found = zero_bytes(self.word ^ repeated(separator));
        ((found >> 7).wrapping_mul(GATHER) >> 56) as u8
    }

    /// Returns the bytes up to and including the first `separator`. Without a separator it returns all eight bytes, or
    /// `None` if there are fewer.
    #[inline]
    pub(super) fn segment(self, separator: u8) -> Option<Self> {
        let found = zero_bytes(self.word ^ repeated(separator));
        let len = if found == 0 { 8 } else { found.trailing_zeros() / 8 + 1 };
        (len <= self.len).then(|| self.first(len))
    }
}

/// Returns the word of a value with fewer than eight bytes. A separate function, because an inlined one would take registers
/// from the longer values.
#[inline(never)]
fn short(bytes: &[u8], direction: ReadDirection) -> u64 {
    let push = |word: u64, byte: &u8| (word << 8) | u64::from(*byte);
    match direction {
        ReadDirection::Forward => bytes.iter().rev().fold(0, push),
        ReadDirection::Backward => bytes.iter().fold(0, push),
    }
}

/// Returns a word of eight times `byte`.
#[inline]
pub(super) fn repeated(byte: u8) -> u64 {
    u64::from(byte) * ONES
}

/// Returns the high bit of each byte of `word` that is zero.
#[inline]
pub(super) fn zero_bytes(word: u64) -> u64 {
    !(((word & LOW) + LOW) | word | LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn segment_ends(value: &str, direction: ReadDirection) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut at = 0;
        while let Some(segment) =
            Chunk::at(value.as_bytes(), at, direction, CaseSensitivity::Sensitive).segment(b'/')
        {
            at += segment.len as usize;
            ends.push(at);
        }
        ends
    }

    #[test]
    fn segment_ends_after_a_separator_or_eight_bytes() {
        assert_eq!(segment_ends("/a/bcdefgh/ijklmnopqr/s", ReadDirection::Forward), [1, 3, 11, 19, 22]);
        assert_eq!(segment_ends("/a/bcdefgh/ijklmnopqr/s", ReadDirection::Backward), [2, 10, 13, 21, 23]);
        assert_eq!(segment_ends("//", ReadDirection::Forward), [1, 2]);
        assert_eq!(segment_ends("abcdefg", ReadDirection::Forward), [0; 0]);
        assert_eq!(segment_ends("", ReadDirection::Backward), [0; 0]);
    }

    #[test]
    fn separators_returns_one_bit_for_each_position() {
        let separators = |value: &[u8], direction| {
            Chunk::at(value, 0, direction, CaseSensitivity::Sensitive).separators(b'.')
        };
        for bits in 0..=u8::MAX {
            let value: Vec<u8> = (0..8).map(|n| if bits >> n & 1 == 1 { b'.' } else { b'/' }).collect();
            assert_eq!(separators(&value, ReadDirection::Forward), bits);
            assert_eq!(separators(&value, ReadDirection::Backward), bits.reverse_bits());
        }
        assert_eq!(separators(b"", ReadDirection::Backward), 0);
    }

    #[test]
    fn backward_chunk_equals_forward_chunk_of_the_reversed_value() {
        let value = b"0123456789abcdef";
        for len in 0..=value.len() {
            let text = &value[..len];
            let reversed: Vec<u8> = text.iter().rev().copied().collect();
            for at in 0..=len {
                let chunk = Chunk::at(text, at, ReadDirection::Forward, CaseSensitivity::Sensitive);
                assert_eq!(
                    chunk,
                    Chunk::at(&reversed, at, ReadDirection::Backward, CaseSensitivity::Sensitive)
                );
                let expected: Vec<u8> = text[at..].iter().take(8).copied().collect();
                assert_eq!(chunk.word.to_le_bytes()[..chunk.len as usize], expected);
            }
        }
    }

    #[test]
    fn insensitive_chunk_has_small_letters() {
        let chunk = |text: &str, case| Chunk::at(text.as_bytes(), 0, ReadDirection::Forward, case);
        let (sensitive, insensitive) = (CaseSensitivity::Sensitive, CaseSensitivity::Insensitive);
        assert_eq!(chunk("EXAMPLE", insensitive), chunk("example", insensitive));
        assert_ne!(chunk("A", sensitive), chunk("a", sensitive));
    }
}
