//! The patterns that attribute values are held against.

use super::{Glob, Selector};
use crate::net::Protocol;
use alloc::boxed::Box;
use core::fmt;
use ipnet::IpNet;

/// A pattern over text. Case matters, except for attributes that say otherwise (there the pattern is lower case).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// Any value, even an empty one: the attribute is present.
    Present,
    /// Any value of at least one byte, none of them a newline: RE2's `.+`.
    NonEmpty,
    /// This value.
    Exact(Box<str>),
    /// A value that starts so.
    Prefix(Box<str>),
    /// A value that ends so.
    Suffix(Box<str>),
    /// Literals with gaps. Never on an attribute that ignores case.
    Glob(Glob),
    /// A SPIFFE id of this service account, with segments of its own before, between and behind:
    /// `spiffe://.+/ns/NAMESPACE/(.+/|)sa/ACCOUNT(/.+)?`, where a dot is no newline
    /// (docs/semantics/istio.md#istio-service-account-form).
    ServiceAccount {
        /// Its namespace.
        namespace: Box<str>,
        /// Its name.
        account: Box<str>,
    },
}

/// A pattern over DNS names in canonical form: lower case, final dot
/// (docs/semantics/cilium.md#cilium-canonical-names).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamePattern {
    /// `matchName`: this name.
    Name(Box<str>),
    /// `matchPattern`, canonical, as the grammar of docs/semantics/cilium.md#cilium-star-and-dot reads it.
    Wildcard {
        /// The pattern, lower case, with its final dot.
        pattern: Box<str>,
        /// Whether a leading `**.` stands for whole labels (Cilium 1.19 and later).
        subdomains: bool,
        /// Whether an all-star pattern accepts any bytes, as it does in a DNS rule
        /// (docs/semantics/cilium.md#cilium-all-star).
        any_bytes: bool,
    },
}

/// One alternative of a [`super::Test`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Text attributes.
    Text(Text),
    /// Issuer and subject, both of which must match.
    RequestPrincipal {
        /// Pattern of the `iss` claim.
        issuer: Text,
        /// Pattern of the `sub` claim.
        subject: Text,
    },
    /// Addresses of one family.
    Cidr(IpNet),
    /// Ports from the first to the last, inclusive.
    Ports(u16, u16),
    /// A protocol with a range of ports (or ICMP types), inclusive.
    Transport(Protocol, u16, u16),
    /// Labels.
    Labels(Selector),
    /// DNS names.
    Name(NamePattern),
    /// The whole of a text value, as RE2 reads the expression (docs/semantics/cilium.md#cilium-http-expressions).
    Regex(Box<str>),
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

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text}"),
            Self::RequestPrincipal { issuer, subject } => write!(f, "{issuer}/{subject}"),
            Self::Cidr(net) => write!(f, "{net}"),
            Self::Ports(first, last) if first == last => write!(f, "{first}"),
            Self::Ports(first, last) => write!(f, "{first}-{last}"),
            Self::Transport(protocol, 0, u16::MAX) => write!(f, "{protocol}"),
            Self::Transport(protocol, first, last) if first == last => write!(f, "{protocol}/{first}"),
            Self::Transport(protocol, first, last) => write!(f, "{protocol}/{first}-{last}"),
            Self::Labels(selector) => write!(f, "{selector}"),
            Self::Name(name) => write!(f, "{name}"),
            Self::Regex(expression) => f.write_str(expression),
        }
    }
}
