//! The format of a saved DNS cache.
//!
//! A file consists of magic bytes, version, length, checksum and payload. Numbers are little-endian. Times are those of the
//! caller's clock.

use super::{cache::DnsCache, endpoint::EndpointCache, entry::CacheEntry, limits::CacheLimits};
use alloc::{sync::Arc, vec::Vec};
use core::{error::Error, fmt, net::IpAddr};

const MAGIC: &[u8; 8] = b"palidns\n";
const VERSION: u16 = 2;

/// The time in milliseconds by which the clock may be behind the time of saving. A clock correction over the network is
/// smaller; the saved addresses then stay in force for that much longer.
const CLOCK_TOLERANCE: u64 = 60_000;

/// The reason for which saved bytes are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// The bytes do not start with the magic bytes of a saved cache.
    NotACache,
    /// The format has this unsupported version.
    Version(u16),
    /// The bytes are truncated, too long or modified.
    Corrupt,
    /// The cache was saved more than a minute after `now`, so its age is unknown.
    Clock,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACache => f.write_str("not a saved DNS cache"),
            Self::Version(version) => {
                write!(f, "the version of the saved DNS cache must be {VERSION}, got {version}")
            }
            Self::Corrupt => f.write_str("the saved DNS cache is truncated or corrupt"),
            Self::Clock => f.write_str("the saved DNS cache is newer than the clock: the clock was set back"),
        }?;
        f.write_str("; remove it to start with an empty cache, which later lookups fill")
    }
}

impl Error for RestoreError {}

