//! What one endpoint learned, and the connections that keep it.

use super::limits::CacheLimits;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::{mem::take, net::IpAddr};

pub(super) type Name = Arc<str>;

/// One name of one address, as it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lesson {
    /// Last millisecond in which the answer holds.
    pub(super) expires: u64,
    /// Whether the answer no longer counts by itself, so that the address is only kept.
    pub(super) kept: bool,
}

/// An address whose answers are over or were beyond the limit of their name. It stays open while it is alive, or while
/// another kept address of one of its names is alive.
#[derive(Clone, Debug, Default)]
struct Kept {
    names: BTreeSet<Name>,
    /// Last millisecond of the latest of its answers.
    expires: u64,
    /// Last millisecond of the idle grace behind it, where that is still to come.
    grace: Option<u64>,
    /// Whether a connection or the idle grace keeps it by itself.
    alive: bool,
}

/// What [`EndpointCache::learn`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    New,
    Again,
    /// There is no room.
    Refused,
}

/// The names that one endpoint asked for. Every method that drops a pair adds it to a list for the index of the node.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointCache {
    /// Last millisecond of each answer that holds.
    names: BTreeMap<Name, BTreeMap<IpAddr, u64>>,
    kept: BTreeMap<IpAddr, Kept>,
    /// The kept addresses of each name.
    kept_by_name: BTreeMap<Name, BTreeSet<IpAddr>>,
    /// How many kept addresses of each name are alive; names without one are not listed.
    alive: BTreeMap<Name, usize>,
    /// How many connections each address has.
    connections: BTreeMap<IpAddr, u32>,
    /// Pairs of name and address, kept ones included.
    pairs: usize,
    /// When the answers that hold expire.
    due: BTreeSet<(u64, Name, IpAddr)>,
    /// Last millisecond of the idle grace of each kept address.
    grace: BTreeSet<(u64, IpAddr)>,
    /// Names that the next collection has to look at.
    unsettled: BTreeSet<Name>,
}

impl EndpointCache {
    pub(super) fn is_empty(&self) -> bool {
        self.pairs == 0 && self.connections.is_empty()
    }

    /// Returns the number of pairs of name and address.
    pub(super) fn len(&self) -> usize {
        self.pairs
    }

    /// Returns every pair of name and address.
    pub(super) fn lessons(&self) -> impl Iterator<Item = (&Name, IpAddr, Lesson)> {
        let live = self.names.iter().flat_map(|(name, known)| {
            known.iter().map(move |(ip, expires)| (name, *ip, Lesson { expires: *expires, kept: false }))
        });
        let kept = self.kept.iter().flat_map(|(ip, kept)| {
            let lesson = Lesson { expires: kept.expires, kept: true };
            kept.names.iter().map(move |name| (name, *ip, lesson))
        });
        live.chain(kept)
    }

    pub(super) fn connections(&self) -> impl Iterator<Item = (IpAddr, u32)> {
        self.connections.iter().map(|(ip, alive)| (*ip, *alive))
    }

    /// Returns the first millisecond at which something changes by itself, or that of a `collection` that has work.
    pub(super) fn next_change(&self, collection: u64) -> Option<u64> {
        let collection = (!self.unsettled.is_empty()).then_some(collection);
        self.next_event().into_iter().chain(collection).min()
    }

    fn next_event(&self) -> Option<u64> {
        let due = self.due.first().map(|(at, ..)| *at);
        let grace = self.grace.first().map(|(at, _)| *at);
        due.into_iter().chain(grace).min().map(|at| at.saturating_add(1))
    }

