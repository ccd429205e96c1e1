//! The limit of concurrent lookups.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Limits the number of lookups that wait for the upstream server.
#[derive(Debug)]
pub(crate) struct Slots {
    limit: usize,
    used: Arc<AtomicUsize>,
}

/// The slot of one lookup, which its drop frees.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicUsize>);

impl Slots {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default() }
    }

    /// Returns a slot if one is free.
    pub(crate) fn acquire(&self) -> Option<Permit> {
        let free = |used: usize| (used < self.limit).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Permit(Arc::clone(&self.used)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_permit_frees_its_slot() {
        let slots = Slots::new(1);
        let permit = slots.acquire();
        assert!(permit.is_some() && slots.acquire().is_none());
        drop(permit);
        assert!(slots.acquire().is_some());
    }
}
