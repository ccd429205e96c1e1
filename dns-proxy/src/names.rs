//! The DNS cache of the pod's node, shared by all threads.

use crate::clock::Clock;
use core::net::IpAddr;
use palisade::{
    CacheLimits, DnsAnswer, DnsCache, RestoreError,
    flow::{DnsPolicy, History, LearnedAddresses},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of names that are copied under one lock. Lookups wait no longer, also for addresses with many names.
const PART: usize = 512;

/// The DNS cache of one node. No method waits for another thread or process while it holds the lock.
#[derive(Debug)]
pub(crate) struct Names {
    node: String,
    limits: CacheLimits,
    clock: Clock,
    history: Mutex<History>,
}

impl Names {
    pub(crate) fn new(node: String, limits: CacheLimits) -> Self {
        Self { node, limits, clock: Clock::new(), history: Mutex::default() }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Locks the history and advances it to the current time.
    fn current(&self) -> MutexGuard<'_, History> {
        // After a panic of another thread the process ends in order, and the names in the cache are still valid.
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.wait_until(self.clock.now());
        history
    }

    /// Adds a successful answer to the cache.
    pub(crate) fn record_answer(&self, policy: &DnsPolicy, answer: &DnsAnswer) -> LearnedAddresses {
        policy.observe_response(&mut self.current(), answer)
    }

    /// Records that the pod opened a connection to `address`, or closed it.
    pub(crate) fn set_connection(&self, policy: &DnsPolicy, address: IpAddr, is_open: bool) {
        policy.set_connection(&mut self.current(), address, is_open);
    }

    /// Returns the names of `address`, in order, and a history with only these names.
    pub(crate) fn view(&self, address: IpAddr) -> (Vec<Arc<str>>, History) {
        let address = address.to_canonical();
        let mut names: Vec<Arc<str>> = Vec::new();
        loop {
            let history = self.current();
            let cache = history.cache(&self.node);
            let after = names.last().map(|name| &**name);
            let part = cache.map(|cache| cache.names_after(address, after, PART)).unwrap_or_default();
            drop(history);
            let is_last = part.len() < PART;
            names.extend(part);
            if is_last {
                break;
            }
        }
        let mut history = History::default();
        history.restore(&self.node, DnsCache::of_names(address, names.clone()));
        (names, history)
    }

    /// Replaces the cache by the saved cache in `bytes`, and returns the number of addresses. If `bytes` are invalid, the
    /// cache is empty.
    pub(crate) fn restore(&self, bytes: &[u8]) -> Result<usize, RestoreError> {
        let mut history = self.current();
        let restored = DnsCache::restore(bytes, self.limits, history.now);
        let known = restored.as_ref().map(|cache| cache.len()).map_err(|error| *error);
        history.restore(&self.node, restored.unwrap_or_else(|_| DnsCache::new(self.limits)));
        known
    }

    /// Returns the cache as bytes, and locks it until the end of the process.
    ///
    /// The proxy sends an answer after it has recorded it. Therefore it sends no answer that is missing in the bytes.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let history = self.current();
        let bytes = match history.cache(&self.node) {
            Some(cache) => cache.save(history.now),
            None => DnsCache::new(self.limits).save(history.now),
        };
        core::mem::forget(history);
        bytes
    }
}
