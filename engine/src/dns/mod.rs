//! What DNS taught: names to addresses, each for its time.

mod answer;
mod cache;
mod endpoint;
mod limits;
mod snapshot;

pub use answer::{AnswerError, DnsData, DnsRecord, Taught, taught};
pub use cache::NameCache;
pub use limits::CacheLimits;
pub use snapshot::RestoreError;
