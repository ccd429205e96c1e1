//! Addresses by name with expiry, as an agent keeps them (`spec/cilium.md` 3.6).

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::net::IpAddr;

/// How long and how much is kept; the defaults are the agent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Shortest time to live, in milliseconds (`tofqdns-min-ttl`).
    pub min_ttl: u64,
    /// Most addresses of one name for one endpoint (`tofqdns-endpoint-max-ip-per-hostname`).
    pub max_per_name: usize,
    /// Most expired addresses that live connections keep (`tofqdns-max-deferred-connection-deletes`).
    pub max_deferred: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { min_ttl: 0, max_per_name: 1000, max_deferred: 10_000 }
    }
}

/// What one endpoint learned: this name has this address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lesson {
    pub(super) endpoint: Arc<str>,
    pub(super) name: Arc<str>,
    /// Last millisecond it is in force by itself.
    pub(super) expires: u64,
    /// When it expired and a live connection kept it.
    pub(super) deferred: Option<u64>,
}

/// The names a node knows for addresses. `now` is always passed in, in milliseconds, and never goes back.
///
/// ```
/// use palisade::{CacheLimits, NameCache};
///
/// let mut cache = NameCache::new(CacheLimits::default());
/// let ip = "192.0.2.1".parse().unwrap();
/// cache.learn("foo/sleep", "www.example.com.", [ip], 10_000, 0);
/// assert!(cache.names(ip).eq(["www.example.com."]));
/// cache.advance(10_001);
/// assert_eq!(cache.names(ip).count(), 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct NameCache {
    limits: CacheLimits,
    pub(super) lessons: BTreeMap<IpAddr, Vec<Lesson>>,
    /// Live connections, and how many of the same there are.
    pub(super) connections: BTreeMap<(Arc<str>, IpAddr), u32>,
}

