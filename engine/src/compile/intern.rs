//! What tests share, each stored once however many rules use it: attributes, literals, sets of patterns.

use super::{
    methods::Methods,
    step::{Kind, Look, NO_MATCHER},
    switches::CompileSwitches,
};
use crate::{
    ir::{Attribute, Pattern, Selector, Test, Text},
    matcher::{
        CidrSet, NameSet, Regex, TextSet,
        collation::Collation,
        strategy::SearchStrategy,
        string_pool::{StringPool, StringPoolBuilder},
    },
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
    /// Expressions, and the plain texts among them.
    Regexes(Box<[Regex]>, TextSet),
    /// Of a header's lines joined.
    Joined(Box<[Text]>),
}

/// Hands out small numbers for attributes and matchers, and places for literals.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    pub(super) texts: StringPoolBuilder,
    pub(super) methods: Methods,
    switches: CompileSwitches,
    attributes: Vec<Attribute>,
    matchers: Vec<Matcher>,
    patterns: Vec<Box<[Pattern]>>,
    by_attribute: BTreeMap<Attribute, u16>,
    /// Matchers by their patterns, an attribute each.
    by_patterns: Vec<BTreeMap<Box<[Pattern]>, u32>>,
}

/// What an [`Interner`] collected.
#[derive(Debug)]
pub(crate) struct Interned {
    pub(crate) texts: StringPool,
    pub(super) methods: Methods,
    pub(crate) attributes: Box<[Attribute]>,
    pub(crate) matchers: Box<[Matcher]>,
    /// The patterns of each matcher, for explanations.
    pub(crate) patterns: Box<[Box<[Pattern]>]>,
}

impl Interner {
    pub(crate) fn new(switches: CompileSwitches) -> Self {
        Self { switches, ..Self::default() }
    }

    /// The number of `attribute`.
    fn attribute(&mut self, attribute: &Attribute) -> u16 {
        if let Some(id) = self.by_attribute.get(attribute) {
            return *id;
        }
        // INVARIANT: limits::MAX_ATTRIBUTES keeps the count below 2^16.
        let id = self.attributes.len() as u16;
        self.attributes.push(attribute.clone());
        self.by_attribute.insert(attribute.clone(), id);
        self.by_patterns.push(BTreeMap::new());
        id
    }

    /// The number of `test`'s attribute, and what it is held against.
    pub(crate) fn test(&mut self, test: &Test) -> (u16, Look) {
        let attribute = self.attribute(&test.attribute);
        if self.switches.methods
            && let Some(set) = self.methods.exactly(test)
        {
            let several = test.patterns.len() != 1;
            let number = if several { self.matcher(attribute, test) } else { NO_MATCHER };
            return (attribute, Look::Methods(set, number));
        }
        if let [Pattern::Text(text)] = &*test.patterns
            && is_text(&test.attribute)
            && let Some((kind, literal)) = Kind::of(&test.attribute, text)
        {
            return (attribute, Look::Text(kind, self.texts.add(literal)));
        }
        (attribute, Look::Matcher(self.matcher(attribute, test)))
    }

    fn matcher(&mut self, attribute: u16, test: &Test) -> u32 {
        let known = self.by_patterns.get_mut(usize::from(attribute));
        if let Some(id) = known.as_ref().and_then(|known| known.get(&test.patterns)) {
            return *id;
        }
        let id = self.matchers.len() as u32;
        let strategy = if self.switches.sets { SearchStrategy::Indexed } else { SearchStrategy::Linear };
        self.matchers.push(Matcher::new(&test.attribute, &test.patterns, strategy));
        self.patterns.push(test.patterns.clone());
        if let Some(known) = known {
            known.insert(test.patterns.clone(), id);
        }
        id
    }

    /// The tables.
    pub(crate) fn finish(self) -> Interned {
        Interned {
            texts: self.texts.finish(),
            methods: self.methods,
            attributes: self.attributes.into(),
            matchers: self.matchers.into(),
            patterns: self.patterns.into(),
        }
    }
}

/// Whether `attribute` has texts for values.
fn is_text(attribute: &Attribute) -> bool {
    match attribute {
        Attribute::Method
        | Attribute::Host
        | Attribute::Path
        | Attribute::PathAndQuery
        | Attribute::Authority
        | Attribute::Header(_)
        | Attribute::ServerName
        | Attribute::Identity
        | Attribute::Claim(_)
        | Attribute::Metadata { .. }
        | Attribute::PortName => true,
        Attribute::DestinationPort
        | Attribute::JoinedHeader(_)
        | Attribute::ServerDnsName
        | Attribute::Transport
        | Attribute::SourceIp
        | Attribute::RemoteIp
        | Attribute::DestinationIp
        | Attribute::RequestPrincipal
        | Attribute::PeerLabels
        | Attribute::PeerAddress
        | Attribute::PeerName
        | Attribute::DnsQuery => false,
    }
}

impl Matcher {
    /// Patterns of another type than the attribute's are never produced by lowering, and would match nothing.
    fn new(attribute: &Attribute, patterns: &[Pattern], strategy: SearchStrategy) -> Self {
        if patterns.iter().any(|p| matches!(p, Pattern::Regex(_))) {
            let expressions = pick(patterns, |p| match p {
                Pattern::Regex(expression) => Some(Regex::new(expression)),
                _ => None,
            });
            return Self::Regexes(expressions, texts(attribute, patterns, strategy));
        }
        match attribute {
            Attribute::JoinedHeader(_) => Self::Joined(pick(patterns, |p| match p {
                Pattern::Text(text) => Some(text.clone()),
                _ => None,
            })),
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
                    Pattern::Cidr(net) => Some((net.trunc(), 0)),
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
            Attribute::PeerName | Attribute::DnsQuery | Attribute::ServerDnsName => {
                let names = patterns.iter().filter_map(|p| match p {
                    Pattern::Name(name) => Some(name),
                    _ => None,
                });
                Self::Names(NameSet::with_strategy(names, strategy))
            }
            _ => Self::Text(texts(attribute, patterns, strategy)),
        }
    }
}

fn texts(attribute: &Attribute, patterns: &[Pattern], strategy: SearchStrategy) -> TextSet {
    let texts = pick(patterns, |p| match p {
        Pattern::Text(text) => Some(text.clone()),
        _ => None,
    });
    TextSet::new(Collation::of(attribute), texts.into(), strategy)
}

fn pick<T>(patterns: &[Pattern], choose: impl Fn(&Pattern) -> Option<T>) -> Box<[T]> {
    patterns.iter().filter_map(choose).collect()
}
