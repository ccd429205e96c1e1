//! What DNS taught the pod's node, shared by all threads.

use crate::clock::Clock;
use core::net::IpAddr;
use palisade::{
    CacheLimits, DnsAnswer, DnsCache, RestoreError,
    flow::{DnsPolicy, History, Opened},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names that are copied in one go. Lookups wait for no more than that, however many names an address has.
const PART: usize = 512;

/// The names of one node. No caller keeps the lock while it waits for anything.
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

    /// The history as it is now.
    fn current(&self) -> MutexGuard<'_, History> {
        // A panic of another thread ends the process in order; what was learned until then is still right.
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.wait_until(self.clock.now());
        history
    }

    /// A successful answer came.
    pub(crate) fn learn(&self, policy: &DnsPolicy<'_>, taught: &DnsAnswer) -> Opened {
        policy.learn(&mut self.current(), taught)
    }

    /// A connection of the pod to `address` is alive from now on, or over.
    pub(crate) fn set_connection(&self, policy: &DnsPolicy<'_>, address: IpAddr, alive: bool) {
        policy.set_connection(&mut self.current(), address, alive);
    }

    /// The names in force for `address`, in order, and a history that knows only them.
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

    /// Knows what `bytes` say, and nothing else. Where they are refused it knows nothing.
    pub(crate) fn restore(&self, bytes: &[u8]) -> Result<usize, RestoreError> {
        let mut history = self.current();
        let restored = DnsCache::restore(bytes, self.limits, history.now);
        let known = restored.as_ref().map(|cache| cache.len()).map_err(|error| *error);
        history.restore(&self.node, restored.unwrap_or_else(|_| DnsCache::new(self.limits)));
        known
    }

    /// Stops learning for good and returns what is known as bytes. As an answer is sent when it is learned, no answer
    /// that the bytes do not hold is sent any more, and every later use of the names waits for the end of the process.
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
