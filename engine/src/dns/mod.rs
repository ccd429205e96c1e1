//! What DNS taught: names to addresses, each for its time.

mod cache;

pub use cache::{CacheLimits, NameCache};
