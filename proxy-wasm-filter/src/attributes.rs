//! The engine's attributes of one stream, read from the proxy when they are first needed.
//!
//! Each is at most one host call a stream, whatever the number of rules that look at it; a failed call is
//! remembered as a failure, and the engine denies. All headers come in one call: a call that returns bytes
//! costs about the same for one header as for all, and a single header's call hides its repeats.
//!
//! | attribute | read from |
//! |---|---|
//! | method, path, authority, headers | the header map, once |
//! | claims, metadata | `metadata`, once, with types (see [`crate::metadata`]) |
//! | identities | `connection.uri_san_peer_certificate`, `.dns_san_..`, `.subject_..`: the first of each |
//! | remote address | `source.address`, which is the one after `X-Forwarded-For` |
//! | source address | filter state [`SOURCE_ADDRESS`], else `source.address` where that is a socket's |
//! | destination | `destination.address` |
//! | server name | `connection.requested_server_name` |

use crate::{header_map::HeaderMap, host::Host, metadata};
use core::{
    cell::OnceCell,
    net::{IpAddr, SocketAddr},
    ops::ControlFlow,
};
use palisade::{Attributes, ClaimName, Protocol, Read, Shape, Transport, Unavailable, Visit};

/// Filter state that says who the socket's peer is, where the connection manager takes another address for the
/// client's: `set_filter_state` with `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%` under this key.
pub const SOURCE_ADDRESS: &str = "palisade.source_address";

/// Where a validated token's payload is.
const JWT_FILTER: &str = "envoy.filters.http.jwt_authn";
const JWT_PAYLOAD: &str = "payload";

/// What a read gave, kept.
type Kept<T> = OnceCell<Read<T>>;

/// The attributes of the stream that is being called back.
#[derive(Debug)]
pub struct StreamAttributes<'h, H> {
    host: &'h H,
    headers: Kept<HeaderMap>,
    metadata: Kept<Vec<u8>>,
    certificate: [Kept<Option<Vec<u8>>>; 3],
    socket_peer: Kept<Option<SocketAddr>>,
    source: Kept<Option<SocketAddr>>,
    destination: Kept<Option<SocketAddr>>,
    server_name: Kept<Vec<u8>>,
}

/// The names of a certificate that the proxy shows, in the engine's order.
const CERTIFICATE: [&str; 3] =
    ["uri_san_peer_certificate", "dns_san_peer_certificate", "subject_peer_certificate"];

impl<'h, H: Host> StreamAttributes<'h, H> {
    /// Nothing read yet.
    pub fn new(host: &'h H) -> Self {
        Self {
            host,
            headers: OnceCell::new(),
            metadata: OnceCell::new(),
            certificate: Default::default(),
            socket_peer: OnceCell::new(),
            source: OnceCell::new(),
            destination: OnceCell::new(),
            server_name: OnceCell::new(),
        }
    }

    fn property(&self, path: &[&str]) -> Read<Option<Vec<u8>>> {
        self.host.property(path).map_err(|_| Unavailable)
    }

    fn headers(&self) -> Read<&HeaderMap> {
        kept(&self.headers, || {
            let bytes = self.host.request_headers().map_err(|_| Unavailable)?;
            HeaderMap::parse(bytes).ok_or(Unavailable)
        })
    }

    fn all_metadata(&self) -> Read<&[u8]> {
        kept(&self.metadata, || Ok(self.property(&["metadata"])?.unwrap_or_default())).map(Vec::as_slice)
    }

    /// An address; one that is no IP address (a pipe, an internal listener) cannot be judged.
    fn address(&self, path: &[&str]) -> Read<Option<SocketAddr>> {
        let Some(text) = self.property(path)? else { return Ok(None) };
        let address = core::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
        address.map(Some).ok_or(Unavailable)
    }

    fn source(&self) -> Read<Option<SocketAddr>> {
        kept(&self.source, || self.address(&["source", "address"])).copied()
    }

    fn destination(&self) -> Read<Option<SocketAddr>> {
        kept(&self.destination, || self.address(&["destination", "address"])).copied()
    }
}

impl<H: Host> Attributes for StreamAttributes<'_, H> {
    fn method(&self) -> Read<Option<&[u8]>> {
        self.headers().map(|headers| headers.first(b":method"))
    }

    fn path(&self) -> Read<Option<&[u8]>> {
        self.headers().map(|headers| headers.first(b":path"))
    }

    fn authority(&self) -> Read<Option<&[u8]>> {
        self.headers().map(|headers| headers.first(b":authority"))
    }

    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()> {
        let _ = self.headers()?.values(name.as_bytes()).try_for_each(visit);
        Ok(())
    }

    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()> {
        let path = core::iter::once(JWT_PAYLOAD).chain(path.iter().map(AsRef::as_ref));
        metadata::strings(self.all_metadata()?, JWT_FILTER, path, shape, visit).map_err(|_| Unavailable)
    }

    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()> {
        metadata::strings(self.all_metadata()?, filter, [key], shape, visit).map_err(|_| Unavailable)
    }

    fn identities(&self, visit: Visit<'_>) -> Read<()> {
        for (name, value) in CERTIFICATE.iter().zip(&self.certificate) {
            let value = kept(value, || self.property(&["connection", name]))?;
            // An empty subject is what a certificate without one has.
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty())
                && visit(value) == ControlFlow::Break(())
            {
                break;
            }
        }
        Ok(())
    }

    fn source_ip(&self) -> Read<Option<IpAddr>> {
        let told = kept(&self.socket_peer, || self.address(&["filter_state", SOURCE_ADDRESS]))?;
        if let Some(peer) = told {
            return Ok(Some(peer.ip()));
        }
        match self.source()? {
            // No socket has port 0: this is an address out of a header.
            Some(source) if source.port() == 0 => Err(Unavailable),
            source => Ok(source.map(|source| source.ip())),
        }
    }

    fn remote_ip(&self) -> Read<Option<IpAddr>> {
        self.source().map(|source| source.map(|source| source.ip()))
    }

    fn destination_ip(&self) -> Read<Option<IpAddr>> {
        self.destination().map(|destination| destination.map(|destination| destination.ip()))
    }

    fn destination_port(&self) -> Read<Option<u16>> {
        self.destination().map(|destination| destination.map(|destination| destination.port()))
    }

    fn server_name(&self) -> Read<Option<&[u8]>> {
        let name = kept(&self.server_name, || {
            let mut name = self.property(&["connection", "requested_server_name"])?.unwrap_or_default();
            name.make_ascii_lowercase();
            Ok(name)
        })?;
        Ok(Some(name.as_slice()).filter(|name| !name.is_empty()))
    }

    fn transport(&self) -> Read<Transport> {
        let port = self.destination_port()?.ok_or(Unavailable)?;
        Ok(Transport { protocol: Protocol::Tcp, port })
    }
}

fn kept<T>(cell: &Kept<T>, read: impl FnOnce() -> Read<T>) -> Read<&T> {
    cell.get_or_init(read).as_ref().map_err(|unavailable| *unavailable)
}

#[cfg(test)]
mod tests;
