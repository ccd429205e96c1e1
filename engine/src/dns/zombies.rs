//! Expired addresses of one endpoint that stay allowed (docs/semantics/cilium.md#cilium-ttl).

use super::entry::{DnsName, Pair};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

/// An address whose answers have expired or exceeded the limit of their name. It stays allowed while it is alive, or while
/// another zombie of one of its names is alive.
#[derive(Clone, Debug, Default)]
struct Zombie {
    names: BTreeSet<DnsName>,
    /// The last millisecond of the latest of its answers.
    expires: u64,
    /// The last millisecond of the idle grace, or `None` after it.
    grace_end: Option<u64>,
    /// Whether a connection or the idle grace keeps it.
    is_alive: bool,
}

/// The zombies of one endpoint.
///
/// A method that takes `dropped` appends each pair of name and address that it removes to that list.
#[derive(Clone, Debug, Default)]
pub(super) struct Zombies {
    by_address: BTreeMap<IpAddr, Zombie>,
    by_name: BTreeMap<DnsName, BTreeSet<IpAddr>>,
    /// The number of zombies of each name that are alive; without an entry there are none.
    alive: BTreeMap<DnsName, usize>,
    /// The last millisecond of the idle grace of each zombie.
    grace_ends: BTreeSet<(u64, IpAddr)>,
    /// The number of pairs of name and address.
    pairs: usize,
}

impl Zombies {
    /// Returns the number of pairs of name and address.
    pub(super) fn len(&self) -> usize {
        self.pairs
    }

    /// Returns the number of zombies of `name`.
    pub(super) fn count(&self, name: &DnsName) -> usize {
        self.by_name.get(name).map_or(0, BTreeSet::len)
    }

