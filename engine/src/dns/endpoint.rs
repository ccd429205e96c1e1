//! The DNS answers of one endpoint, and its connections.

use super::{
    entry::{CacheEntry, DnsName, InsertOutcome, Pair},
    limits::CacheLimits,
    zombies::Zombies,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{mem::take, net::IpAddr};

/// The names that one endpoint looked up, with their addresses.
///
/// A method that takes `dropped` appends each pair of name and address that it removes to that list. The cache of the node
/// then removes the pairs from its index.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointCache {
    /// The last millisecond of each answer in force.
    answers: BTreeMap<DnsName, BTreeMap<IpAddr, u64>>,
    /// The number of answers in force.
    answer_count: usize,
    /// The answers in the order of their expiry.
    expiries: BTreeSet<(u64, DnsName, IpAddr)>,
    zombies: Zombies,
    /// The number of open connections to each address.
    connections: BTreeMap<IpAddr, u32>,
    /// The names that the next collection must process.
    to_collect: BTreeSet<DnsName>,
}

impl EndpointCache {
    /// Returns whether the cache contains neither addresses nor connections.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.connections.is_empty()
    }

    /// Returns the number of pairs of name and address, including zombies.
    pub(super) fn len(&self) -> usize {
        self.answer_count + self.zombies.len()
    }

    /// Returns every pair of name and address.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&DnsName, IpAddr, CacheEntry)> {
        let answers = self.answers.iter().flat_map(|(name, addresses)| {
            addresses
                .iter()
                .map(move |(ip, expires)| (name, *ip, CacheEntry { expires: *expires, is_zombie: false }))
        });
        let zombies = self
            .zombies
            .iter()
            .map(|(name, ip, expires)| (name, ip, CacheEntry { expires, is_zombie: true }));
        answers.chain(zombies)
    }

    /// Returns the number of open connections to each address.
    pub(super) fn connections(&self) -> impl Iterator<Item = (IpAddr, u32)> {
        self.connections.iter().map(|(address, open)| (*address, *open))
    }

    /// Returns the first millisecond at which time alone changes the cache. `collection` is the time of the next collection.
    pub(super) fn next_change(&self, collection: u64) -> Option<u64> {
        let collection = (!self.to_collect.is_empty()).then_some(collection);
        self.next_event().into_iter().chain(collection).min()
    }

    fn next_event(&self) -> Option<u64> {
        let expiry = self.expiries.first().map(|(at, ..)| *at);
        let last = expiry.into_iter().chain(self.zombies.first_grace_end()).min();
        last.map(|at| at.saturating_add(1))
    }

    /// Records that `name` has `address` until `expires`. Of two answers, the later expiry applies. A zombie becomes an
    /// answer again.
    pub(super) fn record(
        &mut self,
        name: &DnsName,
        address: IpAddr,
        expires: u64,
        limits: &CacheLimits,
    ) -> InsertOutcome {
        let known = self.answers.get(name).and_then(|addresses| addresses.get(&address)).copied();
        if let Some(before) = known {
            self.remove_answer(name, address, before);
            self.add_answer(name.clone(), address, before.max(expires));
            self.check_limits(name, limits);
            return InsertOutcome::Renewed;
        }
        let zombie = self.zombies.expires(name, address);
        if zombie.is_some() {
            self.zombies.remove_name(name, address);
            // The next collection removes a zombie that only this one kept.
            self.to_collect.insert(name.clone());
        } else if self.len() >= limits.max_per_endpoint {
            return InsertOutcome::OverLimit;
        }
        // A zombie over the limit of its name can have an answer that has not expired.
        self.add_answer(name.clone(), address, expires.max(zombie.unwrap_or_default()));
        self.check_limits(name, limits);
        if zombie.is_some() { InsertOutcome::Renewed } else { InsertOutcome::New }
    }

    /// Adds an entry of a saved cache. Returns whether it was missing.
    pub(super) fn insert(
        &mut self,
        name: DnsName,
        address: IpAddr,
        entry: CacheEntry,
        limits: &CacheLimits,
    ) -> bool {
        let is_answer = self.answers.get(&name).is_some_and(|addresses| addresses.contains_key(&address));
        if is_answer || self.zombies.expires(&name, address).is_some() {
            return false;
        }
        if entry.is_zombie {
            self.keep_alive(name.clone(), address, entry.expires, limits);
        } else {
            self.add_answer(name.clone(), address, entry.expires);
        }
        self.check_limits(&name, limits);
        true
    }

    fn add_answer(&mut self, name: DnsName, address: IpAddr, expires: u64) {
        self.expiries.insert((expires, name.clone(), address));
        if self.answers.entry(name).or_default().insert(address, expires).is_none() {
            self.answer_count += 1;
        }
    }

    fn remove_answer(&mut self, name: &DnsName, address: IpAddr, expires: u64) {
        self.expiries.remove(&(expires, name.clone(), address));
        let Some(addresses) = self.answers.get_mut(name) else { return };
        if addresses.remove(&address).is_some() {
            self.answer_count -= 1;
        }
        if addresses.is_empty() {
            self.answers.remove(name);
        }
    }

    /// Adds a zombie. A connection or the idle grace keeps it alive.
    fn keep_alive(&mut self, name: DnsName, address: IpAddr, expires: u64, limits: &CacheLimits) {
        self.zombies.add(name, address, expires, limits.idle_grace);
    }

    /// Adds `name` to the next collection if it is over a limit.
    fn check_limits(&mut self, name: &DnsName, limits: &CacheLimits) {
        let answers = self.answers.get(name).map_or(0, BTreeMap::len);
        if answers > limits.max_per_name || self.zombies.count(name) > limits.max_per_name {
            self.to_collect.insert(name.clone());
        }
    }

    /// Records that a connection to `address` opened. Returns `false` without an effect if the endpoint is connected to too
    /// many addresses.
    pub(super) fn connect(&mut self, address: IpAddr, limits: &CacheLimits) -> bool {
        if self.connections.len() >= limits.max_connections && !self.connections.contains_key(&address) {
            return false;
        }
        self.add_connections(address, 1);
        true
    }

    /// Records that `count` connections to `address` opened.
    pub(super) fn add_connections(&mut self, address: IpAddr, count: u32) {
        if count > 0 {
            let open = self.connections.entry(address).or_insert(0);
            *open = open.saturating_add(count);
            self.zombies.set_alive(address, true);
        }
    }

    /// Records that a connection to `address` closed. A zombie without a connection stays for the idle grace only.
    pub(super) fn close(&mut self, address: IpAddr, now: u64, dropped: &mut Vec<Pair>) {
        let Some(open) = self.connections.get_mut(&address) else { return };
        *open -= 1;
        if *open > 0 {
            return;
        }
        self.connections.remove(&address);
        if self.zombies.is_past_grace(address, now) {
            self.zombies.set_alive(address, false);
            self.zombies.release_names_of(address, dropped);
        }
    }

    /// Advances the time to `now`. It processes the expiries and the ends of idle graces in their order.
    pub(super) fn advance(&mut self, now: u64, limits: &CacheLimits, dropped: &mut Vec<Pair>) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            let mut changed = BTreeSet::new();
            while let Some((expires, name, address)) = self.first_expired(at) {
                self.remove_answer(&name, address, expires);
                self.keep_alive(name.clone(), address, expires, limits);
                self.check_limits(&name, limits);
                changed.insert(address);
            }
            while let Some(address) = self.zombies.end_grace_before(at) {
                let is_connected = self.connections.contains_key(&address);
                self.zombies.set_alive(address, is_connected);
                changed.insert(address);
            }
            for address in changed {
                self.zombies.release_names_of(address, dropped);
            }
        }
        self.evict_over_limit(limits, dropped);
    }

    fn first_expired(&self, at: u64) -> Option<(u64, DnsName, IpAddr)> {
        self.expiries.first().filter(|(expires, ..)| *expires < at).cloned()
    }

    /// Runs the agent's periodic collection. If a name has too many addresses, those that expire first become zombies, which
    /// stay alive until they expire. If a name has too many zombies, the excess is evicted.
    pub(super) fn collect(&mut self, now: u64, limits: &CacheLimits, dropped: &mut Vec<Pair>) {
        let names = take(&mut self.to_collect);
        for name in &names {
            let addresses = self.answers.get(name).into_iter().flatten();
            let mut excess: Vec<(u64, IpAddr)> = addresses.map(|(ip, expires)| (*expires, *ip)).collect();
            excess.sort_unstable();
            excess.truncate(excess.len().saturating_sub(limits.max_per_name));
            for (expires, address) in excess {
                self.remove_answer(name, address, expires);
                self.keep_alive(name.clone(), address, expires, limits);
            }
        }
        self.advance(now, limits, dropped);
        for name in &names {
            let Self { zombies, connections, .. } = self;
            let is_connected = |address| connections.contains_key(&address);
            zombies.evict_over_limit_of(name, limits.max_per_name, is_connected, dropped);
            zombies.release(name, dropped);
        }
        self.evict_over_limit(limits, dropped);
    }

    fn evict_over_limit(&mut self, limits: &CacheLimits, dropped: &mut Vec<Pair>) {
        let Self { zombies, connections, .. } = self;
        zombies.evict_over_limit(limits.max_deferred, |address| connections.contains_key(&address), dropped);
    }

    /// Removes every zombie that nothing keeps alive.
    pub(super) fn release_all(&mut self, dropped: &mut Vec<Pair>) {
        let names: Vec<DnsName> = self.zombies.names().cloned().collect();
        names.iter().for_each(|name| self.zombies.release(name, dropped));
    }

    /// Removes the names for which `is_removed` returns true.
    pub(super) fn forget(&mut self, is_removed: &dyn Fn(&str) -> bool, dropped: &mut Vec<Pair>) {
        let entries = self.entries().filter(|(name, ..)| is_removed(name));
        let removed: Vec<(DnsName, IpAddr, CacheEntry)> =
            entries.map(|(name, address, entry)| (name.clone(), address, entry)).collect();
        for (name, address, entry) in removed {
            if entry.is_zombie {
                self.zombies.remove_name(&name, address);
            } else {
                self.remove_answer(&name, address, entry.expires);
            }
            dropped.push((name, address));
        }
    }
}

#[cfg(test)]
mod tests;