    /// Records that `name` has `address` until `expires`. Of two answers the longer one holds; a kept pair holds again.
    pub(super) fn learn(
        &mut self,
        name: &Name,
        address: IpAddr,
        expires: u64,
        limits: &CacheLimits,
    ) -> Learned {
        let known = self.names.get(name).and_then(|known| known.get(&address)).copied();
        if let Some(before) = known {
            self.due.remove(&(before, name.clone(), address));
            self.hold(name.clone(), address, before.max(expires));
            self.crowd(name, limits);
            return Learned::Again;
        }
        let kept = self.kept.get(&address).filter(|kept| kept.names.contains(name)).map(|kept| kept.expires);
        let again = kept.is_some();
        if again {
            self.unkeep(name, address);
            // An address that this one kept goes at the next collection.
            self.unsettled.insert(name.clone());
        } else if self.pairs >= limits.max_per_endpoint {
            return Learned::Refused;
        } else {
            self.pairs += 1;
        }
        // An address beyond the limit of its name is kept while its answer still holds.
        self.hold(name.clone(), address, expires.max(kept.unwrap_or_default()));
        self.crowd(name, limits);
        if again { Learned::Again } else { Learned::New }
    }

    fn hold(&mut self, name: Name, address: IpAddr, expires: u64) {
        self.due.insert((expires, name.clone(), address));
        self.names.entry(name).or_default().insert(address, expires);
    }

    /// Adds a saved pair; false where the pair is known already.
    pub(super) fn put(&mut self, name: Name, address: IpAddr, lesson: Lesson, limits: &CacheLimits) -> bool {
        let live = self.names.get(&name).is_some_and(|known| known.contains_key(&address));
        let kept = self.kept.get(&address).is_some_and(|kept| kept.names.contains(&name));
        if live || kept {
            return false;
        }
        self.pairs += 1;
        if lesson.kept {
            self.keep(name.clone(), address, lesson.expires, limits);
        } else {
            self.hold(name.clone(), address, lesson.expires);
        }
        self.crowd(&name, limits);
        true
    }

    /// Marks `name` for the next collection where it has too many addresses.
    fn crowd(&mut self, name: &Name, limits: &CacheLimits) {
        let live = self.names.get(name).map_or(0, BTreeMap::len);
        let kept = self.kept_by_name.get(name).map_or(0, BTreeSet::len);
        if live > limits.max_per_name || kept > limits.max_per_name {
            self.unsettled.insert(name.clone());
        }
    }

    /// Counts one more connection to `address`; false where there are too many addresses to follow.
    pub(super) fn connect(&mut self, address: IpAddr, limits: &CacheLimits) -> bool {
        if self.connections.len() >= limits.max_connections && !self.connections.contains_key(&address) {
            return false;
        }
        self.put_connections(address, 1);
        true
    }

    /// Counts `alive` more connections to `address`.
    pub(super) fn put_connections(&mut self, address: IpAddr, alive: u32) {
        if alive > 0 {
            let known = self.connections.entry(address).or_insert(0);
            *known = known.saturating_add(alive);
            self.set_alive(address, true);
        }
    }

    /// Counts one connection to `address` less. A kept address without a connection lives for the idle grace only.
    pub(super) fn close(&mut self, address: IpAddr, now: u64, dropped: &mut Vec<(Name, IpAddr)>) {
        let Some(alive) = self.connections.get_mut(&address) else { return };
        *alive -= 1;
        if *alive > 0 {
            return;
        }
        self.connections.remove(&address);
        if self.kept.get(&address).is_some_and(|kept| kept.grace.is_none_or(|end| end < now)) {
            self.set_alive(address, false);
            self.settle_names_of(address, dropped);
        }
    }

