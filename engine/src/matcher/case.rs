//! Comparisons of bytes that can ignore ASCII case without allocating.

/// Whether a comparison distinguishes ASCII capital letters from small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaseSensitivity {
    /// Bytes are compared without a change.
    Sensitive,
    /// Capital letters of the value are compared as small letters. Patterns are in lower case.
    Insensitive,
}

impl CaseSensitivity {
    /// Returns whether `value` equals `pattern`.
    #[inline]
    pub(crate) fn eq(self, value: &[u8], pattern: &[u8]) -> bool {
        match self {
            Self::Sensitive => are_equal(value, pattern),
            Self::Insensitive => value.eq_ignore_ascii_case(pattern),
        }
    }

    /// Returns whether `value` starts with `pattern`.
    #[inline]
    pub(crate) fn starts_with(self, value: &[u8], pattern: &[u8]) -> bool {
        value.get(..pattern.len()).is_some_and(|prefix| self.eq(prefix, pattern))
    }

    /// Returns whether `value` ends with `pattern`.
    #[inline]
    pub(crate) fn ends_with(self, value: &[u8], pattern: &[u8]) -> bool {
        value
            .len()
            .checked_sub(pattern.len())
            .and_then(|at| value.get(at..))
            .is_some_and(|suffix| self.eq(suffix, pattern))
    }

    /// Returns the eight bytes of `word`, with capital letters replaced by small letters if case is ignored.
    #[inline]
    pub(crate) fn fold(self, word: u64) -> u64 {
        const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
        const ONES: u64 = 0x0101_0101_0101_0101;
        if self == Self::Sensitive {
            return word;
        }
        // The high bit of each byte is set if the byte is at least `A`, or greater than `Z`.
        let from_a = (word & LOW) + (0x80 - b'A' as u64) * ONES;
        let after_z = (word & LOW) + (0x7F - b'Z' as u64) * ONES;
        let capital = from_a & !after_z & !word & !LOW;
        word | (capital >> 2)
    }
}

/// Returns whether `one` equals `other`. In WebAssembly the standard library compares byte by byte; on other targets it
/// uses wide registers.
#[inline]
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    if cfg!(target_arch = "wasm32") { are_equal_by_words(one, other) } else { one == other }
}

/// Returns whether `one` equals `other`, comparing eight bytes at a time.
#[inline]
fn are_equal_by_words(one: &[u8], other: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insensitive_comparison_ignores_ascii_case() {
        for (a, b) in [("Example.COM", "example.com"), ("", ""), ("ABCDEFGHIJ", "abcdefghij")] {
            assert!(CaseSensitivity::Insensitive.eq(a.as_bytes(), b.as_bytes()));
        }
        assert!(!CaseSensitivity::Sensitive.eq(b"GET", b"get"));
    }

    #[test]
    fn comparison_by_words_finds_every_difference() {
        for len in 0..80 {
            let text: alloc::vec::Vec<u8> = (0..len).collect();
            assert!(are_equal_by_words(&text, &text.clone()));
            assert!(!are_equal_by_words(&text, &[&text[..], b"x"].concat()));
            for at in 0..text.len() {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert!(!are_equal_by_words(&text, &other), "{len}, {at}");
            }
        }
    }

    #[test]
    fn fold_changes_only_capital_letters() {
        let bytes: alloc::vec::Vec<u8> = (0..=255).collect();
        for chunk in bytes.chunks_exact(8) {
            let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
            assert_eq!(CaseSensitivity::Insensitive.fold(word(chunk)), word(&chunk.to_ascii_lowercase()));
        }
    }

    #[test]
    fn prefix_and_suffix_longer_than_the_value_do_not_match() {
        assert!(CaseSensitivity::Sensitive.starts_with(b"/a/b", b"/a"));
        assert!(!CaseSensitivity::Sensitive.starts_with(b"/a", b"/a/b"));
        assert!(CaseSensitivity::Insensitive.ends_with(b"a.EXAMPLE", b".example"));
        assert!(!CaseSensitivity::Sensitive.ends_with(b"x", b"xx"));
    }
}
