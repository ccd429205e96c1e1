//! The named attributes that tests read.

use super::HeaderName;
use crate::request::{ClaimName, Shape};
use alloc::boxed::Box;
use core::fmt;

/// What a [`super::Test`] reads. An attribute may have no value, one, or several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// Local port of the connection.
    DestinationPort,
    /// Protocol and destination port (or ICMP type) of the flow.
    Transport,
    /// `:method`.
    Method,
    /// `:authority`, compared without regard to case.
    Host,
    /// `:path` up to the first `?` or `#`.
    Path,
    /// `:path` as a header: query included, case kept.
    PathAndQuery,
    /// `:authority` as a header: case kept.
    Authority,
    /// A header, each line a value.
    Header(HeaderName),
    /// A header as one value: its lines with a comma between them.
    JoinedHeader(HeaderName),
    /// TLS server name; without one the value is the empty string (docs/semantics/istio.md#istio-server-name).
    ServerName,
    /// TLS server name as a DNS name; without one there is no value.
    ServerDnsName,
    /// The identities of the peer certificate.
    Identity,
    /// The socket's peer address.
    SourceIp,
    /// The client address after `X-Forwarded-For`.
    RemoteIp,
    /// Local address of the connection.
    DestinationIp,
    /// Issuer and subject of the validated token, as a pair.
    RequestPrincipal,
    /// A claim of the validated token, by its path.
    Claim(Box<[ClaimName]>),
    /// Dynamic metadata of another Envoy filter.
    Metadata {
        /// The filter's name.
        filter: Box<str>,
        /// The key.
        key: Box<str>,
        /// Whether the strings of a list are wanted, or the string itself.
        shape: Shape,
    },
    /// The labels of the other end's Cilium identity.
    PeerLabels,
    /// The address of the other end, where CIDR rules apply to it.
    PeerAddress,
    /// The names that DNS taught for the other end's address.
    PeerName,
    /// The names that the destination has for the flow's port and protocol.
    PortName,
    /// The name that a DNS lookup asks for.
    DnsQuery,
}

impl Attribute {
    /// Whether reading it needs an HTTP request rather than a connection
    /// (docs/semantics/istio.md#istio-http-only-fields).
    pub fn is_http(&self) -> bool {
        matches!(
            self,
            Self::Method
                | Self::Host
                | Self::Path
                | Self::PathAndQuery
                | Self::Authority
                | Self::Header(_)
                | Self::JoinedHeader(_)
                | Self::RequestPrincipal
                | Self::Claim(_)
        )
    }
}

/// The word a person looks for in the policy or the request.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DestinationPort => f.write_str("port"),
            Self::Transport => f.write_str("protocol and port"),
            Self::Method => f.write_str("method"),
            Self::Host => f.write_str("host"),
            Self::Path => f.write_str("path"),
            Self::PathAndQuery => f.write_str("header `:path`"),
            Self::Authority => f.write_str("header `:authority`"),
            Self::Header(name) | Self::JoinedHeader(name) => write!(f, "header `{name}`"),
            Self::ServerName | Self::ServerDnsName => f.write_str("SNI"),
            Self::Identity => f.write_str("peer identity"),
            Self::SourceIp => f.write_str("source IP"),
            Self::RemoteIp => f.write_str("remote IP"),
            Self::DestinationIp => f.write_str("destination IP"),
            Self::RequestPrincipal => f.write_str("request principal"),
            Self::Claim(path) => {
                f.write_str("claim `")?;
                for (i, name) in path.iter().enumerate() {
                    if i > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(name)?;
                }
                f.write_str("`")
            }
            Self::Metadata { filter, key, .. } => write!(f, "metadata `{filter}`[{key}]"),
            Self::PeerLabels => f.write_str("labels of the other end"),
            Self::PeerAddress => f.write_str("address of the other end"),
            Self::PeerName => f.write_str("names learned for the address"),
            Self::PortName => f.write_str("names of the port at the destination"),
            Self::DnsQuery => f.write_str("DNS query"),
        }
    }
}
