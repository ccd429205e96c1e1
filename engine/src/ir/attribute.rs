//! The attributes of connections and requests that tests read.

use super::HeaderName;
use crate::request::{ClaimName, Shape};
use alloc::boxed::Box;
use core::fmt;

/// An attribute whose values are text. It may have no value, one, or several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextAttribute {
    /// `:method`.
    Method,
    /// `:authority`, compared without regard to case.
    Host,
    /// `:path` up to the first `?` or `#`.
    Path,
    /// `:path` with the query; case matters.
    PathAndQuery,
    /// `:authority`; case matters.
    Authority,
    /// A header; each line is a value.
    Header(HeaderName),
    /// The TLS server name; without one the value is the empty string (docs/semantics/istio.md#istio-server-name).
    ServerName,
    /// The identities in the peer certificate.
    Identity,
    /// A claim of the validated token, by its path.
    Claim(Box<[ClaimName]>),
    /// Dynamic metadata of another Envoy filter.
    Metadata {
        /// The filter's name.
        filter: Box<str>,
        /// The key.
        key: Box<str>,
        /// Whether the values are the strings of a list, or the string itself.
        shape: Shape,
    },
    /// The names that the destination has for the flow's port and protocol.
    PortName,
}

/// An attribute whose values are IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressAttribute {
    /// The socket's peer address.
    SourceIp,
    /// The client address after `X-Forwarded-For`.
    RemoteIp,
    /// The local address of the connection.
    DestinationIp,
    /// The addresses of the peer to which CIDR rules apply.
    Peer,
}

/// An attribute whose values are DNS names in canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameAttribute {
    /// The TLS server name; without one there is no value.
    ServerName,
    /// The names in the DNS cache for the peer's address.
    Peer,
    /// The name in a DNS lookup.
    DnsQuery,
}

/// An attribute that a [`super::Test`] reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// The local port of the connection.
    DestinationPort,
    /// The protocol and destination port (or ICMP type) of the flow.
    Transport,
    /// An attribute with text values.
    Text(TextAttribute),
    /// A header as one value: its lines, joined by commas.
    JoinedHeader(HeaderName),
    /// An attribute with IP addresses.
    Address(AddressAttribute),
    /// The issuer and the subject of the validated token.
    RequestPrincipal,
    /// The labels of the peer's security identity.
    PeerLabels,
    /// An attribute with DNS names.
    Name(NameAttribute),
}

impl TextAttribute {
    /// Returns whether the attribute exists only for an HTTP request (docs/semantics/istio.md#istio-http-only-fields).
    pub fn is_http(&self) -> bool {
        match self {
            Self::Method
            | Self::Host
            | Self::Path
            | Self::PathAndQuery
            | Self::Authority
            | Self::Header(_)
            | Self::Claim(_) => true,
            Self::ServerName | Self::Identity | Self::Metadata { .. } | Self::PortName => false,
        }
    }
}

impl Attribute {
    /// Returns whether the attribute exists only for an HTTP request (docs/semantics/istio.md#istio-http-only-fields).
    pub fn is_http(&self) -> bool {
        match self {
            Self::Text(attribute) => attribute.is_http(),
            Self::JoinedHeader(_) | Self::RequestPrincipal => true,
            Self::DestinationPort | Self::Transport | Self::Address(_) | Self::PeerLabels | Self::Name(_) => {
                false
            }
        }
    }

    /// Returns whether a value can contain a secret: a header, a claim, or metadata.
    pub fn is_sensitive(&self) -> bool {
        match self {
            Self::Text(attribute) => {
                matches!(
                    attribute,
                    TextAttribute::PathAndQuery
                        | TextAttribute::Header(_)
                        | TextAttribute::Claim(_)
                        | TextAttribute::Metadata { .. }
                )
            }
            Self::JoinedHeader(_) | Self::RequestPrincipal => true,
            Self::DestinationPort | Self::Transport | Self::Address(_) | Self::PeerLabels | Self::Name(_) => {
                false
            }
        }
    }
}

/// The attribute in the words of a policy or a request.
impl fmt::Display for TextAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method"),
            Self::Host => f.write_str("host"),
            Self::Path => f.write_str("path"),
            Self::PathAndQuery => f.write_str("header `:path`"),
            Self::Authority => f.write_str("header `:authority`"),
            Self::Header(name) => write!(f, "header `{name}`"),
            Self::ServerName => f.write_str("SNI"),
            Self::Identity => f.write_str("peer identity"),
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
            Self::PortName => f.write_str("port name"),
        }
    }
}

/// The attribute in the words of a policy or a request.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DestinationPort => f.write_str("port"),
            Self::Transport => f.write_str("protocol and port"),
            Self::Text(attribute) => write!(f, "{attribute}"),
            Self::JoinedHeader(name) => write!(f, "header `{name}`"),
            Self::Address(AddressAttribute::SourceIp) => f.write_str("source IP"),
            Self::Address(AddressAttribute::RemoteIp) => f.write_str("remote IP"),
            Self::Address(AddressAttribute::DestinationIp) => f.write_str("destination IP"),
            Self::Address(AddressAttribute::Peer) => f.write_str("peer address"),
            Self::RequestPrincipal => f.write_str("request principal"),
            Self::PeerLabels => f.write_str("peer labels"),
            Self::Name(NameAttribute::ServerName) => f.write_str("SNI"),
            Self::Name(NameAttribute::Peer) => f.write_str("DNS names of the peer address"),
            Self::Name(NameAttribute::DnsQuery) => f.write_str("DNS query"),
        }
    }
}
