//! The DNS cache: the addresses of DNS answers, each with its expiry time (docs/semantics/cilium.md#cilium-ttl).
//!
//! | file | content |
//! |---|---|
//! | `answer` | the addresses and the lifetime of one DNS answer |
//! | `limits` | the sizes and times that bound a cache |
//! | `entry` | the values that the other files exchange |
//! | `zombies` | expired addresses that stay allowed |
//! | `endpoint` | the answers and connections of one endpoint |
//! | `cache` | the cache of a node: all endpoints, and an index by address |
//! | `snapshot` | a cache as bytes, to keep it over a restart |

mod answer;
mod cache;
mod endpoint;
mod entry;
mod limits;
mod snapshot;
mod zombies;

pub use answer::{AnswerError, DnsAnswer, DnsData, DnsRecord, resolve_answer};
pub use cache::DnsCache;
pub use limits::CacheLimits;
pub use snapshot::RestoreError;
