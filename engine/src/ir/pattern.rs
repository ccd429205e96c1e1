//! The patterns of predicates.

use super::Glob;
use crate::net::Protocol;
use alloc::boxed::Box;
use core::fmt;

/// A pattern over text. Case matters, except for [`super::TextAttribute::Host`], whose patterns are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// Any value, even an empty one: the attribute is present.
    Present,
    /// Any value of at least one byte, none of them a newline: RE2's `.+`.
    NonEmpty,
    /// This value.
    Exact(Box<str>),
    /// A value that starts with this text.
    Prefix(Box<str>),
    /// A value that ends with this text.
    Suffix(Box<str>),
    /// Literals with gaps. An attribute that ignores case has no such pattern.
    Glob(Glob),
    /// A SPIFFE ID of this service account, with other segments before, between and after:
    /// `spiffe://.+/ns/NAMESPACE/(.+/|)sa/ACCOUNT(/.+)?`, where a dot matches no newline
    /// (docs/semantics/istio.md#istio-service-account-form).
    ServiceAccount {
        /// The namespace of the service account.
        namespace: Box<str>,
        /// The name of the service account.
        account: Box<str>,
    },
}

/// A pattern over DNS names in canonical form: lower case, final dot
/// (docs/semantics/cilium.md#cilium-canonical-names).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamePattern {
    /// `matchName`: this name.
    Name(Box<str>),
    /// `matchPattern` in canonical form (docs/semantics/cilium.md#cilium-star-and-dot).
    Wildcard {
        /// The pattern, lower case, with its final dot.
        pattern: Box<str>,
        /// Whether a leading `**.` matches one or more whole labels (Cilium 1.19 and later).
        subdomains: bool,
        /// Whether an all-star pattern accepts any bytes, as it does in a DNS rule
        /// (docs/semantics/cilium.md#cilium-all-star).
        any_bytes: bool,
    },
}

/// A pattern over the issuer and the subject of a token, both of which must match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestPrincipalPattern {
    /// The pattern of the `iss` claim.
    pub issuer: Text,
    /// The pattern of the `sub` claim.
    pub subject: Text,
}

/// A pattern over the joined lines of a header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeaderPattern {
    /// The header is present.
    Present,
    /// The lines, joined by commas, are this value.
    Exact(Box<str>),
}

/// Ports from the first to the last, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// Returns the range that contains only `port`.
    pub const fn single(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Returns whether `port` is in the range.
    #[inline]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

/// A protocol with a range of ports, or of ICMP types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportRange {
    /// The protocol.
    pub protocol: Protocol,
    /// Ports or ICMP types.
    pub ports: PortRange,
}

impl TransportRange {
    /// Returns the range of `protocol` from port `first` to port `last`, inclusive.
    pub const fn new(protocol: Protocol, first: u16, last: u16) -> Self {
        Self { protocol, ports: PortRange { first, last } }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present | Self::NonEmpty => f.write_str("*"),
            Self::Exact(text) => f.write_str(text),
            Self::Prefix(text) => write!(f, "{text}*"),
            Self::Suffix(text) => write!(f, "*{text}"),
            Self::Glob(glob) => write!(f, "{glob}"),
            Self::ServiceAccount { namespace, account } => write!(f, "{namespace}/{account}"),
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Wildcard { pattern: text, .. } => {
                f.write_str(text.strip_suffix('.').filter(|t| !t.is_empty()).unwrap_or(text))
            }
        }
    }
}

impl fmt::Display for RequestPrincipalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.issuer, self.subject)
    }
}

impl fmt::Display for HeaderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("*"),
            Self::Exact(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { first, last } if first == last => write!(f, "{first}"),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl fmt::Display for TransportRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports {
            PortRange::ALL => write!(f, "{}", self.protocol),
            ports => write!(f, "{}/{ports}", self.protocol),
        }
    }
}
