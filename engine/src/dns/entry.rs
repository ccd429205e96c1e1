//! The values that the parts of the DNS cache exchange.

use alloc::sync::Arc;
use core::net::IpAddr;

/// A DNS name in canonical form: lower case, with one final dot.
pub(super) type DnsName = Arc<str>;

/// A name and one of its addresses.
pub(super) type Pair = (DnsName, IpAddr);

/// The state of one name and address in the cache of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CacheEntry {
    /// The last millisecond of the answer.
    pub(super) expires: u64,
    /// Whether the address is a zombie of the name.
    pub(super) is_zombie: bool,
}

/// The result of an attempt to record an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InsertOutcome {
    /// The cache did not contain the address for the name.
    New,
    /// The cache contained the address for the name.
    Renewed,
    /// The endpoint has reached its limit.
    OverLimit,
}
