//! Header maps, and their layout in the ABI.

/// Headers and pseudo headers in order. Names and values are bytes; repeated headers are separate.
pub type HeaderMap = Vec<(Vec<u8>, Vec<u8>)>;

/// Serializes pairs in the ABI's layout: the count, all lengths, then each text followed by a zero byte. An empty map is
/// serialized as no bytes.
pub fn encode_pairs(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    put_len(&mut out, pairs.len());
    for (name, value) in pairs {
        put_len(&mut out, name.len());
        put_len(&mut out, value.len());
    }
    for (name, value) in pairs {
        for text in [name, value] {
            out.extend_from_slice(text);
            out.push(0);
        }
    }
    out
}

/// Parses the ABI's layout; returns `None` if the lengths exceed the bytes.
pub fn decode_pairs(bytes: &[u8]) -> Option<HeaderMap> {
    if bytes.is_empty() {
        return Some(HeaderMap::new());
    }
    let (count, rest) = take_len(bytes)?;
    let (mut lengths, mut texts) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut pairs = HeaderMap::with_capacity(count);
    for _ in 0..count {
        let (name_len, more) = take_len(lengths)?;
        let (value_len, more) = take_len(more)?;
        lengths = more;
        let (name, more) = take_text(texts, name_len)?;
        let (value, more) = take_text(more, value_len)?;
        texts = more;
        pairs.push((name.to_vec(), value.to_vec()));
    }
    Some(pairs)
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn take_len(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*len)).ok()?, rest))
}

fn take_text(bytes: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(len)?;
    Some((text, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_with_any_bytes_survive_a_round_trip() {
        let pairs = vec![
            (b":path".to_vec(), b"/".to_vec()),
            (b"x-\xff".to_vec(), b"\0\xfe".to_vec()),
            (Vec::new(), Vec::new()),
        ];

        assert_eq!(decode_pairs(&encode_pairs(&pairs)), Some(pairs));
        assert_eq!(decode_pairs(b""), Some(HeaderMap::new()));
    }

    #[test]
    fn lengths_beyond_the_bytes_are_refused() {
        assert_eq!(decode_pairs(b"\xff\xff\xff\xff"), None);
        assert_eq!(decode_pairs(b"\x01\0\0\0\x05\0\0\0\x05\0\0\0ab\0"), None);
        assert_eq!(decode_pairs(b"\x01\0"), None);
    }
}
