//! What DNS taught: names to addresses, each for its time.

mod cache;
mod snapshot;

pub use cache::{CacheLimits, NameCache};
pub use snapshot::RestoreError;
