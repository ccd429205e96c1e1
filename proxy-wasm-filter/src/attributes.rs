//! The attributes of one stream, read from the proxy at their first use.
//!
//! Each attribute takes at most one host call a stream, independent of the number of rules. A failed call is not
//! repeated: the attribute is unreadable and the engine denies. The [`Plan`] of the policies selects the calls.
//!
//! | attribute | source | calls |
//! |---|---|---|
//! | method, path, authority, headers | the header map, or one header of it | once a request |
//! | claims, metadata | `metadata`, with types (see [`crate::metadata`]) | once a request |
//! | identities | `connection.uri_san_peer_certificate`, `.dns_san_..`, `.subject_..`: the first of each | once a request |
//! | identities on a waypoint | filter state `io.istio.peer_principal` | once a request |
//! | remote address | `source.address`; on HTTP, the client's address from `X-Forwarded-For` | once a request |
//! | source address | filter state [`SOURCE_ADDRESS`], otherwise `source.address` if it is the address of a socket | once a request |
//! | destination | `destination.address` | once a request |
//! | server name | `connection.requested_server_name` | once a request |
//! | transport protocol | `request.protocol`: UDP for HTTP/3, otherwise TCP | once a request |
//!
//! The filter stores no attribute for a later stream, because no attribute identifies a connection reliably. Over QUIC,
//! Envoy derives `connection_id` from the connection ID that the client chooses, and the QUIC and TCP connections of all
//! listeners share its range.

use crate::{
    bytes::Bytes,
    header_map::{HeaderMap, PSEUDO},
    host::Host,
    metadata,
    plan::Plan,
};
use core::{
    cell::{Cell, OnceCell},
    net::{IpAddr, SocketAddr},
    ops::ControlFlow,
};
use palisade::{Attributes, ClaimName, IdentitySource, Protocol, Read, Shape, Transport, Unavailable, Visit};

/// The filter state with the address of the socket's peer, needed if the connection manager takes the client's address
/// from a header. Envoy's filter `set_filter_state` writes it with `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%`.
pub const SOURCE_ADDRESS: &str = "palisade.source_address";

/// The metadata namespace that contains the payload of a validated token.
const JWT_FILTER: &str = "envoy.filters.http.jwt_authn";
const JWT_PAYLOAD: &str = "payload";

/// The names in the peer's certificate, in the engine's order.
const CERTIFICATE: [(HostRead, &str); 3] = [
    (HostRead::UriSan, "connection\0uri_san_peer_certificate"),
    (HostRead::DnsSan, "connection\0dns_san_peer_certificate"),
    (HostRead::Subject, "connection\0subject_peer_certificate"),
];
const DESTINATION: &str = "destination\0address";
const SERVER_NAME: &str = "connection\0requested_server_name";
const SOURCE: &str = "source\0address";
const SOURCE_STATE: &str = "filter_state\0palisade.source_address";
const METADATA: &str = "metadata";
const PROTOCOL: &str = "request\0protocol";
const HTTP_3: &[u8] = b"HTTP/3";
const PEER_PRINCIPAL: &str = "filter_state\0io.istio.peer_principal";

/// The host calls of [`PSEUDO`].
const PSEUDO_READS: [HostRead; 3] = [HostRead::Method, HostRead::Path, HostRead::Authority];

/// A host call that reads an attribute.
#[derive(Clone, Copy)]
enum HostRead {
    Headers,
    Method,
    Path,
    Authority,
    Metadata,
    UriSan,
    DnsSan,
    Subject,
    SocketPeer,
    Source,
    Destination,
    ServerName,
    Protocol,
    PeerPrincipal,
}

/// The set of host calls that failed.
#[derive(Debug, Default)]
struct FailedReads(Cell<u16>);

impl FailedReads {
    fn contains(&self, read: HostRead) -> bool {
        self.0.get() & Self::bit(read) != 0
    }

    fn insert(&self, read: HostRead) {
        self.0.set(self.0.get() | Self::bit(read));
    }

    fn bit(read: HostRead) -> u16 {
        1 << read as u16
    }
}

/// The attributes of the stream of the current callback.
#[derive(Debug)]
pub struct StreamAttributes<'h, H> {
    host: &'h H,
    plan: Plan,
    failed: FailedReads,
    headers: OnceCell<HeaderMap>,
    pseudo: [OnceCell<Option<Bytes>>; 3],
    metadata: OnceCell<Bytes>,
    socket_peer: OnceCell<Option<SocketAddr>>,
    source: OnceCell<Option<SocketAddr>>,
    /// The values of [`CERTIFICATE`].
    certificate: [OnceCell<Option<Bytes>>; 3],
    destination: OnceCell<Option<SocketAddr>>,
    /// The TLS server name in lower case; empty if the client sent none.
    server_name: OnceCell<Vec<u8>>,
    protocol: OnceCell<Protocol>,
    peer_principal: OnceCell<Bytes>,
}

impl<'h, H: Host> StreamAttributes<'h, H> {
    /// Creates the attributes of the current stream; nothing is read yet.
    pub fn new(host: &'h H, plan: Plan) -> Self {
        Self {
            host,
            plan,
            failed: FailedReads::default(),
            headers: OnceCell::new(),
            pseudo: Default::default(),
            metadata: OnceCell::new(),
            socket_peer: OnceCell::new(),
            source: OnceCell::new(),
            certificate: Default::default(),
            destination: OnceCell::new(),
            server_name: OnceCell::new(),
            protocol: OnceCell::new(),
            peer_principal: OnceCell::new(),
        }
    }

