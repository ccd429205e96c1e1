//! What one endpoint learned, and the connections that keep it.

use super::limits::CacheLimits;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::{mem::take, net::IpAddr};

pub(super) type Name = Arc<str>;

/// That a name has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lesson {
    /// Last millisecond it is in force by itself.
    pub(super) expires: u64,
    /// When its time was over and a connection kept it.
    pub(super) deferred: Option<u64>,
}

/// The connections to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connections {
    /// How many are alive.
    pub(super) alive: u32,
    /// Last millisecond that they still keep the address, where none is alive.
    pub(super) idle_until: u64,
}

/// What became of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    New,
    Again,
    /// There is no room.
    Refused,
}

/// The names that one endpoint asked for. Whatever it drops, it adds to a list for the index of the node.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointCache {
    names: BTreeMap<Name, BTreeMap<IpAddr, Lesson>>,
    connections: BTreeMap<IpAddr, Connections>,
    /// Pairs in `names`.
    pairs: usize,
    /// When those that nothing defers yet expire.
    due: BTreeSet<(u64, Name, IpAddr)>,
    /// When connections that are over stop to keep their address.
    idle: BTreeSet<(u64, IpAddr)>,
    /// The names for which an address is deferred.
    deferred: BTreeMap<IpAddr, BTreeSet<Name>>,
    /// Names that may have too many addresses.
    crowded: BTreeSet<Name>,
}

impl EndpointCache {
    pub(super) fn is_empty(&self) -> bool {
        self.pairs == 0 && self.connections.is_empty()
    }

    /// Pairs of name and address.
    pub(super) fn len(&self) -> usize {
        self.pairs
    }

    pub(super) fn lessons(&self) -> impl Iterator<Item = (&Name, IpAddr, &Lesson)> {
        self.names.iter().flat_map(|(name, known)| known.iter().map(move |(ip, l)| (name, *ip, l)))
    }

    pub(super) fn connections(&self) -> impl Iterator<Item = (IpAddr, &Connections)> {
        self.connections.iter().map(|(ip, c)| (*ip, c))
    }

    /// The first millisecond at which something is over by itself, or that of a `collection` that has work to do.
    pub(super) fn next_change(&self, collection: u64) -> Option<u64> {
        let due = self.due.first().map(|(at, ..)| at.saturating_add(1));
        let idle = self.idle.first().map(|(at, _)| at.saturating_add(1));
        let crowded = (!self.crowded.is_empty()).then_some(collection);
        due.into_iter().chain(idle).chain(crowded).min()
    }

    pub(super) fn learn(
        &mut self,
        name: &Name,
        address: IpAddr,
        expires: u64,
        limits: &CacheLimits,
    ) -> Learned {
        if let Some(lesson) = self.names.get_mut(name).and_then(|known| known.get_mut(&address)) {
            if lesson.deferred.take().is_none() {
                self.due.remove(&(lesson.expires, name.clone(), address));
            }
            lesson.expires = lesson.expires.max(expires);
            self.due.insert((lesson.expires, name.clone(), address));
            self.undefer(name, address);
            self.crowd(name, limits);
            return Learned::Again;
        }
        if self.pairs >= limits.max_per_endpoint {
            return Learned::Refused;
        }
        self.put(name.clone(), address, Lesson { expires, deferred: None });
        self.crowd(name, limits);
        Learned::New
    }

    /// Adds what is not there yet; false where it is.
    pub(super) fn put(&mut self, name: Name, address: IpAddr, lesson: Lesson) -> bool {
        match lesson.deferred {
            None => drop(self.due.insert((lesson.expires, name.clone(), address))),
            Some(_) => drop(self.deferred.entry(address).or_default().insert(name.clone())),
        }
        let fresh = self.names.entry(name).or_default().insert(address, lesson).is_none();
        self.pairs += usize::from(fresh);
        fresh
    }

    pub(super) fn crowd(&mut self, name: &Name, limits: &CacheLimits) {
        if self.names.get(name).is_some_and(|known| known.len() > limits.max_per_name) {
            self.crowded.insert(name.clone());
        }
    }

