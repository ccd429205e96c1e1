//! The hash functions of the matchers' tables.
//!
//! The tables are filled from configuration only. A request cannot degrade them, so the hashes need no secret.

use super::{
    case::CaseSensitivity,
    chunk::{Chunk, ReadDirection},
};

/// 2^64 divided by the golden ratio, an odd number with evenly distributed bits.
const K: u64 = 0x9E37_79B9_7F4A_7C15;

impl CaseSensitivity {
    /// Returns a hash of `value`. Values that compare equal have equal hashes.
    #[inline]
    pub(crate) fn hash(self, value: &[u8]) -> u64 {
        let word = |bytes: &[u8; 8]| self.fold(u64::from_le_bytes(*bytes));
        let both = |hash: u64, bytes: &[u8; 16]| match bytes.as_chunks() {
            ([first, second], _) => mix_two(hash ^ word(first), word(second)),
            _ => hash,
        };
        let (chunks, rest) = value.as_chunks();
        let hash = chunks.iter().fold(value.len() as u64, both);
        // To hash some bytes twice is cheaper than to hash the last ones separately.
        match (value.last_chunk(), value.first_chunk(), value.last_chunk()) {
            (Some(_), ..) if rest.is_empty() => hash,
            (Some(last), ..) => both(hash, last),
            (None, Some(first), Some(last)) => mix_two(hash ^ word(first), word(last)),
            _ => mix(hash ^ Chunk::at(value, 0, ReadDirection::Forward, self).word),
        }
    }
}

/// Returns `x` with its bits distributed over the whole word.
#[inline]
pub(crate) fn mix(x: u64) -> u64 {
    if cfg!(target_arch = "wasm32") {
        // WebAssembly has no 128-bit product; a library function would compute it.
        let x = (x ^ (x >> 32)).wrapping_mul(K);
        return x ^ (x >> 29);
    }
    folded_product(x ^ K.rotate_left(17), K)
}

/// Returns one word that depends on all bits of `x` and `y`.
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
    fn equal_values_have_equal_hashes() {
        let (sensitive, insensitive) = (CaseSensitivity::Sensitive, CaseSensitivity::Insensitive);
        for (a, b) in [("Example.COM", "example.com"), ("", ""), ("ABCDEFGHIJ", "abcdefghij")] {
            assert_eq!(insensitive.hash(a.as_bytes()), insensitive.hash(b.as_bytes()));
        }
        assert_ne!(sensitive.hash(b"GET"), sensitive.hash(b"get"));
        assert_ne!(sensitive.hash(b"a"), sensitive.hash(b"a\0"));
    }

    #[test]
    fn hash_depends_on_every_byte() {
        for len in 0..80 {
            let text: alloc::vec::Vec<u8> = (100..100 + len).collect();
            for case in [CaseSensitivity::Sensitive, CaseSensitivity::Insensitive] {
                for at in 0..text.len() {
                    let mut other = text.clone();
                    other[at] = b'!';
                    assert_ne!(case.hash(&text), case.hash(&other), "{len}, {at}");
                }
            }
        }
    }
}
