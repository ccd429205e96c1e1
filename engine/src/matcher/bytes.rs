//! Byte-string helpers that can ignore ASCII case without allocating.

/// Whether case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Bytes are compared as they are.
    Kept,
    /// ASCII letters are folded; patterns are lower case already.
    Folded,
}

impl Case {
    /// `byte` as it is compared.
    #[inline]
    pub(crate) fn of(self, byte: u8) -> u8 {
        match self {
            Self::Kept => byte,
            Self::Folded => byte.to_ascii_lowercase(),
        }
    }

    /// Whether the two are the same.
    #[inline]
    pub(crate) fn eq(self, value: &[u8], pattern: &[u8]) -> bool {
        match self {
            Self::Kept => value == pattern,
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

    /// A hash of `value` that agrees for values that compare equal. Tables are filled from configuration only, so
    /// a request cannot make them degenerate and the hash needs no secret.
    #[inline]
    pub(crate) fn hash(self, value: &[u8]) -> u64 {
        const K: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut hash = (value.len() as u64).wrapping_mul(K);
        let mut chunks = value.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            hash = mix(hash ^ self.word(word));
        }
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunks.remainder()) {
            *to = *from;
        }
        return mix(hash ^ self.word(word));

        #[inline]
        fn mix(x: u64) -> u64 {
            let wide = u128::from(x ^ K.rotate_left(17)) * u128::from(K);
            (wide as u64) ^ ((wide >> 64) as u64)
        }
    }

    #[inline]
    fn word(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Kept => u64::from_le_bytes(bytes),
            Self::Folded => u64::from_le_bytes(bytes.map(|b| b.to_ascii_lowercase())),
        }
    }
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
    fn ends_are_compared_only_where_they_fit() {
        assert!(Case::Kept.starts_with(b"/a/b", b"/a"));
        assert!(!Case::Kept.starts_with(b"/a", b"/a/b"));
        assert!(Case::Folded.ends_with(b"a.EXAMPLE", b".example"));
        assert!(!Case::Kept.ends_with(b"x", b"xx"));
    }
}
