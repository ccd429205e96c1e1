//! Attributes and matchers, each stored once however many rules use it.

use crate::{
    ir::{Attribute, Pattern, Selector, Test, Text},
    matcher::{CidrSet, NameSet, TextSet, bytes::Case},
    net::Protocol,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

/// A compiled set of patterns.
#[derive(Debug)]
pub(crate) enum Matcher {
    Text(TextSet),
    RequestPrincipals(Box<[(Text, Text)]>),
    Cidrs(CidrSet),
    Ports(Box<[(u16, u16)]>),
    Transports(Box<[(Protocol, u16, u16)]>),
    Labels(Box<[Selector]>),
    Names(NameSet),
}

/// Hands out small numbers for attributes and matchers.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    attributes: Vec<Attribute>,
    matchers: Vec<Matcher>,
    patterns: Vec<Box<[Pattern]>>,
    by_attribute: BTreeMap<Attribute, u16>,
    by_patterns: BTreeMap<(u16, Box<[Pattern]>), u32>,
}

/// What an [`Interner`] collected.
#[derive(Debug)]
pub(crate) struct Interned {
    pub(crate) attributes: Box<[Attribute]>,
    pub(crate) matchers: Box<[Matcher]>,
    /// The patterns of each matcher, for explanations.
    pub(crate) patterns: Box<[Box<[Pattern]>]>,
}

impl Interner {
    /// The number of `attribute`.
    pub(crate) fn attribute(&mut self, attribute: &Attribute) -> u16 {
        if let Some(id) = self.by_attribute.get(attribute) {
            return *id;
        }
        // INVARIANT: limits::MAX_ATTRIBUTES keeps the count below 2^16.
        let id = self.attributes.len() as u16;
        self.attributes.push(attribute.clone());
        self.by_attribute.insert(attribute.clone(), id);
        id
    }

    /// The numbers of `test`'s attribute and of its patterns' matcher.
    pub(crate) fn test(&mut self, test: &Test) -> (u16, u32) {
        let attribute = self.attribute(&test.attribute);
        let key = (attribute, test.patterns.clone());
        if let Some(id) = self.by_patterns.get(&key) {
            return (attribute, *id);
        }
        let id = self.matchers.len() as u32;
        self.matchers.push(Matcher::new(&test.attribute, &test.patterns));
        self.patterns.push(test.patterns.clone());
        self.by_patterns.insert(key, id);
        (attribute, id)
    }

    /// The tables.
    pub(crate) fn finish(self) -> Interned {
        Interned {
            attributes: self.attributes.into(),
            matchers: self.matchers.into(),
            patterns: self.patterns.into(),
        }
    }
}

/// How `attribute`'s values are compared.
pub(crate) fn case_of(attribute: &Attribute) -> Case {
    match attribute {
        Attribute::Host => Case::Folded,
        _ => Case::Kept,
    }
}

impl Matcher {
    /// Patterns of another type than the attribute's are never produced by lowering, and would match nothing.
    fn new(attribute: &Attribute, patterns: &[Pattern]) -> Self {
        match attribute {
            Attribute::DestinationPort => Self::Ports(pick(patterns, |p| match p {
                Pattern::Ports(first, last) => Some((*first, *last)),
                _ => None,
            })),
            Attribute::Transport => Self::Transports(pick(patterns, |p| match p {
                Pattern::Transport(protocol, first, last) => Some((*protocol, *first, *last)),
                _ => None,
            })),
            Attribute::SourceIp | Attribute::RemoteIp | Attribute::DestinationIp | Attribute::PeerAddress => {
                Self::Cidrs(CidrSet::new(patterns.iter().filter_map(|p| match p {
                    Pattern::Cidr(net) => Some((*net, 0)),
                    _ => None,
                })))
            }
            Attribute::RequestPrincipal => Self::RequestPrincipals(pick(patterns, |p| match p {
                Pattern::RequestPrincipal { issuer, subject } => Some((issuer.clone(), subject.clone())),
                _ => None,
            })),
            Attribute::PeerLabels => Self::Labels(pick(patterns, |p| match p {
                Pattern::Labels(selector) => Some(selector.clone()),
                _ => None,
            })),
            Attribute::PeerName | Attribute::DnsQuery => Self::Names(NameSet::new(
                pick(patterns, |p| match p {
                    Pattern::Name(name) => Some(name.clone()),
                    _ => None,
                })
                .into(),
            )),
            _ => Self::Text(TextSet::new(
                case_of(attribute),
                pick(patterns, |p| match p {
                    Pattern::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .into(),
            )),
        }
    }
}

fn pick<T>(patterns: &[Pattern], choose: impl Fn(&Pattern) -> Option<T>) -> Box<[T]> {
    patterns.iter().filter_map(choose).collect()
}
