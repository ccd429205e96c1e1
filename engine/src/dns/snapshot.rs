//! A `NameCache` as bytes and back, so that a restart forgets nothing that DNS taught.
//!
//! Magic, version, length and checksum, then the payload; numbers are little-endian, times relative to `now`.

use super::cache::{CacheLimits, Lesson, NameCache};
use alloc::{sync::Arc, vec::Vec};
use core::{error::Error, fmt, net::IpAddr};

const MAGIC: &[u8; 8] = b"palidns\n";
const VERSION: u16 = 1;

/// Why saved bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// They do not start as a saved cache does.
    NotACache,
    /// They are of a version that this one does not read.
    Version(u16),
    /// They are cut off, too long or changed.
    Corrupt,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACache => f.write_str("this is no saved name cache"),
            Self::Version(version) => {
                write!(f, "the saved name cache has version `{version}`, known is `{VERSION}`")
            }
            Self::Corrupt => f.write_str("the saved name cache is truncated or corrupt"),
        }?;
        f.write_str("; remove it and start empty: names are learned again when they are asked")
    }
}

impl Error for RestoreError {}

impl NameCache {
    /// What is in force at `now`, as bytes.
    ///
    /// ```
    /// use palisade::{CacheLimits, NameCache};
    ///
    /// let mut cache = NameCache::default();
    /// let ip = "192.0.2.1".parse().unwrap();
    /// cache.learn("foo/sleep", "www.example.com.", [ip], 10_000, 0);
    /// let saved = cache.save(4_000);
    ///
    /// let mut restored = NameCache::restore(&saved, CacheLimits::default(), 0).unwrap();
    /// restored.advance(6_000);
    /// assert!(restored.names(ip).eq(["www.example.com."]));
    /// restored.advance(6_001);
    /// assert_eq!(restored.names(ip).count(), 0);
    /// assert!(NameCache::restore(&saved[1..], CacheLimits::default(), 0).is_err());
    /// ```
    pub fn save(&self, now: u64) -> Vec<u8> {
        let mut current = self.clone();
        current.advance(now);
        let mut payload = Vec::new();
        put_length(&mut payload, current.lessons.values().map(Vec::len).sum());
        for (address, lessons) in &current.lessons {
            for lesson in lessons {
                put_address(&mut payload, *address);
                put_text(&mut payload, &lesson.endpoint);
                put_text(&mut payload, &lesson.name);
                put_number(&mut payload, lesson.expires.saturating_sub(now));
                payload.push(u8::from(lesson.deferred.is_some()));
                put_number(&mut payload, lesson.deferred.map_or(0, |since| now.saturating_sub(since)));
            }
        }
        put_length(&mut payload, current.connections.len());
        for ((endpoint, address), count) in &current.connections {
            put_text(&mut payload, endpoint);
            put_address(&mut payload, *address);
            payload.extend(count.to_le_bytes());
        }
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        put_length(&mut bytes, payload.len());
        bytes.extend(crc32fast::hash(&payload).to_le_bytes());
        bytes.extend(payload);
        bytes
    }

    /// The cache that `save` wrote, its times counted from `now`. Advance it by the time that has passed since.
    pub fn restore(bytes: &[u8], limits: CacheLimits, now: u64) -> Result<Self, RestoreError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(RestoreError::NotACache)?;
        let mut reader = Reader(rest);
        let version = u16::from_le_bytes(reader.array().ok_or(RestoreError::Corrupt)?);
        if version != VERSION {
            return Err(RestoreError::Version(version));
        }
        read(reader, limits, now).ok_or(RestoreError::Corrupt)
    }
}

fn read(mut header: Reader<'_>, limits: CacheLimits, now: u64) -> Option<NameCache> {
    let length = header.length()?;
    let checksum = u32::from_le_bytes(header.array()?);
    let Reader(payload) = header;
    if payload.len() != length || crc32fast::hash(payload) != checksum {
        return None;
    }
    let mut reader = Reader(payload);
    let mut cache = NameCache::new(limits);
    for _ in 0..reader.length()? {
        let address = reader.address()?;
        let (endpoint, name) = (reader.text()?, reader.text()?);
        let expires = now.saturating_add(reader.number()?);
        let deferred = match reader.array()? {
            [0] => reader.number().map(|_| None)?,
            [1] => Some(now.saturating_sub(reader.number()?)),
            _ => return None,
        };
        cache.lessons.entry(address).or_default().push(Lesson { endpoint, name, expires, deferred });
    }
    for _ in 0..reader.length()? {
        let (endpoint, address) = (reader.text()?, reader.address()?);
        let count = u32::from_le_bytes(reader.array()?);
        // A connection that is counted zero times would never be closed.
        if count == 0 {
            return None;
        }
        cache.connections.insert((endpoint, address), count);
    }
    reader.0.is_empty().then_some(cache)
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    put_number(out, u64::try_from(length).unwrap_or(u64::MAX));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend(text.as_bytes());
}

fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            out.push(4);
            out.extend(v4.octets());
        }
        IpAddr::V6(v6) => {
            out.push(6);
            out.extend(v6.octets());
        }
    }
}

/// What is still unread.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        core::str::from_utf8(text).ok().map(Arc::from)
    }

    fn address(&mut self) -> Option<IpAddr> {
        match self.array()? {
            [4] => self.array::<4>().map(IpAddr::from),
            [6] => self.array::<16>().map(IpAddr::from),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At 5000: one name in force, one expired that a connection keeps, one long gone.
    fn cache() -> NameCache {
        let mut cache = NameCache::default();
        cache.learn("foo/a", "a.example.", [ip("192.0.2.1"), ip("2001:db8::1")], 10_000, 0);
        cache.learn("foo/b", "b.example.", [ip("192.0.2.2")], 1_000, 0);
        cache.learn("foo/b", "c.example.", [ip("192.0.2.3")], 1_000, 0);
        cache.connect("foo/b", ip("192.0.2.2"));
        cache
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn restore(bytes: &[u8], now: u64) -> Result<NameCache, RestoreError> {
        NameCache::restore(bytes, CacheLimits::default(), now)
    }

    #[test]
    fn what_is_restored_lives_as_long_as_it_would_have() {
        let saved = cache().save(5_000);
        for now in [0, 5_000, 1 << 40] {
            let mut cache = restore(&saved, now).unwrap();
            assert_eq!(cache.save(now), saved);
            assert_eq!(cache.names(ip("192.0.2.3")).count(), 0);
            cache.advance(now + 5_000);
            assert!(cache.names(ip("2001:db8::1")).eq(["a.example."]));
            cache.advance(now + 5_001);
            assert_eq!(cache.names(ip("192.0.2.1")).count(), 0);
            assert!(cache.names(ip("192.0.2.2")).eq(["b.example."]), "a connection keeps it");
            cache.close("foo/b", ip("192.0.2.2"));
            assert_eq!(cache.names(ip("192.0.2.2")).count(), 0);
        }
    }

    #[test]
    fn every_truncation_and_every_addition_is_refused() {
        let mut saved = cache().save(5_000);
        for length in 0..saved.len() {
            assert!(restore(&saved[..length], 0).is_err(), "{length}");
        }
        saved.push(0);
        assert_eq!(restore(&saved, 0).unwrap_err(), RestoreError::Corrupt);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let mut saved = cache().save(5_000);
        for at in 0..saved.len() {
            for flip in 1..=u8::MAX {
                saved[at] ^= flip;
                assert!(restore(&saved, 0).is_err(), "{at} {flip}");
                saved[at] ^= flip;
            }
        }
    }
}
