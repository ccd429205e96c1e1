//! A `NameCache` as bytes and back, so that a restart forgets nothing that DNS taught.
//!
//! Magic, version, length and checksum, then the payload; numbers are little-endian, times those of the clock that
//! `now` comes from.

use super::{
    cache::NameCache,
    endpoint::{EndpointCache, Lesson},
    limits::CacheLimits,
};
use alloc::{sync::Arc, vec::Vec};
use core::{error::Error, fmt, net::IpAddr};

const MAGIC: &[u8; 8] = b"palidns\n";
const VERSION: u16 = 2;

/// How far, in milliseconds, the clock may be behind the time of saving. A clock that is corrected by the network steps by
/// less, and what was saved is then in force for that much longer.
const CLOCK_TOLERANCE: u64 = 60_000;

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
    /// They were saved more than a minute after `now`, so nobody knows how long ago that was.
    Clock,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACache => f.write_str("not a saved name cache"),
            Self::Version(version) => {
                write!(f, "the saved name cache has version `{version}`, known is `{VERSION}`")
            }
            Self::Corrupt => f.write_str("the saved name cache is truncated or corrupt"),
            Self::Clock => f.write_str("the saved name cache comes from the future: the clock was set back"),
        }?;
        f.write_str("; remove it and start empty: names are learned again when they are asked")
    }
}

impl Error for RestoreError {}

impl NameCache {
    /// What is in force at `now`, as bytes: names, deferred addresses, connections.
    ///
    /// ```
    /// use palisade::{CacheLimits, NameCache, RestoreError};
    ///
    /// let mut cache = NameCache::default();
    /// let ip = "192.0.2.1".parse().unwrap();
    /// cache.learn("foo/sleep", "www.example.com.", [ip], 10_000, 0);
    /// let saved = cache.save(4_000);
    ///
    /// let restored = |now| NameCache::restore(&saved, CacheLimits::default(), now);
    /// assert!(restored(10_000).unwrap().names(ip).eq(["www.example.com."]));
    /// assert_eq!(restored(10_001).unwrap().names(ip).count(), 0);
    /// assert!(restored(3_999).unwrap().names(ip).eq(["www.example.com."]));
    /// assert!(NameCache::restore(&saved[1..], CacheLimits::default(), 4_000).is_err());
    /// ```
    pub fn save(&self, now: u64) -> Vec<u8> {
        let mut current = self.clone();
        current.advance(now);
        let mut payload = Vec::new();
        put_number(&mut payload, now);
        put_number(&mut payload, current.next_collection);
        put_length(&mut payload, current.endpoints.len());
        for (endpoint, cache) in &current.endpoints {
            put_text(&mut payload, endpoint);
            put_length(&mut payload, cache.lessons().count());
            for (name, address, lesson) in cache.lessons() {
                put_text(&mut payload, name);
                put_address(&mut payload, address);
                put_number(&mut payload, lesson.expires);
                payload.push(u8::from(lesson.kept));
                put_number(&mut payload, if lesson.kept { lesson.expires } else { 0 });
            }
            put_length(&mut payload, cache.connections().count());
            for (address, alive) in cache.connections() {
                put_address(&mut payload, address);
                payload.extend(alive.to_le_bytes());
                // An earlier release wrote the end of an idle grace here.
                put_number(&mut payload, 0);
            }
        }
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        put_length(&mut bytes, payload.len());
        bytes.extend(crc32fast::hash(&payload).to_le_bytes());
        bytes.extend(payload);
        bytes
    }

    /// The cache that `save` wrote, as it is at `now`, which must come from the same clock. A clock that stepped back by
    /// at most a minute loses nothing: the cache is restored as it was saved.
    ///
    /// # Errors
    ///
    /// The bytes are not what `save` wrote, or the clock was set back by more than a minute since.
    pub fn restore(bytes: &[u8], limits: CacheLimits, now: u64) -> Result<Self, RestoreError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(RestoreError::NotACache)?;
        let mut reader = Reader(rest);
        let version = u16::from_le_bytes(reader.array().ok_or(RestoreError::Corrupt)?);
        if version != VERSION {
            return Err(RestoreError::Version(version));
        }
        let (mut cache, saved) = read(reader, limits).ok_or(RestoreError::Corrupt)?;
        if now.saturating_add(CLOCK_TOLERANCE) < saved {
            return Err(RestoreError::Clock);
        }
        // The cache never sees time go back.
        cache.advance(now.max(saved));
        Ok(cache)
    }
}

/// The cache, and when it was saved.
fn read(mut header: Reader<'_>, limits: CacheLimits) -> Option<(NameCache, u64)> {
    let length = header.length()?;
    let checksum = u32::from_le_bytes(header.array()?);
    let Reader(payload) = header;
    if payload.len() != length || crc32fast::hash(payload) != checksum {
        return None;
    }
    let mut reader = Reader(payload);
    let mut cache = NameCache::new(limits);
    let saved = reader.number()?;
    cache.next_collection = reader.number()?;
    for _ in 0..reader.length()? {
        let endpoint = reader.text()?;
        if cache.endpoints.contains_key(&endpoint) {
            return None;
        }
        let of_it = endpoint_cache(&mut reader, &limits)?;
        cache.insert(endpoint, of_it);
    }
    reader.0.is_empty().then_some((cache, saved))
}

