//! The client address in `X-Forwarded-For` (docs/semantics/envoy.md#envoy-client-address).

use super::{
    address::Address,
    header::trim,
    header_map::HeaderMap,
    proxy::{Downstream, Proxy},
};
use core::net::IpAddr;

/// The client of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: Option<Address>,
    /// Whether the address is the peer of the socket because the one in `X-Forwarded-For` is invalid.
    pub(super) is_guess: bool,
}

impl Client {
    /// Returns the client according to `headers` as sent.
    pub(super) fn read(headers: &HeaderMap, downstream: &Downstream, proxy: &Proxy) -> Self {
        let named = headers.first("x-forwarded-for").and_then(|value| entry(value, proxy));
        let read = named.map(|entry| Address::parse(trim(entry)));
        let peer = downstream.peer.map(Address::from);
        Self { address: read.flatten().or(peer), is_guess: read == Some(None) }
    }
}

/// Returns the entry that names the client, or `None` if the client is the socket's peer.
fn entry<'v>(value: &'v [u8], proxy: &Proxy) -> Option<&'v [u8]> {
    let from_right = match (proxy.gateway, proxy.trusted_proxies) {
        (true, 0) => return None,
        (true, n) => n.checked_sub(1)?,
        (false, n) => n,
    };
    value.rsplit(|b| *b == b',').nth(usize::try_from(from_right).ok()?)
}

/// Returns the address that a gateway appends to `X-Forwarded-For`: its own if the peer is on the same host.
pub(super) fn appended(downstream: &Downstream) -> Option<IpAddr> {
    let peer = downstream.peer?;
    let same_host = match peer {
        IpAddr::V4(ip) => ip == core::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(ip) => ip == core::net::Ipv6Addr::LOCALHOST,
    };
    if same_host { downstream.local.or(Some(peer)) } else { Some(peer) }
}
