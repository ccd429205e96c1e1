//! What the engine asks of a request: attributes, read only when a rule that is still possible needs them.

mod plain;

pub use plain::Request;

use crate::{labels::Labels, net::Transport};
use alloc::borrow::Cow;
use core::{fmt, net::IpAddr, ops::ControlFlow};

/// An attribute could not be read (a host call failed, a limit was passed). The decision is then to deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the attribute could not be read")
    }
}

impl core::error::Error for Unavailable {}

/// What reading an attribute gives: a value (possibly none), or [`Unavailable`].
pub type Read<T> = Result<T, Unavailable>;

/// Called with each value of an attribute that may have several; `Break` means enough was seen.
pub type Visit<'v> = &'v mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// One step of a claim's path.
pub type ClaimName = Cow<'static, str>;

/// Which strings of a structured value (a claim, dynamic metadata) count. Numbers, booleans, null, objects and
/// nested lists never do (docs/semantics/istio.md#istio-claim-values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// The value itself, when it is a string.
    Text,
    /// The strings of a list, one level deep.
    List,
    /// Either.
    TextOrList,
}

/// The other end of a flow as Cilium sees it: a set of labels, and the address behind them.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// The identity's labels, all sources.
    pub labels: &'a Labels,
    /// The addresses that CIDR rules apply to (docs/semantics/cilium.md#cilium-cidr-match-mode): that of an outside
    /// end, and by the CIDR match mode every address of a pod or node.
    pub addresses: &'a [IpAddr],
    /// Whether an aggregate identity stands for the identity too. Aggregates have no labels that a policy can name, so
    /// every selector of negative terms alone selects them, and with them all that they stand for.
    pub aggregated: bool,
}

/// The attributes of one request or connection.
///
/// Values are bytes as they stand on the wire; nothing is assumed to be UTF-8. The HTTP attributes are those
/// that Envoy's filters see: `:path` is already normalized, inline headers are already joined
/// (docs/semantics/envoy.md#envoy-joined-headers; [`crate::http`] does both for in-process use). Every method may
/// fail, and a failure denies.
///
/// The attributes of the network layers default to [`Unavailable`], for embedders that only enforce Istio's
/// policies at the proxy.
pub trait Attributes {
    /// `:method`.
    fn method(&self) -> Read<Option<&[u8]>>;
    /// `:path` with query, normalized.
    fn path(&self) -> Read<Option<&[u8]>>;
    /// `:authority`, port included.
    fn authority(&self) -> Read<Option<&[u8]>>;
    /// Each occurrence of a header (lower-case `name`, never a pseudo header), as Envoy stores it.
    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()>;
    /// The claim at `path` in the payload of the validated token; steps go through objects only.
    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()>;
    /// Dynamic metadata `key` of `filter`.
    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()>;
    /// Every identity of the verified peer certificate: URI SANs, DNS SANs, subject
    /// (docs/semantics/istio.md#istio-identities). None on plaintext or without a certificate.
    fn identities(&self, visit: Visit<'_>) -> Read<()>;
    /// The identity, where there is exactly one; none if [`Self::identities`] has to be asked. A shortcut only.
    fn only_identity(&self) -> Read<Option<&[u8]>> {
        Ok(None)
    }
    /// The socket's peer address.
    fn source_ip(&self) -> Read<Option<IpAddr>>;
    /// The client address after `X-Forwarded-For` (docs/semantics/envoy.md#envoy-client-address).
    fn remote_ip(&self) -> Read<Option<IpAddr>>;
    /// The connection's local address.
    fn destination_ip(&self) -> Read<Option<IpAddr>>;
    /// The connection's local port.
    fn destination_port(&self) -> Read<Option<u16>>;
    /// The TLS server name, lower case.
    fn server_name(&self) -> Read<Option<&[u8]>>;

    /// Protocol and port (or ICMP type) of the flow.
    fn transport(&self) -> Read<Transport> {
        Err(Unavailable)
    }
    /// The other end as Cilium sees it.
    fn peer(&self) -> Read<Peer<'_>> {
        Err(Unavailable)
    }
    /// Each name (lower case, final dot) that DNS taught for the peer's address and that is still in force.
    fn peer_names(&self, _visit: Visit<'_>) -> Read<()> {
        Err(Unavailable)
    }
    /// Each name that the destination, as an identity, has for the flow's port and protocol.
    fn port_names(&self, _visit: Visit<'_>) -> Read<()> {
        Err(Unavailable)
    }
    /// The name that a DNS lookup asks for (lower case, final dot); none when the flow is no lookup.
    fn dns_query(&self) -> Read<Option<&[u8]>> {
        Err(Unavailable)
    }
}

/// A reference answers as what it refers to.
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