    pub(super) fn connect(&mut self, address: IpAddr, limits: &CacheLimits) -> bool {
        if self.connections.len() >= limits.max_connections && !self.connections.contains_key(&address) {
            return false;
        }
        self.put_connections(address, 1, 0);
        true
    }

    /// `alive` more connections to `address`, or none that keep it until `idle_until`.
    pub(super) fn put_connections(&mut self, address: IpAddr, alive: u32, idle_until: u64) {
        let known = self.connections.entry(address).or_insert(Connections { alive: 0, idle_until: 0 });
        if known.alive == 0 {
            self.idle.remove(&(known.idle_until, address));
        }
        known.alive = known.alive.saturating_add(alive);
        known.idle_until = idle_until;
        if known.alive == 0 {
            self.idle.insert((idle_until, address));
        }
    }

    /// One connection to `address` is over. Where it was the last, the address stays for the grace.
    pub(super) fn close(
        &mut self,
        address: IpAddr,
        now: u64,
        limits: &CacheLimits,
        dropped: &mut Vec<(Name, IpAddr)>,
    ) {
        let Some(known) = self.connections.get_mut(&address).filter(|known| known.alive > 0) else { return };
        known.alive -= 1;
        if known.alive > 0 {
            return;
        }
        match limits.idle_grace.checked_sub(1) {
            Some(rest) => {
                known.idle_until = now.saturating_add(rest);
                self.idle.insert((known.idle_until, address));
            }
            None => {
                self.connections.remove(&address);
                self.settle_at(address, dropped);
            }
        }
    }

    /// It is `now`: what is over goes, unless a connection keeps it.
    pub(super) fn advance(&mut self, now: u64, limits: &CacheLimits, dropped: &mut Vec<(Name, IpAddr)>) {
        let mut over: BTreeMap<Name, Vec<(IpAddr, u64)>> = BTreeMap::new();
        while let Some((expires, name, address)) = pop_before(&mut self.due, |due| due.0 < now) {
            over.entry(name).or_default().push((address, expires));
        }
        over.into_iter().for_each(|(name, addresses)| self.retire(&name, &addresses, dropped));
        while let Some((_, address)) = pop_before(&mut self.idle, |idle| idle.0 < now) {
            self.connections.remove(&address);
            self.settle_at(address, dropped);
        }
        self.cap_deferred(limits, dropped);
    }

    /// Addresses beyond the limit of their name go as if their time were over, those that expire first first.
    pub(super) fn collect(&mut self, now: u64, limits: &CacheLimits, dropped: &mut Vec<(Name, IpAddr)>) {
        for name in take(&mut self.crowded) {
            let known = self.names.get(&name).into_iter().flatten();
            let mut live: Vec<(u64, IpAddr)> =
                known.filter(|(_, l)| l.deferred.is_none()).map(|(ip, l)| (l.expires, *ip)).collect();
            let excess = live.len().saturating_sub(limits.max_per_name);
            live.sort_unstable();
            live.truncate(excess);
            for (expires, address) in &live {
                self.due.remove(&(*expires, name.clone(), *address));
            }
            let over: Vec<(IpAddr, u64)> = live.into_iter().map(|(_, ip)| (ip, now)).collect();
            self.retire(&name, &over, dropped);
        }
        self.cap_deferred(limits, dropped);
    }

    /// The time of these addresses of `name` is over, each since the moment beside it.
    fn retire(&mut self, name: &Name, addresses: &[(IpAddr, u64)], dropped: &mut Vec<(Name, IpAddr)>) {
        let kept = self.is_kept(name);
        for (address, since) in addresses {
            if !kept {
                self.remove(name, *address, dropped);
            } else if let Some(lesson) = self.names.get_mut(name).and_then(|known| known.get_mut(address)) {
                lesson.deferred = Some(*since);
                self.deferred.entry(*address).or_default().insert(name.clone());
            }
        }
    }

