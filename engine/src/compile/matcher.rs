//! The compiled form of a predicate that takes more than one comparison.

use crate::{
    ir::{
        AddressAttribute, HeaderName, HeaderPattern, NameAttribute, PortRange, Predicate,
        RequestPrincipalPattern, Selector, Text, TextAttribute, TransportRange,
    },
    matcher::{CidrSet, NameSet, Regex, TextSet, collation::Collation, strategy::SearchStrategy},
};
use alloc::boxed::Box;

/// An attribute and a compiled set of patterns.
#[derive(Debug)]
pub(super) enum Matcher {
    Text(TextAttribute, TextSet),
    Regexes(TextAttribute, Box<[Regex]>),
    JoinedHeader(HeaderName, Box<[HeaderPattern]>),
    Ports(Box<[PortRange]>),
    Transports(Box<[TransportRange]>),
    Cidrs(AddressAttribute, CidrSet),
    RequestPrincipals(Box<[RequestPrincipalPattern]>),
    Labels(Box<[Selector]>),
    Names(NameAttribute, NameSet),
}

impl Matcher {
    /// Compiles `predicate`. `strategy` selects the search in its sets of patterns.
    pub(super) fn new(predicate: &Predicate, strategy: SearchStrategy) -> Self {
        match predicate {
            Predicate::Text(attribute, patterns) => Self::texts(attribute, patterns, strategy),
            Predicate::Regex(attribute, list) => Self::Regexes(
                attribute.clone(),
                list.iter().map(|expression| Regex::new(expression)).collect(),
            ),
            Predicate::JoinedHeader(name, patterns) => Self::JoinedHeader(name.clone(), patterns.clone()),
            Predicate::Port(ranges) => Self::Ports(ranges.clone()),
            Predicate::Transport(ranges) => Self::Transports(ranges.clone()),
            Predicate::Address(attribute, nets) => {
                Self::Cidrs(*attribute, CidrSet::new(nets.iter().map(|net| (net.trunc(), 0))))
            }
            Predicate::RequestPrincipal(patterns) => Self::RequestPrincipals(patterns.clone()),
            Predicate::Labels(selectors) => Self::Labels(selectors.clone()),
            Predicate::Name(attribute, names) => {
                Self::Names(*attribute, NameSet::with_strategy(names, strategy))
            }
        }
    }

    fn texts(attribute: &TextAttribute, patterns: &[Text], strategy: SearchStrategy) -> Self {
        Self::Text(attribute.clone(), TextSet::new(Collation::of(attribute), patterns.to_vec(), strategy))
    }
}