impl DnsCache {
    /// Returns the state at `now` as bytes: names, zombies and connections.
    ///
    /// ```
    /// use core::time::Duration;
    /// use palisade::{CacheLimits, DnsCache, RestoreError};
    ///
    /// let mut cache = DnsCache::default();
    /// let ip = "192.0.2.1".parse().unwrap();
    /// cache.record("foo/sleep", "www.example.com.", [ip], Duration::from_millis(10_000), 0);
    /// let saved = cache.save(4_000);
    ///
    /// let restored = |now| DnsCache::restore(&saved, CacheLimits::default(), now);
    /// assert!(restored(10_000).unwrap().names(ip).eq(["www.example.com."]));
    /// assert_eq!(restored(10_001).unwrap().names(ip).count(), 0);
    /// assert!(restored(3_999).unwrap().names(ip).eq(["www.example.com."]));
    /// assert!(DnsCache::restore(&saved[1..], CacheLimits::default(), 4_000).is_err());
    /// ```
    #[must_use]
    pub fn save(&self, now: u64) -> Vec<u8> {
        let mut current = self.clone();
        current.advance(now);
        let mut payload = Vec::new();
        put_number(&mut payload, now);
        put_number(&mut payload, current.next_collection);
        put_length(&mut payload, current.endpoints.len());
        for (endpoint, cache) in &current.endpoints {
            put_text(&mut payload, endpoint);
            put_length(&mut payload, cache.entries().count());
            for (name, address, entry) in cache.entries() {
                put_text(&mut payload, name);
                put_address(&mut payload, address);
                put_number(&mut payload, entry.expires);
                payload.push(u8::from(entry.is_zombie));
                put_number(&mut payload, if entry.is_zombie { entry.expires } else { 0 });
            }
            put_length(&mut payload, cache.connections().count());
            for (address, open) in cache.connections() {
                put_address(&mut payload, address);
                payload.extend(open.to_le_bytes());
                // An earlier version stored the end of an idle grace here.
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

    /// Returns the saved cache, advanced to `now`, which must be a time of the same clock. If the clock was set back by at
    /// most a minute, the cache is restored as it was saved.
    ///
    /// # Errors
    ///
    /// The bytes are not a saved cache of the current version, or the clock was set back by more than a minute.
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
        // The time of a cache must not decrease.
        cache.advance(now.max(saved));
        Ok(cache)
    }
}

/// Returns the cache and the time of saving.
fn read(mut header: Reader<'_>, limits: CacheLimits) -> Option<(DnsCache, u64)> {
    let length = header.length()?;
    let checksum = u32::from_le_bytes(header.array()?);
    let Reader(payload) = header;
    if payload.len() != length || crc32fast::hash(payload) != checksum {
        return None;
    }
    let mut reader = Reader(payload);
    let mut cache = DnsCache::new(limits);
    let saved = reader.number()?;
    cache.next_collection = reader.number()?;
    for _ in 0..reader.length()? {
        let endpoint = reader.text()?;
        if cache.endpoints.contains_key(&endpoint) {
            return None;
        }
        let restored = endpoint_cache(&mut reader, &limits)?;
        cache.insert(endpoint, restored);
    }
    reader.0.is_empty().then_some((cache, saved))
}

fn endpoint_cache(reader: &mut Reader<'_>, limits: &CacheLimits) -> Option<EndpointCache> {
    let mut cache = EndpointCache::default();
    for _ in 0..reader.length()? {
        let (name, address, expires) = (reader.text()?, reader.address()?, reader.number()?);
        let (is_zombie, zombie_expires) = (reader.array()?, reader.number()?);
        let entry = match is_zombie {
            [0] => CacheEntry { expires, is_zombie: false },
            [1] => CacheEntry { expires: zombie_expires, is_zombie: true },
            _ => return None,
        };
        if !cache.insert(name, address, entry, limits) {
            return None;
        }
    }
    for _ in 0..reader.length()? {
        let address = reader.address()?;
        let open = u32::from_le_bytes(reader.array()?);
        reader.number()?;
        cache.add_connections(address, open);
    }
    // Without a later event, a zombie that nothing keeps alive would stay forever.
    cache.release_all(&mut Vec::new());
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

/// The bytes that are not yet read.
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
    use core::time::Duration;

    /// Returns a cache that contains, at 5000 ms, one name in force, one zombie with a connection and one expired name.
    fn cache() -> DnsCache {
        let mut cache = DnsCache::default();
        cache.record(
            "foo/a",
            "a.example.",
            [ip("192.0.2.1"), ip("2001:db8::1")],
            Duration::from_millis(10_000),
            0,
        );
        cache.record("foo/b", "b.example.", [ip("192.0.2.2")], Duration::from_millis(1_000), 0);
        cache.record("foo/b", "c.example.", [ip("192.0.2.3")], Duration::from_millis(1_000), 0);
        cache.connect("foo/b", ip("192.0.2.2"));
        cache
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn restore(bytes: &[u8], now: u64) -> Result<DnsCache, RestoreError> {
        DnsCache::restore(bytes, CacheLimits::default(), now)
    }

    #[test]
    fn restored_cache_expires_at_the_original_times() {
        let saved = cache().save(5_000);
        assert_eq!(restore(&saved, 5_000).unwrap().save(5_000), saved);
        let mut cache = restore(&saved, 5_000).unwrap();
        assert_eq!(cache.names(ip("192.0.2.3")).count(), 0);
        cache.advance(10_000);
        assert!(cache.names(ip("2001:db8::1")).eq(["a.example."]));
        for mut cache in [cache, restore(&saved, 10_001).unwrap()] {
            cache.advance(10_001);
            assert_eq!(cache.names(ip("192.0.2.1")).count(), 0);
            assert!(cache.names(ip("192.0.2.2")).eq(["b.example."]), "a connection keeps the address");
            cache.close("foo/b", ip("192.0.2.2"), 10_001);
            assert_eq!(cache.names(ip("192.0.2.2")).count(), 0);
        }
    }

    #[test]
    fn idle_grace_and_collection_continue_after_a_restart() {
        let limits = CacheLimits { idle_grace: 5_000, max_per_name: 1, ..CacheLimits::default() };
        let mut cache = DnsCache::new(limits);
        cache.record("foo/a", "a.example.", [ip("192.0.2.1")], Duration::from_millis(1_000), 0);
        let three = [ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")];
        cache.record("foo/b", "b.example.", three, Duration::from_millis(100_000), 0);
        let mut cache = DnsCache::restore(&cache.save(2_000), limits, 6_000).unwrap();
        assert!(cache.names(ip("192.0.2.1")).eq(["a.example.", "b.example."]));
        cache.advance(6_001);
        assert!(cache.names(ip("192.0.2.1")).eq(["b.example."]));
        cache.advance(59_999);
        assert_eq!(cache.addresses("b.example.").count(), 3);
        cache.advance(60_000);
        assert_eq!(cache.addresses("b.example.").count(), 2, "one address over the limit is a zombie");
        cache.advance(105_000);
        assert_eq!(cache.addresses("b.example.").count(), 2, "the idle grace keeps both");
        cache.advance(105_001);
        assert_eq!(cache.addresses("b.example.").count(), 0);
    }

    /// `save` never writes such bytes, but their checksum is valid.
    #[test]
    fn zombie_that_nothing_keeps_alive_is_not_restored() {
        let mut endpoint = EndpointCache::default();
        endpoint.insert(
            "a.example.".into(),
            ip("192.0.2.1"),
            CacheEntry { expires: 0, is_zombie: true },
            &CacheLimits::default(),
        );
        let mut cache = DnsCache::default();
        cache.insert("foo/a".into(), endpoint);
        assert!(restore(&cache.save(5_000), 5_000).unwrap().is_empty());
    }

    #[test]
    fn clock_behind_by_at_most_a_minute_restores_the_saved_state() {
        let mut cache = DnsCache::default();
        cache.record("foo/a", "a.example.", [ip("192.0.2.1")], Duration::from_millis(10_000), 90_000);
        let saved = cache.save(95_000);
        for now in [94_999, 35_000] {
            let restored = restore(&saved, now).unwrap();
            assert_eq!(restored.save(95_000), saved, "{now}");
            assert!(restored.names(ip("192.0.2.1")).eq(["a.example."]));
        }
        assert_eq!(restore(&saved, 34_999).unwrap_err(), RestoreError::Clock);
    }

    #[test]
    fn unsupported_version_is_an_error() {
        let mut saved = cache().save(5_000);
        saved[MAGIC.len()] = 1;
        assert_eq!(restore(&saved, 5_000).unwrap_err(), RestoreError::Version(1));
    }

    #[test]
    fn truncated_or_extended_bytes_are_an_error() {
        let mut saved = cache().save(5_000);
        for length in 0..saved.len() {
            assert!(restore(&saved[..length], 5_000).is_err(), "{length}");
        }
        saved.push(0);
        assert_eq!(restore(&saved, 5_000).unwrap_err(), RestoreError::Corrupt);
    }

    #[test]
    fn every_modified_byte_is_an_error() {
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