    fn property(&self, path: &str) -> Read<Option<Bytes>> {
        self.host.property(path).map_err(|_| Unavailable)
    }

    /// Returns the value in `cell`, which `fetch` provides at the first use.
    fn get_or_fetch<'c, T>(
        &self,
        read: HostRead,
        cell: &'c OnceCell<T>,
        fetch: impl FnOnce() -> Read<T>,
    ) -> Read<&'c T> {
        if let Some(value) = cell.get() {
            return Ok(value);
        }
        if self.failed.contains(read) {
            return Err(Unavailable);
        }
        let value = fetch().inspect_err(|_| self.failed.insert(read))?;
        Ok(cell.get_or_init(|| value))
    }

    fn headers(&self) -> Read<&HeaderMap> {
        self.get_or_fetch(HostRead::Headers, &self.headers, || {
            let bytes = self.host.request_headers().map_err(|_| Unavailable)?;
            HeaderMap::parse(bytes).ok_or(Unavailable)
        })
    }

    /// Returns the pseudo header number `index` of [`PSEUDO`], which no request repeats.
    fn pseudo(&self, index: usize) -> Read<Option<&[u8]>> {
        let (Some(name), Some(read), Some(cell)) =
            (PSEUDO.get(index), PSEUDO_READS.get(index), self.pseudo.get(index))
        else {
            return Err(Unavailable);
        };
        if !self.plan.per_header {
            return self.headers().map(|headers| headers.pseudo(index));
        }
        let fetch = || self.host.request_header(name).map_err(|_| Unavailable);
        self.get_or_fetch(*read, cell, fetch).map(Option::as_deref)
    }

    fn all_metadata(&self) -> Read<&[u8]> {
        let fetch = || Ok(self.property(METADATA)?.unwrap_or_default());
        self.get_or_fetch(HostRead::Metadata, &self.metadata, fetch).map(|bytes| &**bytes)
    }

    /// Returns an address. An address of a pipe or an internal listener is unreadable.
    fn address(&self, path: &str) -> Read<Option<SocketAddr>> {
        let Some(text) = self.property(path)? else { return Ok(None) };
        let address = core::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
        address.map(Some).ok_or(Unavailable)
    }

    fn source(&self) -> Read<Option<SocketAddr>> {
        self.get_or_fetch(HostRead::Source, &self.source, || self.address(SOURCE)).copied()
    }

    /// Returns the identity that the waypoint's outer listener took from the client's certificate. Every connection to a
    /// waypoint has one; without it, the identity is unreadable.
    fn peer_principal(&self) -> Read<&[u8]> {
        let principal = self.get_or_fetch(HostRead::PeerPrincipal, &self.peer_principal, || {
            let principal = self.property(PEER_PRINCIPAL)?.ok_or(Unavailable)?;
            if principal.starts_with(b"spiffe://") { Ok(principal) } else { Err(Unavailable) }
        })?;
        Ok(principal)
    }

    fn destination(&self) -> Read<Option<SocketAddr>> {
        self.get_or_fetch(HostRead::Destination, &self.destination, || self.address(DESTINATION)).copied()
    }
}

impl<H: Host> Attributes for StreamAttributes<'_, H> {
    fn method(&self) -> Read<Option<&[u8]>> {
        self.pseudo(0)
    }

    fn path(&self) -> Read<Option<&[u8]>> {
        self.pseudo(1)
    }

    fn authority(&self) -> Read<Option<&[u8]>> {
        self.pseudo(2)
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
        if self.plan.identity == IdentitySource::FilterState {
            let _ = visit(self.peer_principal()?);
            return Ok(());
        }
        for ((read, name), cell) in CERTIFICATE.into_iter().zip(&self.certificate) {
            let value = self.get_or_fetch(read, cell, || self.property(name))?;
            // Envoy reports an absent subject as an empty one.
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty())
                && visit(value) == ControlFlow::Break(())
            {
                break;
            }
        }
        Ok(())
    }

    fn source_ip(&self) -> Read<Option<IpAddr>> {
        let fetch = || self.address(SOURCE_STATE);
        if let Some(peer) = self.get_or_fetch(HostRead::SocketPeer, &self.socket_peer, fetch)? {
            return Ok(Some(peer.ip()));
        }
        match self.source()? {
            // An address from a header has port 0, which no socket has.
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
        let name = self.get_or_fetch(HostRead::ServerName, &self.server_name, || {
            Ok(self.property(SERVER_NAME)?.unwrap_or_default().to_ascii_lowercase())
        })?;
        Ok(Some(name.as_slice()).filter(|name| !name.is_empty()))
    }

    fn transport(&self) -> Read<Transport> {
        let port = self.destination_port()?.ok_or(Unavailable)?;
        let protocol = *self.get_or_fetch(HostRead::Protocol, &self.protocol, || {
            let is_http3 = self.property(PROTOCOL)?.is_some_and(|protocol| *protocol == *HTTP_3);
            Ok(if is_http3 { Protocol::Udp } else { Protocol::Tcp })
        })?;
        Ok(Transport { protocol, port })
    }
}

#[cfg(test)]
mod tests;
