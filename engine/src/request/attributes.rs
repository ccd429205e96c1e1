//! The attributes of a request or connection, which the engine reads only if a rule that can still match needs them.

use crate::{labels::Labels, net::Transport};
use alloc::borrow::Cow;
use core::{fmt, net::IpAddr, ops::ControlFlow};

/// The error of an unreadable attribute, such as a failed host call or an exceeded limit. It denies the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the attribute could not be read")
    }
}

impl core::error::Error for Unavailable {}

/// The result of reading an attribute: a value or [`Unavailable`].
pub type Read<T> = Result<T, Unavailable>;

/// Receives each value of an attribute. `Break` ends the iteration.
pub type Visit<'v> = &'v mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// One field name in the path of a claim.
pub type ClaimName = Cow<'static, str>;

/// The strings of a structured value (a claim, dynamic metadata) that are values of the attribute. Numbers, booleans,
/// null, objects and nested lists are none (docs/semantics/istio.md#istio-claim-values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// The value, if it is a string.
    Text,
    /// The strings of a list.
    List,
    /// The value, or the strings of a list.
    TextOrList,
}

/// The peer of a flow as network policies match it.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// The labels of its security identity, of all sources.
    pub labels: &'a Labels,
    /// The addresses that address blocks match (docs/semantics/cilium.md#cilium-cidr-match-mode): that of an endpoint
    /// outside of the cluster, and with the CIDR match mode all addresses of a pod or node.
    pub addresses: &'a [IpAddr],
    /// Whether an aggregate identity also represents the peer. It has no labels, so a selector with only negative terms
    /// selects it and all the identities that it represents.
    pub aggregated: bool,
}

/// The attributes of one request or connection.
///
/// Values are bytes as on the wire, not necessarily UTF-8. The HTTP attributes are those of Envoy's filters: `:path` is
/// normalized and inline headers are joined (docs/semantics/envoy.md#envoy-joined-headers). [`crate::http`] does both for
/// in-process use. Every method can fail, and a failure denies the request.
///
/// The attributes of network policies default to [`Unavailable`], because mesh policies do not read them.
pub trait Attributes {
    /// Returns `:method`.
    fn method(&self) -> Read<Option<&[u8]>>;
    /// Returns `:path` with query, normalized.
    fn path(&self) -> Read<Option<&[u8]>>;
    /// Returns `:authority`, including the port.
    fn authority(&self) -> Read<Option<&[u8]>>;
    /// Visits each line of the header `name` (lower case, no pseudo header), as Envoy stores it.
    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()>;
    /// Visits the claim at `path` in the payload of the validated token. The path contains only objects.
    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()>;
    /// Visits the dynamic metadata `key` of `filter`.
    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()>;
    /// Visits every identity of the verified client certificate: URI SANs, DNS SANs, subject
    /// (docs/semantics/istio.md#istio-identities). A plaintext connection and a connection without a certificate have
    /// none.
    fn identities(&self, visit: Visit<'_>) -> Read<()>;
    /// Returns the identity if there is exactly one. `None` if only [`Self::identities`] returns it. This is an
    /// optimization.
    fn only_identity(&self) -> Read<Option<&[u8]>> {
        Ok(None)
    }
    /// Returns the peer address of the socket.
    fn source_ip(&self) -> Read<Option<IpAddr>>;
    /// Returns the client address after `X-Forwarded-For` (docs/semantics/envoy.md#envoy-client-address).
    fn remote_ip(&self) -> Read<Option<IpAddr>>;
    /// Returns the local address of the connection.
    fn destination_ip(&self) -> Read<Option<IpAddr>>;
    /// Returns the local port of the connection.
    fn destination_port(&self) -> Read<Option<u16>>;
    /// Returns the TLS server name in lower case.
    fn server_name(&self) -> Read<Option<&[u8]>>;

    /// Returns the protocol and port (or ICMP type) of the flow.
    fn transport(&self) -> Read<Transport> {
        Err(Unavailable)
    }
    /// Returns the peer as network policies match it.
    fn peer(&self) -> Read<Peer<'_>> {
        Err(Unavailable)
    }
    /// Visits each name (lower case, final dot) of the peer's address in the DNS cache.
    fn peer_names(&self, _visit: Visit<'_>) -> Read<()> {
        Err(Unavailable)
    }
    /// Visits each name of the destination's port for the protocol of the flow.
    fn port_names(&self, _visit: Visit<'_>) -> Read<()> {
        Err(Unavailable)
    }
    /// Returns the name in a DNS lookup (lower case, final dot); `None` if the flow is not a lookup.
    fn dns_query(&self) -> Read<Option<&[u8]>> {
        Err(Unavailable)
    }
}

impl<A: Attributes + ?Sized> Attributes for &A {
    fn method(&self) -> Read<Option<&[u8]>> {
        (**self).method()
    }
    fn path(&self) -> Read<Option<&[u8]>> {
        (**self).path()
    }
    fn authority(&self) -> Read<Option<&[u8]>> {
        (**self).authority()
    }
    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()> {
        (**self).header(name, visit)
    }
    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()> {
        (**self).claim(path, shape, visit)
    }
    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()> {
        (**self).metadata(filter, key, shape, visit)
    }
    fn identities(&self, visit: Visit<'_>) -> Read<()> {
        (**self).identities(visit)
    }
    fn only_identity(&self) -> Read<Option<&[u8]>> {
        (**self).only_identity()
    }
    fn source_ip(&self) -> Read<Option<IpAddr>> {
        (**self).source_ip()
    }
    fn remote_ip(&self) -> Read<Option<IpAddr>> {
        (**self).remote_ip()
    }
    fn destination_ip(&self) -> Read<Option<IpAddr>> {
        (**self).destination_ip()
    }
    fn destination_port(&self) -> Read<Option<u16>> {
        (**self).destination_port()
    }
    fn server_name(&self) -> Read<Option<&[u8]>> {
        (**self).server_name()
    }
    fn transport(&self) -> Read<Transport> {
        (**self).transport()
    }
    fn peer(&self) -> Read<Peer<'_>> {
        (**self).peer()
    }
    fn peer_names(&self, visit: Visit<'_>) -> Read<()> {
        (**self).peer_names(visit)
    }
    fn port_names(&self, visit: Visit<'_>) -> Read<()> {
        (**self).port_names(visit)
    }
    fn dns_query(&self) -> Read<Option<&[u8]>> {
        (**self).dns_query()
    }
}