    /// Whether a connection to some address of `name` keeps them all.
    fn is_kept(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|known| known.keys().any(|ip| self.connections.contains_key(ip)))
    }

    /// Drops what is deferred for the names of `address` and nothing keeps any more.
    fn settle_at(&mut self, address: IpAddr, dropped: &mut Vec<(Name, IpAddr)>) {
        let names: Vec<Name> = self
            .names
            .iter()
            .filter(|(_, known)| known.contains_key(&address))
            .map(|(n, _)| n.clone())
            .collect();
        names.iter().for_each(|name| self.settle(name, dropped));
    }

    /// Drops what is deferred for `name`, unless something keeps it.
    fn settle(&mut self, name: &Name, dropped: &mut Vec<(Name, IpAddr)>) {
        if self.is_kept(name) {
            return;
        }
        let known = self.names.get(name).into_iter().flatten();
        let gone: Vec<IpAddr> = known.filter(|(_, l)| l.deferred.is_some()).map(|(ip, _)| *ip).collect();
        gone.into_iter().for_each(|address| self.remove(name, address, dropped));
    }

    /// Drops whatever is deferred and nothing keeps.
    pub(super) fn settle_all(&mut self, dropped: &mut Vec<(Name, IpAddr)>) {
        let names: BTreeSet<Name> = self.deferred.values().flatten().cloned().collect();
        names.iter().for_each(|name| self.settle(name, dropped));
    }

    /// Deferred addresses beyond the limit go: idle ones first, then those deferred first, then those with the fewest
    /// names.
    fn cap_deferred(&mut self, limits: &CacheLimits, dropped: &mut Vec<(Name, IpAddr)>) {
        if self.deferred.len() <= limits.max_deferred {
            return;
        }
        let mut order: Vec<(bool, u64, usize, IpAddr)> = Vec::new();
        for (address, names) in &self.deferred {
            let alive = self.connections.get(address).is_some_and(|c| c.alive > 0);
            let since = names.iter().filter_map(|n| self.names.get(n)?.get(address)?.deferred).min();
            order.push((alive, since.unwrap_or(0), names.len(), *address));
        }
        order.sort_unstable();
        for (.., address) in order {
            if self.deferred.len() <= limits.max_deferred {
                return;
            }
            let names = self.deferred.get(&address).cloned().unwrap_or_default();
            names.iter().for_each(|name| self.remove(name, address, dropped));
            // What the connection to it kept has lost its keeper.
            names.iter().for_each(|name| self.settle(name, dropped));
        }
    }

    /// Drops every name that `forget` picks.
    pub(super) fn forget(&mut self, forget: &dyn Fn(&str) -> bool, dropped: &mut Vec<(Name, IpAddr)>) {
        let gone: Vec<(Name, IpAddr)> =
            self.lessons().filter(|(n, ..)| forget(n)).map(|(n, ip, _)| (n.clone(), ip)).collect();
        gone.iter().for_each(|(name, address)| self.remove(name, *address, dropped));
    }

    fn remove(&mut self, name: &Name, address: IpAddr, dropped: &mut Vec<(Name, IpAddr)>) {
        let Some(known) = self.names.get_mut(name) else { return };
        let Some(lesson) = known.remove(&address) else { return };
        if known.is_empty() {
            self.names.remove(name);
        }
        self.pairs -= 1;
        self.due.remove(&(lesson.expires, name.clone(), address));
        self.undefer(name, address);
        dropped.push((name.clone(), address));
    }

    fn undefer(&mut self, name: &Name, address: IpAddr) {
        if let Some(names) = self.deferred.get_mut(&address) {
            names.remove(name);
            if names.is_empty() {
                self.deferred.remove(&address);
            }
        }
    }
}

fn pop_before<T: Ord>(queue: &mut BTreeSet<T>, is_over: impl Fn(&T) -> bool) -> Option<T> {
    if queue.first().is_some_and(is_over) { queue.pop_first() } else { None }
}

#[cfg(test)]
mod tests;
