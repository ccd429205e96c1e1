//! A serialized header map, read in place. Names and values are bytes, not necessarily UTF-8.

use crate::bytes::Bytes;
use core::ops::Range;

/// The pseudo headers that every request has once and most rules use.
pub(crate) const PSEUDO: [&str; 3] = [":method", ":path", ":authority"];

/// All headers of a request in order; repeated headers are separate.
#[derive(Debug, Default)]
pub struct HeaderMap {
    bytes: Bytes,
    count: usize,
    /// The position of the first value of each of [`PSEUDO`].
    pseudo: [Option<Range<usize>>; 3],
}

impl HeaderMap {
    /// Parses the ABI's layout: the count, all lengths, then each text followed by a zero byte. Returns `None` if the
    /// lengths exceed the bytes.
    pub fn parse(bytes: impl Into<Bytes>) -> Option<Self> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let count = length_at(&bytes, 0)?;
        let (lengths, start) = split(&bytes, count)?;
        let mut pseudo = [const { None }; 3];
        // All lengths together are below 2^64: there are fewer than 2^30 of them.
        let mut end = start as u64;
        for [name, value] in lengths.as_chunks::<2>().0 {
            let at = usize::try_from(end).ok()?;
            end += u64::from(u32::from_le_bytes(*name)) + u64::from(u32::from_le_bytes(*value)) + 2;
            if bytes.get(at) == Some(&b':') {
                index_pseudo(&mut pseudo, &bytes, at, length_of(*name)?, length_of(*value)?)?;
            }
        }
        (end <= bytes.len() as u64).then_some(Self { bytes, count, pseudo })
    }

    /// Returns the first value of the pseudo header number `index` of `:method`, `:path` and `:authority`.
    pub fn pseudo(&self, index: usize) -> Option<&[u8]> {
        self.bytes.get(self.pseudo.get(index)?.clone()?)
    }

    /// Returns every header.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (lengths, start) = split(&self.bytes, self.count).unwrap_or_default();
        let mut rest = self.bytes.get(start..).unwrap_or_default();
        let mut lengths = lengths.iter();
        core::iter::from_fn(move || {
            let mut text = || {
                let (text, after) = rest.split_at_checked(length_of(*lengths.next()?)?)?;
                rest = after.get(1..)?;
                Some(text)
            };
            Some((text()?, text()?))
        })
    }

    /// Returns each value of the header `name`, in lower case as the proxy's names are.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Returns the first value of the header `name`.
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// Serializes headers in the layout that [`HeaderMap::parse`] reads.
pub fn serialize(headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let length = |text: usize| u32::try_from(text).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = length(headers.len()).to_vec();
    for (name, value) in headers {
        bytes.extend(length(name.len()));
        bytes.extend(length(value.len()));
    }
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    bytes
}

/// Stores the position of the value of the header whose name begins at `at`, if it is the first of one of [`PSEUDO`].
fn index_pseudo(
    pseudo: &mut [Option<Range<usize>>; 3],
    bytes: &[u8],
    at: usize,
    name: usize,
    value: usize,
) -> Option<()> {
    let name_end = at.checked_add(name)?;
    let name = bytes.get(at..name_end)?;
    let value_at = name_end.checked_add(1)?;
    let known = pseudo.iter_mut().zip(PSEUDO).find(|(_, known)| known.as_bytes() == name);
    if let Some((place, _)) = known {
        place.get_or_insert(value_at..value_at.checked_add(value)?);
    }
    Some(())
}

/// Returns the lengths of `count` names and values, and the position of the first text.
fn split(bytes: &[u8], count: usize) -> Option<(&[[u8; 4]], usize)> {
    let end = count.checked_mul(8)?.checked_add(4)?;
    let (lengths, _) = bytes.get(4..end)?.as_chunks::<4>();
    Some((lengths, end))
}

fn length_of(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    length_of(*bytes.get(at..)?.first_chunk::<4>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_headers_are_separate_and_may_contain_any_byte() {
        let map =
            HeaderMap::parse(serialize(&[(b"x-\xff", b"\0"), (b"x", b"a"), (b"y", b""), (b"x", b"b,c")]))
                .unwrap();

        assert_eq!(map.values(b"x").collect::<Vec<_>>(), [&b"a"[..], b"b,c"]);
        assert_eq!(map.first(b"x-\xff"), Some(&b"\0"[..]));
        assert_eq!(map.first(b"y"), Some(&b""[..]));
        assert_eq!(map.first(b"z"), None);
    }

    #[test]
    fn pseudo_headers_are_found_at_any_position() {
        let map = HeaderMap::parse(serialize(&[
            (b":", b""),
            (b":pat", b"0"),
            (b":path", b"/a"),
            (b"path", b"1"),
            (b":path", b"/b"),
            (b":paths", b"2"),
            (b":method", b""),
        ]))
        .unwrap();

        for (index, name) in PSEUDO.iter().enumerate() {
            assert_eq!(map.pseudo(index), map.first(name.as_bytes()), "{name}");
        }
        assert_eq!([map.pseudo(0), map.pseudo(1), map.pseudo(2)], [Some(&b""[..]), Some(b"/a"), None]);
        assert_eq!(map.pseudo(3), None);
    }

    #[test]
    fn empty_bytes_are_an_empty_map() {
        assert_eq!(HeaderMap::parse(Vec::new()).unwrap().first(b"x"), None);
        assert_eq!(HeaderMap::parse(vec![0; 4]).unwrap().first(b"x"), None);
    }

    #[test]
    fn truncated_map_is_refused() {
        let whole = serialize(&[(b":path", b"/"), (b"x", b"value")]);

        for len in 1..whole.len() {
            assert!(HeaderMap::parse(whole[..len].to_vec()).is_none(), "{len}");
        }
        assert!(HeaderMap::parse(vec![0xff; 64]).is_none());
    }
}
