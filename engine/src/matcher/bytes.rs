//! Byte-string helpers that can ignore ASCII case without allocating.

use super::piece::{From, Piece};

/// Whether case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Bytes are compared as they are.
    Kept,
    /// ASCII letters are folded; patterns are lower case already.
    Folded,
}

impl Case {
    /// Whether the two are the same.
    #[inline]
    pub(crate) fn eq(self, value: &[u8], pattern: &[u8]) -> bool {
        match self {
            Self::Kept => same(value, pattern),
            Self::Folded => value.eq_ignore_ascii_case(pattern),
        }
    }

    /// Whether `value` starts with `pattern`.
    #[inline]
    pub(crate) fn starts_with(self, value: &[u8], pattern: &[u8]) -> bool {
        value.get(..pattern.len()).is_some_and(|head| self.eq(head, pattern))
    }

    /// Whether `value` ends with `pattern`.
    #[inline]
    pub(crate) fn ends_with(self, value: &[u8], pattern: &[u8]) -> bool {
        value
            .len()
            .checked_sub(pattern.len())
            .and_then(|at| value.get(at..))
            .is_some_and(|tail| self.eq(tail, pattern))
    }

    /// Eight bytes as they are compared.
    #[inline]
    pub(crate) fn fold(self, word: u64) -> u64 {
        const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
        const ONES: u64 = 0x0101_0101_0101_0101;
        if self == Self::Kept {
            return word;
        }
        // In each byte the high bit tells whether it is a capital letter.
        let from_a = (word & LOW) + (0x80 - b'A' as u64) * ONES;
        let behind_z = (word & LOW) + (0x7F - b'Z' as u64) * ONES;
        let capital = from_a & !behind_z & !word & !LOW;
        word | (capital >> 2)
    }

    /// A hash of `value` that agrees for values that compare equal.
    #[inline]
    pub(crate) fn hash(self, value: &[u8]) -> u64 {
        let word = |bytes: &[u8; 8]| self.fold(u64::from_le_bytes(*bytes));
        let both = |hash: u64, bytes: &[u8; 16]| match bytes.as_chunks() {
            ([first, second], _) => mix_two(hash ^ word(first), word(second)),
            _ => hash,
        };
        let (chunks, rest) = value.as_chunks();
        let hash = chunks.iter().fold(value.len() as u64, both);
        // Some bytes twice is cheaper than some alone.
        match (value.last_chunk(), value.first_chunk(), value.last_chunk()) {
            (Some(_), ..) if rest.is_empty() => hash,
            (Some(last), ..) => both(hash, last),
            (None, Some(first), Some(last)) => mix_two(hash ^ word(first), word(last)),
            _ => mix(hash ^ Piece::at(value, 0, From::Start, self).word),
        }
    }
}

/// Whether the two are the same. In wasm the library compares byte by byte, elsewhere by wide registers.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    if cfg!(target_arch = "wasm32") { same_words(one, other) } else { one == other }
}

/// The same, eight bytes at a time.
#[inline]
fn same_words(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (chunks, rest) = one.as_chunks::<8>();
    let (others, others_rest) = other.as_chunks::<8>();
    let differ = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*a) != u64::from_le_bytes(*b);
    if chunks.iter().zip(others).any(differ) {
        return false;
    }
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(a), Some(b)) => !differ((a, b)),
        _ => rest.iter().zip(others_rest).all(|(a, b)| a == b),
    }
}

/// An odd number whose bits look drawn: 2^64 by the golden ratio.
const K: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads `x`. Tables are filled from configuration only, so a request cannot make them degenerate and the hash
/// needs no secret.
#[inline]
pub(crate) fn mix(x: u64) -> u64 {
    if cfg!(target_arch = "wasm32") {
        // There is no wide product, but a call that puts it together.
        let x = (x ^ (x >> 32)).wrapping_mul(K);
        return x ^ (x >> 29);
    }
    folded_product(x ^ K.rotate_left(17), K)
}

/// Spreads both.
#[inline]
fn mix_two(x: u64, y: u64) -> u64 {
    if cfg!(target_arch = "wasm32") { mix(mix(x) ^ y) } else { folded_product(x ^ K.rotate_left(17), y ^ K) }
}

#[inline]
fn folded_product(x: u64, y: u64) -> u64 {
    let wide = u128::from(x) * u128::from(y);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_values_hash_and_compare_alike() {
        for (a, b) in [("Example.COM", "example.com"), ("", ""), ("ABCDEFGHIJ", "abcdefghij")] {
            assert!(Case::Folded.eq(a.as_bytes(), b.as_bytes()));
            assert_eq!(Case::Folded.hash(a.as_bytes()), Case::Folded.hash(b.as_bytes()));
        }
        assert_ne!(Case::Kept.hash(b"GET"), Case::Kept.hash(b"get"));
        assert_ne!(Case::Kept.hash(b"a"), Case::Kept.hash(b"a\0"));
    }

    #[test]
    fn every_byte_counts_in_a_hash() {
        for len in 0..80 {
            let text: alloc::vec::Vec<u8> = (100..100 + len).collect();
            for case in [Case::Kept, Case::Folded] {
                for at in 0..text.len() {
                    let mut other = text.clone();
                    other[at] = b'!';
                    assert_ne!(case.hash(&text), case.hash(&other), "{len}, {at}");
                }
            }
        }
    }

    #[test]
    fn texts_are_the_same_where_every_byte_is() {
        for len in 0..80 {
            let text: alloc::vec::Vec<u8> = (0..len).collect();
            assert!(same_words(&text, &text.clone()));
            assert!(!same_words(&text, &[&text[..], b"x"].concat()));
            for at in 0..text.len() {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert!(!same_words(&text, &other), "{len}, {at}");
            }
        }
    }

    #[test]
    fn only_capital_letters_are_folded() {
        let bytes: alloc::vec::Vec<u8> = (0..=255).collect();
        for chunk in bytes.chunks_exact(8) {
            let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
            assert_eq!(Case::Folded.fold(word(chunk)), word(&chunk.to_ascii_lowercase()));
        }
    }

    #[test]
    fn ends_are_compared_only_where_they_fit() {
        assert!(Case::Kept.starts_with(b"/a/b", b"/a"));
        assert!(!Case::Kept.starts_with(b"/a", b"/a/b"));
        assert!(Case::Folded.ends_with(b"a.EXAMPLE", b".example"));
        assert!(!Case::Kept.ends_with(b"x", b"xx"));
    }
}