impl NameCache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// `endpoint` was told at `now` that `name` (lower case, final dot) has `addresses` for `ttl` milliseconds.
    pub fn learn(
        &mut self,
        endpoint: &str,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
        ttl: u64,
        now: u64,
    ) {
        let (endpoint, name): (Arc<str>, Arc<str>) = (endpoint.into(), name.into());
        let expires = now.saturating_add(ttl.max(self.limits.min_ttl));
        for address in addresses {
            let lessons = self.lessons.entry(address).or_default();
            match lessons.iter_mut().find(|l| l.endpoint == endpoint && l.name == name) {
                Some(known) => {
                    known.expires = known.expires.max(expires);
                    known.deferred = None;
                }
                None => {
                    let lesson =
                        Lesson { endpoint: endpoint.clone(), name: name.clone(), expires, deferred: None };
                    lessons.push(lesson);
                }
            }
        }
        self.cap(&endpoint, &name);
    }

    /// A connection of `endpoint` to `address` is alive from now on.
    pub fn connect(&mut self, endpoint: &str, address: IpAddr) {
        *self.connections.entry((endpoint.into(), address)).or_insert(0) += 1;
    }

    /// A connection of `endpoint` to `address` is over.
    pub fn close(&mut self, endpoint: &str, address: IpAddr) {
        let key = (endpoint.into(), address);
        if let Some(count) = self.connections.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.connections.remove(&key);
            }
        }
        self.sweep(|_| false, 0);
    }

    /// It is `now`: what is over goes, unless a live connection keeps it.
    pub fn advance(&mut self, now: u64) {
        self.sweep(|lesson| lesson.expires < now, now);
        self.cap_deferred();
    }

    /// The names in force for `address`; one that several endpoints learned comes once.
    pub fn names(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        let lessons = self.lessons.get(&address).map(Vec::as_slice).unwrap_or_default();
        lessons.iter().enumerate().filter_map(move |(i, lesson)| {
            let before = lessons.get(..i).unwrap_or_default();
            (!before.iter().any(|b| b.name == lesson.name)).then_some(&*lesson.name)
        })
    }

    /// The addresses in force for `name`, in order.
    pub fn addresses<'a>(&'a self, name: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
        let known = self.lessons.iter().filter(move |(_, l)| l.iter().any(|l| *l.name == *name));
        known.map(|(address, _)| *address)
    }

    /// Defers or drops what has expired, and drops what is deferred and no connection keeps any more.
    fn sweep(&mut self, expired: impl Fn(&Lesson) -> bool, now: u64) {
        let mut kept: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (endpoint, address) in self.connections.keys() {
            for lesson in self.lessons.get(address).into_iter().flatten() {
                if lesson.endpoint == *endpoint {
                    kept.push((endpoint.clone(), lesson.name.clone()));
                }
            }
        }
        kept.sort_unstable();
        self.lessons.retain(|_, lessons| {
            lessons.retain_mut(|lesson| {
                if lesson.deferred.is_none() {
                    if !expired(lesson) {
                        return true;
                    }
                    lesson.deferred = Some(now);
                }
                kept.binary_search_by(|(e, n)| (e, n).cmp(&(&lesson.endpoint, &lesson.name))).is_ok()
            });
            !lessons.is_empty()
        });
    }

    /// Drops the addresses of `name` that expire first, as far as `endpoint` has too many.
    fn cap(&mut self, endpoint: &Arc<str>, name: &Arc<str>) {
        let is_it = |l: &Lesson| l.endpoint == *endpoint && l.name == *name && l.deferred.is_none();
        let mut held: Vec<(u64, IpAddr)> = Vec::new();
        for (address, lessons) in &self.lessons {
            held.extend(lessons.iter().filter(|l| is_it(l)).map(|l| (l.expires, *address)));
        }
        let Some(excess) = held.len().checked_sub(self.limits.max_per_name).filter(|n| *n > 0) else {
            return;
        };
        held.sort_unstable();
        for (_, address) in held.into_iter().take(excess) {
            if let Some(lessons) = self.lessons.get_mut(&address) {
                lessons.retain(|l| !is_it(l));
            }
        }
        self.lessons.retain(|_, l| !l.is_empty());
    }

    /// Drops deferred addresses beyond the limit: idle ones first, then those deferred first, then those with the
    /// fewest names.
    fn cap_deferred(&mut self) {
        let mut deferred = Vec::new();
        for (address, lessons) in &self.lessons {
            let Some(since) = lessons.iter().filter_map(|l| l.deferred).min() else { continue };
            if lessons.iter().all(|l| l.deferred.is_some()) {
                let busy = self.connections.keys().any(|(_, to)| to == address);
                deferred.push((busy, since, lessons.len(), *address));
            }
        }
        let Some(excess) = deferred.len().checked_sub(self.limits.max_deferred) else { return };
        deferred.sort_unstable();
        for (.., address) in deferred.into_iter().take(excess) {
            self.lessons.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const POD: &str = "foo/sleep";
    const NAME: &str = "a.example.";

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn cache() -> NameCache {
        let mut cache = NameCache::new(CacheLimits::default());
        cache.learn(POD, NAME, [ip(1), ip(2)], 10_000, 0);
        cache
    }

    #[test]
    fn a_live_connection_keeps_every_address_of_its_name() {
        let mut cache = cache();
        cache.connect(POD, ip(1));
        cache.advance(20_000);
        assert!(cache.names(ip(1)).eq([NAME]));
        assert!(cache.names(ip(2)).eq([NAME]));
        cache.close(POD, ip(1));
        assert_eq!(cache.names(ip(1)).count() + cache.names(ip(2)).count(), 0);
    }

    #[test]
    fn a_connection_of_another_endpoint_keeps_nothing() {
        let mut cache = cache();
        cache.connect("foo/other", ip(1));
        cache.advance(10_001);
        assert_eq!(cache.names(ip(1)).count(), 0);
    }

    #[test]
    fn a_fresh_lookup_revives_what_was_deferred() {
        let mut cache = cache();
        cache.connect(POD, ip(1));
        cache.advance(20_000);
        cache.learn(POD, NAME, [ip(1)], 10_000, 20_000);
        cache.close(POD, ip(1));
        assert!(cache.names(ip(1)).eq([NAME]));
        assert_eq!(cache.names(ip(2)).count(), 0);
    }

    #[test]
    fn the_oldest_address_beyond_the_limit_goes() {
        let mut cache = NameCache::new(CacheLimits { max_per_name: 2, ..CacheLimits::default() });
        for n in 1..=3 {
            cache.learn(POD, NAME, [ip(n)], 1000 * u64::from(n), 0);
        }
        assert!(cache.addresses(NAME).map(|a| a.to_string()).eq(["192.0.2.2", "192.0.2.3"]));
    }
}
