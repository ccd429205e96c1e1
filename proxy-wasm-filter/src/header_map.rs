//! A serialised header map, read in place: names and values are bytes, nothing is assumed to be UTF-8.

use core::ops::Range;

/// All headers of a request, in order, repeats apart.
#[derive(Debug, Default)]
pub struct HeaderMap {
    bytes: Vec<u8>,
    headers: Vec<(Range<usize>, Range<usize>)>,
}

impl HeaderMap {
    /// Reads the ABI's layout: count, all lengths, then each text with a zero byte behind it. None when the
    /// lengths do not fit the bytes.
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let count = length_at(&bytes, 0)?;
        let mut text = count.checked_mul(8)?.checked_add(4)?;
        if text > bytes.len() {
            return None;
        }
        let mut headers = Vec::with_capacity(count);
        for index in 0..count {
            let at = index * 8 + 4;
            let name = text_at(&bytes, &mut text, length_at(&bytes, at)?)?;
            let value = text_at(&bytes, &mut text, length_at(&bytes, at + 4)?)?;
            headers.push((name, value));
        }
        Some(Self { bytes, headers })
    }

    /// Each value of the header `name`, which is lower case as the proxy's names are.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| self.bytes.get(known.clone()) == Some(name))
            .filter_map(|(_, value)| self.bytes.get(value.clone()))
    }

    /// Every header.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((self.bytes.get(name.clone())?, self.bytes.get(value.clone())?)))
    }

    /// The first value of the header `name`.
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        let (_, value) =
            self.headers.iter().find(|(known, _)| self.bytes.get(known.clone()) == Some(name))?;
        self.bytes.get(value.clone())
    }
}

fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let length = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

fn text_at(bytes: &[u8], start: &mut usize, len: usize) -> Option<Range<usize>> {
    let end = start.checked_add(len)?;
    if end >= bytes.len() {
        return None;
    }
    let range = *start..end;
    *start = end + 1;
    Some(range)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The layout of `headers`.
    pub(crate) fn serialize(headers: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = (headers.len() as u32).to_le_bytes().to_vec();
        for (name, value) in headers {
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend((value.len() as u32).to_le_bytes());
        }
        for (name, value) in headers {
            bytes.extend([name, &b"\0"[..], value, b"\0"].concat());
        }
        bytes
    }

    #[test]
    fn repeats_stay_apart_and_any_byte_is_a_byte() {
        let map =
            HeaderMap::parse(serialize(&[(b"x-\xff", b"\0"), (b"x", b"a"), (b"y", b""), (b"x", b"b,c")]))
                .unwrap();

        assert_eq!(map.values(b"x").collect::<Vec<_>>(), [&b"a"[..], b"b,c"]);
        assert_eq!(map.first(b"x-\xff"), Some(&b"\0"[..]));
        assert_eq!(map.first(b"y"), Some(&b""[..]));
        assert_eq!(map.first(b"z"), None);
    }

    #[test]
    fn no_bytes_are_no_headers() {
        assert_eq!(HeaderMap::parse(Vec::new()).unwrap().first(b"x"), None);
        assert_eq!(HeaderMap::parse(vec![0; 4]).unwrap().first(b"x"), None);
    }

    #[test]
    fn every_cut_of_a_map_is_refused() {
        let whole = serialize(&[(b":path", b"/"), (b"x", b"value")]);

        for len in 1..whole.len() {
            assert!(HeaderMap::parse(whole[..len].to_vec()).is_none(), "{len}");
        }
        assert!(HeaderMap::parse(vec![0xff; 64]).is_none());
    }
}