    /// Returns every pair of name and address with the last millisecond of its answers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&DnsName, IpAddr, u64)> {
        self.by_address.iter().flat_map(|(address, zombie)| {
            zombie.names.iter().map(move |name| (name, *address, zombie.expires))
        })
    }

    /// Returns all names of zombies.
    pub(super) fn names(&self) -> impl Iterator<Item = &DnsName> {
        self.by_name.keys()
    }

    /// Returns the last millisecond of the answers of `address`, if it is a zombie of `name`.
    pub(super) fn expires(&self, name: &DnsName, address: IpAddr) -> Option<u64> {
        self.by_address
            .get(&address)
            .filter(|zombie| zombie.names.contains(name))
            .map(|zombie| zombie.expires)
    }

    /// Returns the last millisecond of the idle grace that ends first.
    pub(super) fn first_grace_end(&self) -> Option<u64> {
        self.grace_ends.first().map(|(at, _)| *at)
    }

    /// Returns whether `address` is a zombie whose idle grace is over at `now`.
    pub(super) fn is_past_grace(&self, address: IpAddr, now: u64) -> bool {
        self.by_address.get(&address).is_some_and(|zombie| zombie.grace_end.is_none_or(|end| end < now))
    }

    /// Adds `address` as a zombie of `name`. It is alive until `idle_grace` milliseconds after `expires`.
    pub(super) fn add(&mut self, name: DnsName, address: IpAddr, expires: u64, idle_grace: u64) {
        let zombie = self.by_address.entry(address).or_default();
        if let Some(before) = zombie.grace_end.take() {
            self.grace_ends.remove(&(before, address));
        }
        zombie.expires = zombie.expires.max(expires);
        let end = zombie.expires.saturating_add(idle_grace);
        zombie.grace_end = Some(end);
        self.grace_ends.insert((end, address));
        if zombie.names.insert(name.clone()) {
            self.pairs += 1;
        }
        if zombie.is_alive {
            *self.alive.entry(name.clone()).or_insert(0) += 1;
        }
        self.by_name.entry(name).or_default().insert(address);
        self.set_alive(address, true);
    }

    /// Sets whether a connection or the idle grace keeps `address`, if it is a zombie.
    pub(super) fn set_alive(&mut self, address: IpAddr, is_alive: bool) {
        let Some(zombie) = self.by_address.get_mut(&address).filter(|zombie| zombie.is_alive != is_alive)
        else {
            return;
        };
        zombie.is_alive = is_alive;
        for name in &zombie.names {
            if is_alive {
                *self.alive.entry(name.clone()).or_insert(0) += 1;
            } else {
                count_down(&mut self.alive, name);
            }
        }
    }

    /// Ends one idle grace whose last millisecond is before `at`, and returns its address.
    pub(super) fn end_grace_before(&mut self, at: u64) -> Option<IpAddr> {
        if self.first_grace_end().is_none_or(|end| end >= at) {
            return None;
        }
        let (_, address) = self.grace_ends.pop_first()?;
        if let Some(zombie) = self.by_address.get_mut(&address) {
            zombie.grace_end = None;
        }
        Some(address)
    }

    /// Removes the zombies of the names of `address` that nothing keeps alive.
    pub(super) fn release_names_of(&mut self, address: IpAddr, dropped: &mut Vec<Pair>) {
        self.names_of(address).iter().for_each(|name| self.release(name, dropped));
    }

    /// Removes the zombies of `name` that nothing keeps alive: neither are they alive, nor is another zombie of one of their
    /// names.
    pub(super) fn release(&mut self, name: &DnsName, dropped: &mut Vec<Pair>) {
        if self.alive.contains_key(name) {
            return;
        }
        let all = self.by_name.get(name).into_iter().flatten();
        let is_released = |address: &&IpAddr| {
            let zombie = self.by_address.get(address);
            zombie.is_some_and(|z| !z.is_alive && !z.names.iter().any(|n| self.alive.contains_key(n)))
        };
        let released: Vec<IpAddr> = all.filter(is_released).copied().collect();
        released.into_iter().for_each(|address| self.remove(address, dropped));
    }

    /// Evicts zombies until at most `max` addresses are left.
    pub(super) fn evict_over_limit(
        &mut self,
        max: usize,
        is_connected: impl Fn(IpAddr) -> bool,
        dropped: &mut Vec<Pair>,
    ) {
        if self.by_address.len() <= max {
            return;
        }
        let mut order: Vec<IpAddr> = self.by_address.keys().copied().collect();
        order.sort_by_cached_key(|address| self.eviction_rank(*address, &is_connected));
        for address in order {
            if self.by_address.len() <= max {
                return;
            }
            self.evict(address, dropped);
        }
    }

    /// Evicts zombies of `name` until at most `max` of them are left.
    pub(super) fn evict_over_limit_of(
        &mut self,
        name: &DnsName,
        max: usize,
        is_connected: impl Fn(IpAddr) -> bool,
        dropped: &mut Vec<Pair>,
    ) {
        let mut order: Vec<IpAddr> = self.by_name.get(name).into_iter().flatten().copied().collect();
        order.sort_by_cached_key(|address| self.eviction_rank(*address, &is_connected));
        order.truncate(order.len().saturating_sub(max));
        order.into_iter().for_each(|address| self.evict(address, dropped));
    }

    /// Removes `address` from the zombies of `name`.
    pub(super) fn remove_name(&mut self, name: &DnsName, address: IpAddr) {
        let Some(zombie) = self.by_address.get_mut(&address) else { return };
        if !zombie.names.remove(name) {
            return;
        }
        self.pairs -= 1;
        if zombie.is_alive {
            count_down(&mut self.alive, name);
        }
        if zombie.names.is_empty() {
            if let Some(end) = zombie.grace_end {
                self.grace_ends.remove(&(end, address));
            }
            self.by_address.remove(&address);
        }
        if let Some(addresses) = self.by_name.get_mut(name) {
            addresses.remove(&address);
            if addresses.is_empty() {
                self.by_name.remove(name);
            }
        }
    }

    /// Removes the zombie `address`, and those that only it kept.
    fn evict(&mut self, address: IpAddr, dropped: &mut Vec<Pair>) {
        let names = self.names_of(address);
        self.remove(address, dropped);
        names.iter().for_each(|name| self.release(name, dropped));
    }

    fn remove(&mut self, address: IpAddr, dropped: &mut Vec<Pair>) {
        for name in self.names_of(address) {
            self.remove_name(&name, address);
            dropped.push((name, address));
        }
    }

    fn names_of(&self, address: IpAddr) -> BTreeSet<DnsName> {
        self.by_address.get(&address).map(|zombie| zombie.names.clone()).unwrap_or_default()
    }

    /// Returns the order of eviction: zombies without a connection first, then those that expired first, then those with the
    /// fewest names.
    fn eviction_rank(
        &self,
        address: IpAddr,
        is_connected: &impl Fn(IpAddr) -> bool,
    ) -> (bool, u64, usize, IpAddr) {
        let zombie = self.by_address.get(&address);
        let (expires, names) = zombie.map_or((0, 0), |zombie| (zombie.expires, zombie.names.len()));
        (is_connected(address), expires, names, address)
    }
}

fn count_down(counts: &mut BTreeMap<DnsName, usize>, name: &DnsName) {
    if let Some(count) = counts.get_mut(name) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(name);
        }
    }
}