fn endpoint_cache(reader: &mut Reader<'_>, limits: &CacheLimits) -> Option<EndpointCache> {
    let mut cache = EndpointCache::default();
    for _ in 0..reader.length()? {
        let (name, address, expires) = (reader.text()?, reader.address()?, reader.number()?);
        let (kept, since) = (reader.array()?, reader.number()?);
        let lesson = match kept {
            [0] => Lesson { expires, kept: false },
            [1] => Lesson { expires: since, kept: true },
            _ => return None,
        };
        if !cache.put(name, address, lesson, limits) {
            return None;
        }
    }
    for _ in 0..reader.length()? {
        let address = reader.address()?;
        let alive = u32::from_le_bytes(reader.array()?);
        reader.number()?;
        cache.put_connections(address, alive);
    }
    // What nothing keeps would stay for ever.
    cache.settle_all(&mut Vec::new());
    Some(cache)
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
        assert_eq!(restore(&saved, 5_000).unwrap().save(5_000), saved);
        let mut cache = restore(&saved, 5_000).unwrap();
        assert_eq!(cache.names(ip("192.0.2.3")).count(), 0);
        cache.advance(10_000);
        assert!(cache.names(ip("2001:db8::1")).eq(["a.example."]));
        for mut cache in [cache, restore(&saved, 10_001).unwrap()] {
            cache.advance(10_001);
            assert_eq!(cache.names(ip("192.0.2.1")).count(), 0);
            assert!(cache.names(ip("192.0.2.2")).eq(["b.example."]), "a connection keeps it");
            cache.close("foo/b", ip("192.0.2.2"), 10_001);
            assert_eq!(cache.names(ip("192.0.2.2")).count(), 0);
        }
    }

    #[test]
    fn idle_grace_and_collection_continue_after_a_restore() {
        let limits = CacheLimits { idle_grace: 5_000, max_per_name: 1, ..CacheLimits::default() };
        let mut cache = NameCache::new(limits);
        cache.learn("foo/a", "a.example.", [ip("192.0.2.1")], 1_000, 0);
        let three = [ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")];
        cache.learn("foo/b", "b.example.", three, 100_000, 0);
        let mut cache = NameCache::restore(&cache.save(2_000), limits, 6_000).unwrap();
        assert!(cache.names(ip("192.0.2.1")).eq(["a.example.", "b.example."]));
        cache.advance(6_001);
        assert!(cache.names(ip("192.0.2.1")).eq(["b.example."]));
        cache.advance(59_999);
        assert_eq!(cache.addresses("b.example.").count(), 3);
        cache.advance(60_000);
        assert_eq!(cache.addresses("b.example.").count(), 2, "one address beyond the limit is kept");
        cache.advance(105_000);
        assert_eq!(cache.addresses("b.example.").count(), 2, "the grace keeps both");
        cache.advance(105_001);
        assert_eq!(cache.addresses("b.example.").count(), 0);
    }

    /// Such bytes are never saved, and yet have a right checksum.
    #[test]
    fn what_is_deferred_and_nothing_keeps_does_not_come_back() {
        let mut endpoint = EndpointCache::default();
        endpoint.put(
            "a.example.".into(),
            ip("192.0.2.1"),
            Lesson { expires: 0, kept: true },
            &CacheLimits::default(),
        );
        let mut cache = NameCache::default();
        cache.insert("foo/a".into(), endpoint);
        assert!(restore(&cache.save(5_000), 5_000).unwrap().is_empty());
    }

    #[test]
    fn clock_that_is_behind_by_at_most_a_minute_loses_nothing() {
        let mut cache = NameCache::default();
        cache.learn("foo/a", "a.example.", [ip("192.0.2.1")], 10_000, 90_000);
        let saved = cache.save(95_000);
        for now in [94_999, 35_000] {
            let restored = restore(&saved, now).unwrap();
            assert_eq!(restored.save(95_000), saved, "{now}");
            assert!(restored.names(ip("192.0.2.1")).eq(["a.example."]));
        }
        assert_eq!(restore(&saved, 34_999).unwrap_err(), RestoreError::Clock);
    }

    #[test]
    fn an_older_version_is_named() {
        let mut saved = cache().save(5_000);
        saved[MAGIC.len()] = 1;
        assert_eq!(restore(&saved, 5_000).unwrap_err(), RestoreError::Version(1));
    }

    #[test]
    fn every_truncation_and_every_addition_is_refused() {
        let mut saved = cache().save(5_000);
        for length in 0..saved.len() {
            assert!(restore(&saved[..length], 5_000).is_err(), "{length}");
        }
        saved.push(0);
        assert_eq!(restore(&saved, 5_000).unwrap_err(), RestoreError::Corrupt);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let mut saved = cache().save(5_000);
        for at in 0..saved.len() {
            for flip in 1..=u8::MAX {
                saved[at] ^= flip;
                assert!(restore(&saved, 5_000).is_err(), "{at} {flip}");
                saved[at] ^= flip;
            }
        }
    }
}
