//! Predicates: an attribute with patterns of the attribute's own type.

use super::{
    AddressAttribute, Attribute, HeaderName, HeaderPattern, NameAttribute, NamePattern, PortRange,
    RequestPrincipalPattern, Selector, Text, TextAttribute, TransportRange,
};
use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Display;
use ipnet::IpNet;

/// An attribute with patterns. It matches if one pattern matches a value; without patterns it matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Predicate {
    /// Text values against text patterns.
    Text(TextAttribute, Box<[Text]>),
    /// Text values against regular expressions of RE2 over the whole value
    /// (docs/semantics/cilium.md#cilium-http-expressions).
    Regex(TextAttribute, Box<[Box<str>]>),
    /// The joined lines of a header.
    JoinedHeader(HeaderName, Box<[HeaderPattern]>),
    /// The local port of the connection.
    Port(Box<[PortRange]>),
    /// The protocol and destination port of the flow.
    Transport(Box<[TransportRange]>),
    /// Addresses against address blocks.
    Address(AddressAttribute, Box<[IpNet]>),
    /// Issuer and subject of the token.
    RequestPrincipal(Box<[RequestPrincipalPattern]>),
    /// The labels of the peer.
    Labels(Box<[Selector]>),
    /// DNS names against name patterns.
    Name(NameAttribute, Box<[NamePattern]>),
}

impl Predicate {
    /// Returns the attribute that the predicate reads.
    pub fn attribute(&self) -> Attribute {
        match self {
            Self::Text(attribute, _) | Self::Regex(attribute, _) => Attribute::Text(attribute.clone()),
            Self::JoinedHeader(name, _) => Attribute::JoinedHeader(name.clone()),
            Self::Port(_) => Attribute::DestinationPort,
            Self::Transport(_) => Attribute::Transport,
            Self::Address(attribute, _) => Attribute::Address(*attribute),
            Self::RequestPrincipal(_) => Attribute::RequestPrincipal,
            Self::Labels(_) => Attribute::PeerLabels,
            Self::Name(attribute, _) => Attribute::Name(*attribute),
        }
    }

    /// Returns a predicate for each pattern.
    pub fn split(&self) -> Vec<Self> {
        fn each<T: Clone>(patterns: &[T], of: impl Fn(Box<[T]>) -> Predicate) -> Vec<Predicate> {
            patterns.iter().map(|pattern| of(Box::new([pattern.clone()]))).collect()
        }
        match self {
            Self::Text(attribute, list) => each(list, |one| Self::Text(attribute.clone(), one)),
            Self::Regex(attribute, list) => each(list, |one| Self::Regex(attribute.clone(), one)),
            Self::JoinedHeader(name, list) => each(list, |one| Self::JoinedHeader(name.clone(), one)),
            Self::Port(list) => each(list, Self::Port),
            Self::Transport(list) => each(list, Self::Transport),
            Self::Address(attribute, list) => each(list, |one| Self::Address(*attribute, one)),
            Self::RequestPrincipal(list) => each(list, Self::RequestPrincipal),
            Self::Labels(list) => each(list, Self::Labels),
            Self::Name(attribute, list) => each(list, |one| Self::Name(*attribute, one)),
        }
    }

    /// Returns the patterns as a policy would write them.
    pub fn values(&self) -> Vec<String> {
        fn all<T: Display>(patterns: &[T]) -> Vec<String> {
            patterns.iter().map(ToString::to_string).collect()
        }
        match self {
            Self::Text(_, list) => all(list),
            Self::Regex(_, list) => all(list),
            Self::JoinedHeader(_, list) => all(list),
            Self::Port(list) => all(list),
            Self::Transport(list) => all(list),
            Self::Address(_, list) => all(list),
            Self::RequestPrincipal(list) => all(list),
            Self::Labels(list) => all(list),
            Self::Name(_, list) => all(list),
        }
    }
}
