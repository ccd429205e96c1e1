//! A map of values that are computed on first use.

use crate::matcher::case::CaseSensitivity;
use alloc::{boxed::Box, string::String};
use core::fmt;
use once_cell::race::OnceBox;

/// A map of values that are computed on first use. Threads share it without a lock.
///
/// It is a hash table of append-only lists, because the engine has neither `std` locks nor `unsafe` code. A lookup costs
/// one hash and, with a bucket for each expected key, about one comparison of keys. If two threads need a missing value at
/// the same time, both compute it, and the first result stays. Values are never removed.
pub(super) struct Cache<V> {
    buckets: Box<[List<V>]>,
}

type List<V> = OnceBox<Entry<V>>;

struct Entry<V> {
    key: String,
    value: V,
    next: List<V>,
}

impl<V> Cache<V> {
    /// Returns an empty map for about `keys` keys.
    pub(super) fn new(keys: usize) -> Self {
        Self { buckets: (0..keys.max(1)).map(|_| List::new()).collect() }
    }

    /// Returns the value of `key`, and computes it if it is missing.
    pub(super) fn get_or_compute(&self, key: &str, compute: impl Fn() -> V) -> &V {
        let bucket = CaseSensitivity::Sensitive.hash(key.as_bytes()) % self.buckets.len().max(1) as u64;
        // INVARIANT: the remainder is less than the number of buckets, which is not 0.
        #[expect(clippy::indexing_slicing, reason = "the remainder is an index of the table")]
        let mut list = &self.buckets[bucket as usize];
        loop {
            let new = || Box::new(Entry { key: key.into(), value: compute(), next: List::new() });
            let entry = list.get_or_init(new);
            if entry.key == key {
                return &entry.value;
            }
            list = &entry.next;
        }
    }
}

impl<V> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("buckets", &self.buckets.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;
    use alloc::{format, string::ToString};
    use core::cell::Cell;

    #[test]
    fn value_is_computed_once_per_key() {
        let (cache, computed) = (Cache::new(3), Cell::new(0));
        for round in 0..2 {
            for number in 0..20 {
                let key = format!("foo/{number}");
                let compute = || {
                    computed.set(computed.get() + 1);
                    number.to_string()
                };
                assert_eq!(*cache.get_or_compute(&key, compute), number.to_string(), "{round}");
            }
        }
        assert_eq!(computed.get(), 20);
    }
}
