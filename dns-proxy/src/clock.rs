//! The clock of the DNS cache.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 at the start of the process, advanced by a monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    at: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX) }
    }

    pub(crate) fn now(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at.saturating_add(passed)
    }
}