    /// Moves on to `now`, one moment after the other: what holds no longer is kept while something keeps it.
    pub(super) fn advance(&mut self, now: u64, limits: &CacheLimits, dropped: &mut Vec<(Name, IpAddr)>) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            let mut changed = BTreeSet::new();
            while let Some((expires, name, address)) = pop_before(&mut self.due, |due| due.0 < at) {
                self.forget_answer(&name, address);
                self.keep(name.clone(), address, expires, limits);
                self.crowd(&name, limits);
                changed.insert(address);
            }
            while let Some((_, address)) = pop_before(&mut self.grace, |grace| grace.0 < at) {
                if let Some(kept) = self.kept.get_mut(&address) {
                    kept.grace = None;
                }
                let connected = self.connections.contains_key(&address);
                self.set_alive(address, connected);
                changed.insert(address);
            }
            for address in changed {
                self.settle_names_of(address, dropped);
            }
        }
        self.cap_kept(limits, dropped);
    }

    /// The agent's collection. Of a name with too many addresses those that expire first are kept from now on, and are
    /// alive until they expire; of a name with too many kept addresses the excess goes.
    pub(super) fn collect(&mut self, now: u64, limits: &CacheLimits, dropped: &mut Vec<(Name, IpAddr)>) {
        let names = take(&mut self.unsettled);
        for name in &names {
            let known = self.names.get(name).into_iter().flatten();
            let mut live: Vec<(u64, IpAddr)> = known.map(|(ip, expires)| (*expires, *ip)).collect();
            live.sort_unstable();
            live.truncate(live.len().saturating_sub(limits.max_per_name));
            for (expires, address) in live {
                self.due.remove(&(expires, name.clone(), address));
                self.forget_answer(name, address);
                self.keep(name.clone(), address, expires, limits);
            }
        }
        self.advance(now, limits, dropped);
        for name in &names {
            let kept = self.kept_by_name.get(name).into_iter().flatten().copied();
            let mut kept: Vec<IpAddr> = kept.collect();
            kept.sort_by_cached_key(|address| self.rank(*address));
            kept.truncate(kept.len().saturating_sub(limits.max_per_name));
            kept.into_iter().for_each(|address| self.evict(address, dropped));
            self.settle(name, dropped);
        }
        self.cap_kept(limits, dropped);
    }

    fn forget_answer(&mut self, name: &Name, address: IpAddr) {
        if let Some(known) = self.names.get_mut(name) {
            known.remove(&address);
            if known.is_empty() {
                self.names.remove(name);
            }
        }
    }

    /// Keeps `address` for `name`, alive to the end of the grace behind `expires` or as long as a connection lives.
    fn keep(&mut self, name: Name, address: IpAddr, expires: u64, limits: &CacheLimits) {
        let alive = {
            let kept = self.kept.entry(address).or_default();
            if let Some(before) = kept.grace.take() {
                self.grace.remove(&(before, address));
            }
            kept.expires = kept.expires.max(expires);
            let end = kept.expires.saturating_add(limits.idle_grace);
            kept.grace = Some(end);
            self.grace.insert((end, address));
            kept.names.insert(name.clone());
            kept.alive
        };
        if alive {
            *self.alive.entry(name.clone()).or_insert(0) += 1;
        }
        self.kept_by_name.entry(name).or_default().insert(address);
        self.set_alive(address, true);
    }

    /// Sets whether `address`, if it is kept, is alive by itself.
    fn set_alive(&mut self, address: IpAddr, alive: bool) {
        let Some(kept) = self.kept.get_mut(&address).filter(|kept| kept.alive != alive) else { return };
        kept.alive = alive;
        for name in &kept.names {
            if alive {
                *self.alive.entry(name.clone()).or_insert(0) += 1;
            } else {
                count_down(&mut self.alive, name);
            }
        }
    }

    /// Drops the kept addresses of the names of `address` that nothing keeps.
    fn settle_names_of(&mut self, address: IpAddr, dropped: &mut Vec<(Name, IpAddr)>) {
        let names = self.kept.get(&address).map(|kept| kept.names.clone()).unwrap_or_default();
        names.iter().for_each(|name| self.settle(name, dropped));
    }

    /// Drops the kept addresses of `name` that nothing keeps: each needs to be alive, or one of its names to have a kept
    /// address that is alive.
    fn settle(&mut self, name: &Name, dropped: &mut Vec<(Name, IpAddr)>) {
        if self.alive.contains_key(name) {
            return;
        }
        let all = self.kept_by_name.get(name).into_iter().flatten();
        let is_over = |address: &&IpAddr| {
            let kept = self.kept.get(address);
            kept.is_some_and(|k| !k.alive && !k.names.iter().any(|n| self.alive.contains_key(n)))
        };
        let over: Vec<IpAddr> = all.filter(is_over).copied().collect();
        over.into_iter().for_each(|address| self.drop_kept(address, dropped));
    }

    /// Drops every kept address that nothing keeps.
    pub(super) fn settle_all(&mut self, dropped: &mut Vec<(Name, IpAddr)>) {
        let names: Vec<Name> = self.kept_by_name.keys().cloned().collect();
        names.iter().for_each(|name| self.settle(name, dropped));
    }

    /// Drops kept addresses beyond the limit.
    fn cap_kept(&mut self, limits: &CacheLimits, dropped: &mut Vec<(Name, IpAddr)>) {
        if self.kept.len() <= limits.max_deferred {
            return;
        }
        let mut order: Vec<IpAddr> = self.kept.keys().copied().collect();
        order.sort_by_cached_key(|address| self.rank(*address));
        for address in order {
            if self.kept.len() <= limits.max_deferred {
                return;
            }
            self.evict(address, dropped);
        }
    }

    /// Drops the kept `address`, and what only it kept.
    fn evict(&mut self, address: IpAddr, dropped: &mut Vec<(Name, IpAddr)>) {
        let names = self.kept.get(&address).map(|kept| kept.names.clone()).unwrap_or_default();
        self.drop_kept(address, dropped);
        names.iter().for_each(|name| self.settle(name, dropped));
    }

    /// The order in which kept addresses go: those without a connection first, then those that expired first, then those
    /// with the fewest names.
    fn rank(&self, address: IpAddr) -> (bool, u64, usize, IpAddr) {
        let kept = self.kept.get(&address);
        let (expires, names) = kept.map_or((0, 0), |kept| (kept.expires, kept.names.len()));
        (self.connections.contains_key(&address), expires, names, address)
    }

    /// Drops every name that `forget` picks.
    pub(super) fn forget(&mut self, forget: &dyn Fn(&str) -> bool, dropped: &mut Vec<(Name, IpAddr)>) {
        let gone: Vec<(Name, IpAddr, Lesson)> =
            self.lessons().filter(|(n, ..)| forget(n)).map(|(n, ip, l)| (n.clone(), ip, l)).collect();
        for (name, address, lesson) in gone {
            if lesson.kept {
                self.unkeep(&name, address);
            } else {
                self.due.remove(&(lesson.expires, name.clone(), address));
                self.forget_answer(&name, address);
            }
            self.pairs -= 1;
            dropped.push((name, address));
        }
    }

    fn drop_kept(&mut self, address: IpAddr, dropped: &mut Vec<(Name, IpAddr)>) {
        let names = self.kept.get(&address).map(|kept| kept.names.clone()).unwrap_or_default();
        for name in names {
            self.unkeep(&name, address);
            self.pairs -= 1;
            dropped.push((name, address));
        }
    }

    /// Takes `name` from the kept address.
    fn unkeep(&mut self, name: &Name, address: IpAddr) {
        let Some(kept) = self.kept.get_mut(&address) else { return };
        if !kept.names.remove(name) {
            return;
        }
        if kept.alive {
            count_down(&mut self.alive, name);
        }
        if kept.names.is_empty() {
            if let Some(end) = kept.grace {
                self.grace.remove(&(end, address));
            }
            self.kept.remove(&address);
        }
        if let Some(addresses) = self.kept_by_name.get_mut(name) {
            addresses.remove(&address);
            if addresses.is_empty() {
                self.kept_by_name.remove(name);
            }
        }
    }
}

fn count_down(counts: &mut BTreeMap<Name, usize>, name: &Name) {
    if let Some(count) = counts.get_mut(name) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(name);
        }
    }
}

fn pop_before<T: Ord>(queue: &mut BTreeSet<T>, is_over: impl Fn(&T) -> bool) -> Option<T> {
    if queue.first().is_some_and(is_over) { queue.pop_first() } else { None }
}

#[cfg(test)]
mod tests;
