//! The engine's attributes of one stream, read from the proxy when they are first needed.
//!
//! Each is at most one host call a stream, whatever the number of rules that look at it; a failed call is remembered
//! as a failure, and the engine denies. Which calls are made is decided by the [`Plan`] of the policies.
//!
//! | attribute | read from | how often |
//! |---|---|---|
//! | method, path, authority, headers | the header map, or one header of it | once a request |
//! | claims, metadata | `metadata`, with types (see [`crate::metadata`]) | once a request |
//! | identities | `connection.uri_san_peer_certificate`, `.dns_san_..`, `.subject_..`: the first of each | once a request |
//! | identities on a waypoint | filter state `io.istio.peer_principal` | once a request |
//! | remote address | `source.address`, on HTTP the one after `X-Forwarded-For` | once a request |
//! | source address | filter state [`SOURCE_ADDRESS`], else `source.address` where that is a socket's | once a request |
//! | destination | `destination.address` | once a request |
//! | server name | `connection.requested_server_name` | once a request |
//! | transport protocol | `request.protocol`: UDP for HTTP/3, else TCP | once a request |
//!
//! Nothing is kept from one stream to the next, because the proxy shows a filter nothing that identifies a connection.
//! `connection_id` does not: over QUIC Envoy derives it from the connection ID that the client chooses, and QUIC and TCP
//! connections of all listeners share its range.

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

/// Filter state that says who the socket's peer is, where the connection manager takes another address for the
/// client's: `set_filter_state` with `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%` under this key.
pub const SOURCE_ADDRESS: &str = "palisade.source_address";

/// Where a validated token's payload is.
const JWT_FILTER: &str = "envoy.filters.http.jwt_authn";
const JWT_PAYLOAD: &str = "payload";

/// The names of a certificate that the proxy shows, in the engine's order.
const CERTIFICATE: [&str; 3] = [
    "connection\0uri_san_peer_certificate",
    "connection\0dns_san_peer_certificate",
    "connection\0subject_peer_certificate",
];
const DESTINATION: &str = "destination\0address";
const SERVER_NAME: &str = "connection\0requested_server_name";
const SOURCE: &str = "source\0address";
const SOURCE_STATE: &str = "filter_state\0palisade.source_address";
const METADATA: &str = "metadata";
const PROTOCOL: &str = "request\0protocol";
const HTTP_3: &[u8] = b"HTTP/3";
const PEER_PRINCIPAL: &str = "filter_state\0io.istio.peer_principal";

/// What is read by calls of its own, for remembering which have failed.
#[derive(Clone, Copy)]
enum Kind {
    Headers,
    Pseudo,
    Metadata = 4,
    Certificate,
    SocketPeer = 8,
    Source,
    Destination,
    ServerName,
    Protocol,
    PeerPrincipal,
}

/// The attributes of the stream that is being called back.
#[derive(Debug)]
pub struct StreamAttributes<'h, H> {
    host: &'h H,
    plan: Plan,
    /// A bit for each call that has failed.
    failed: Cell<u16>,
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
    /// Nothing read yet of this stream.
    pub fn new(host: &'h H, plan: Plan) -> Self {
        Self {
            host,
            plan,
            failed: Cell::new(0),
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

    /// What `cell` keeps, read now if it never was. The call is `kind`'s, number `index` of them.
    fn kept<'c, T>(
        &self,
        kind: Kind,
        index: usize,
        cell: &'c OnceCell<T>,
        read: impl FnOnce() -> Read<T>,
    ) -> Read<&'c T> {
        if let Some(value) = cell.get() {
            return Ok(value);
        }
        let bit = 1 << (kind as usize + index);
        if self.failed.get() & bit != 0 {
            return Err(Unavailable);
        }
        let value = read().inspect_err(|_| self.failed.set(self.failed.get() | bit))?;
        Ok(cell.get_or_init(|| value))
    }

    fn headers(&self) -> Read<&HeaderMap> {
        self.kept(Kind::Headers, 0, &self.headers, || {
            let bytes = self.host.request_headers().map_err(|_| Unavailable)?;
            HeaderMap::parse(bytes).ok_or(Unavailable)
        })
    }

    /// Number `index` of [`PSEUDO`], which are never repeated.
    fn pseudo(&self, index: usize) -> Read<Option<&[u8]>> {
        let (Some(name), Some(cell)) = (PSEUDO.get(index), self.pseudo.get(index)) else {
            return Err(Unavailable);
        };
        if !self.plan.one_by_one {
            return self.headers().map(|headers| headers.pseudo(index));
        }
        let read = || self.host.request_header(name).map_err(|_| Unavailable);
        self.kept(Kind::Pseudo, index, cell, read).map(Option::as_deref)
    }

    fn all_metadata(&self) -> Read<&[u8]> {
        let read = || Ok(self.property(METADATA)?.unwrap_or_default());
        self.kept(Kind::Metadata, 0, &self.metadata, read).map(|bytes| &**bytes)
    }

    /// An address; one that is no IP address (a pipe, an internal listener) cannot be judged.
    fn address(&self, path: &str) -> Read<Option<SocketAddr>> {
        let Some(text) = self.property(path)? else { return Ok(None) };
        let address = core::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
        address.map(Some).ok_or(Unavailable)
    }

    fn source(&self) -> Read<Option<SocketAddr>> {
        self.kept(Kind::Source, 0, &self.source, || self.address(SOURCE)).copied()
    }

    /// The identity that the waypoint's outer listener took from the client's certificate. Every connection to a
    /// waypoint has one; without it a rule on identity cannot be decided.
    fn peer_principal(&self) -> Read<&[u8]> {
        let principal = self.kept(Kind::PeerPrincipal, 0, &self.peer_principal, || {
            let principal = self.property(PEER_PRINCIPAL)?.ok_or(Unavailable)?;
            if principal.starts_with(b"spiffe://") { Ok(principal) } else { Err(Unavailable) }
        })?;
        Ok(principal)
    }

    fn destination(&self) -> Read<Option<SocketAddr>> {
        self.kept(Kind::Destination, 0, &self.destination, || self.address(DESTINATION)).copied()
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
        for (index, (name, cell)) in CERTIFICATE.into_iter().zip(&self.certificate).enumerate() {
            let value = self.kept(Kind::Certificate, index, cell, || self.property(name))?;
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
        let told = self.kept(Kind::SocketPeer, 0, &self.socket_peer, || self.address(SOURCE_STATE))?;
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
        let name = self.kept(Kind::ServerName, 0, &self.server_name, || {
            Ok(self.property(SERVER_NAME)?.unwrap_or_default().to_ascii_lowercase())
        })?;
        Ok(Some(name.as_slice()).filter(|name| !name.is_empty()))
    }

    fn transport(&self) -> Read<Transport> {
        let port = self.destination_port()?.ok_or(Unavailable)?;
        let protocol = *self.kept(Kind::Protocol, 0, &self.protocol, || {
            let is_http3 = self.property(PROTOCOL)?.is_some_and(|protocol| *protocol == *HTTP_3);
            Ok(if is_http3 { Protocol::Udp } else { Protocol::Tcp })
        })?;
        Ok(Transport { protocol, port })
    }
}

#[cfg(test)]
mod tests;
