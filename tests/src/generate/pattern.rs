//! Random patterns for each kind of attribute.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use ipnet::IpNet;
use palisade::{
    Protocol, Shape,
    ir::{Attribute, Gap, GapClass, Glob, NamePattern, Operator, Pattern, Requirement, Selector, Text},
};
use proptest::{collection::vec, prelude::*};

/// Any attribute, with about the frequency that it has in policies.
pub(super) fn attribute() -> impl Strategy<Value = Attribute> {
    prop_oneof![
        3 => prop_oneof![Just(Attribute::DestinationPort), Just(Attribute::Transport)],
        3 => Just(Attribute::Method),
        3 => Just(Attribute::Path),
        3 => Just(Attribute::Identity),
        2 => prop_oneof![Just(Attribute::Host), Just(Attribute::Authority), Just(Attribute::PathAndQuery)],
        2 => prop_oneof![Just("x"), Just("y")].prop_map(|name| Attribute::Header(name.into())),
        1 => prop_oneof![Just("x"), Just("y")].prop_map(|name| Attribute::JoinedHeader(name.into())),
        2 => prop_oneof![
            Just(Attribute::SourceIp),
            Just(Attribute::RemoteIp),
            Just(Attribute::DestinationIp),
            Just(Attribute::PeerAddress),
        ],
        2 => Just(Attribute::PeerLabels),
        2 => prop_oneof![Just(Attribute::PeerName), Just(Attribute::DnsQuery)],
        1 => prop_oneof![
            Just(Attribute::ServerName),
            Just(Attribute::ServerDnsName),
            Just(Attribute::RequestPrincipal),
            Just(Attribute::PortName),
        ],
        1 => prop_oneof![Just(vec!["groups"]), Just(vec!["a", "b"])]
            .prop_map(|path| Attribute::Claim(path.into_iter().map(Into::into).collect())),
        1 => prop_oneof![Just(Shape::Text), Just(Shape::List)]
            .prop_map(|shape| Attribute::Metadata { filter: "f".into(), key: "k".into(), shape }),
    ]
}

/// An attribute of Cilium's rules.
pub(super) fn of_connections() -> impl Strategy<Value = Attribute> {
    prop::sample::select(vec![
        Attribute::PeerAddress,
        Attribute::Transport,
        Attribute::PeerLabels,
        Attribute::PeerName,
        Attribute::DnsQuery,
        Attribute::DestinationPort,
        Attribute::SourceIp,
    ])
}

/// A pattern of the kind that `attribute` requires.
pub(super) fn pattern(attribute: &Attribute) -> BoxedStrategy<Pattern> {
    match attribute {
        Attribute::DestinationPort => range().prop_map(|(first, last)| Pattern::Ports(first, last)).boxed(),
        Attribute::Transport => (protocol(), range())
            .prop_map(|(protocol, (first, last))| Pattern::Transport(protocol, first, last))
            .boxed(),
        Attribute::SourceIp | Attribute::RemoteIp | Attribute::DestinationIp | Attribute::PeerAddress => {
            block().prop_map(Pattern::Cidr).boxed()
        }
        Attribute::RequestPrincipal => (text(), text())
            .prop_map(|(issuer, subject)| Pattern::RequestPrincipal { issuer, subject })
            .boxed(),
        Attribute::PeerLabels => selector().prop_map(Pattern::Labels).boxed(),
        Attribute::PeerName | Attribute::DnsQuery | Attribute::ServerDnsName => {
            name().prop_map(Pattern::Name).boxed()
        }
        Attribute::Identity => prop_oneof![identity(), text()].prop_map(Pattern::Text).boxed(),
        Attribute::Path => prop_oneof![3 => text(), 1 => template()].prop_map(Pattern::Text).boxed(),
        Attribute::JoinedHeader(_) => prop_oneof![
            1 => Just(Text::Present),
            4 => "[ab/,]{0,4}".prop_map(|text| Text::Exact(text.into())),
        ]
        .prop_map(Pattern::Text)
        .boxed(),
        Attribute::Method | Attribute::Authority | Attribute::PathAndQuery => {
            prop_oneof![2 => text().prop_map(Pattern::Text), 3 => expression().prop_map(Pattern::Regex)]
                .boxed()
        }
        Attribute::Host => plain().prop_map(Pattern::Text).boxed(),
        _ => text().prop_map(Pattern::Text).boxed(),
    }
}

/// Ports at the limits of blocks and of the range.
pub(super) fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        prop::sample::select(&[0, 1, 79, 80, 81, 127, 128, 443, 1023, 1024, 65534, 65535][..]),
        0..200u16,
    ]
}

fn range() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        port().prop_map(|port| (port, port)),
        (port(), port()).prop_map(|(a, b)| (a.min(b), a.max(b))),
    ]
}

/// A few protocols.
pub(super) fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp][..])
}

/// Addresses with long common prefixes.
pub(super) fn address() -> impl Strategy<Value = IpAddr> {
    let byte = prop::sample::select(&[0u8, 1, 2, 127, 128, 255][..]);
    (any::<bool>(), byte.clone(), byte.clone(), byte).prop_map(|(v6, a, b, c)| {
        if v6 {
            IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, u16::from(a), u16::from(b), u16::from(c)))
        } else {
            IpAddr::V4(Ipv4Addr::new(10, a, b, c))
        }
    })
}

fn block() -> impl Strategy<Value = IpNet> {
    (address(), 0..=128u8).prop_map(|(ip, length)| {
        let length = if ip.is_ipv4() { length % 33 } else { length };
        IpNet::new(ip, length).expect("a length of the family").trunc()
    })
}

/// The characters of all texts.
pub(super) const LITERAL: &str = "[ab/]{0,3}";

/// Regular expressions of every form, most of them over a few characters.
pub(super) fn expression() -> impl Strategy<Value = Box<str>> {
    let atom = prop_oneof![
        4 => "[ab/]{1,2}",
        2 => Just(".".to_string()),
        1 => Just("[^a]".to_string()),
        1 => Just("[ab]".to_string()),
        1 => Just(r"\w".to_string()),
        1 => Just(r"\W".to_string()),
        1 => Just("(?i:A)".to_string()),
        1 => Just(r"\x61".to_string()),
    ];
    let repeated = (atom, prop::sample::select(&["", "", "", "*", "+", "?", "{2}", "{1,}", "*?"][..]))
        .prop_map(
            |(atom, operator)| if operator.is_empty() { atom } else { format!("(?:{atom}){operator}") },
        );
    let sequence = vec(repeated, 0..4).prop_map(|parts| parts.concat());
    prop_oneof![
        // The forms that the engine compares without an automaton.
        2 => ("[ab/]{0,3}", "[ab/]{0,3}").prop_map(|(head, tail)| format!("{head}.*{tail}")),
        1 => ("\\^?", "[ab/]{0,3}", "\\$?").prop_map(|(start, text, end)| format!("{start}{text}{end}")),
        3 => sequence.clone(),
        2 => vec(sequence, 2..4).prop_map(|branches| branches.join("|")),
    ]
    .prop_map(String::into_boxed_str)
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![14 => plain(), 3 => glob()]
}

/// A pattern that is valid for any attribute. Globs are always case-sensitive.
fn plain() -> impl Strategy<Value = Text> {
    prop_oneof![
        1 => Just(Text::Present),
        1 => Just(Text::NonEmpty),
        4 => LITERAL.prop_map(|text| Text::Exact(text.into())),
        4 => LITERAL.prop_map(|text| Text::Prefix(text.into())),
        4 => LITERAL.prop_map(|text| Text::Suffix(text.into())),
    ]
}

/// Wildcards of one character class, for which the earliest match is always right.
fn glob() -> impl Strategy<Value = Text> {
    let classes = [GapClass::Any, GapClass::NotSlash, GapClass::TemplateSegment, GapClass::TemplatePath];
    let pieces = vec((0..=2u8, "[ab/]{1,2}"), 0..3);
    (LITERAL, prop::sample::select(classes.to_vec()), pieces, (0..=2u8, LITERAL)).prop_map(
        |(head, class, middle, last)| {
            let pieces = middle.into_iter().chain([last]);
            Text::Glob(Glob::new(
                &head,
                pieces.map(|(min, literal)| (Gap { min, class }, literal.into_boxed_str())),
            ))
        },
    )
}

/// `{*}` before a slash, then at most one `{**}`: each character class excludes the character after it.
fn template() -> impl Strategy<Value = Text> {
    let segment = Gap { min: 1, class: GapClass::TemplateSegment };
    let rest = Gap { min: 0, class: GapClass::TemplatePath };
    (vec("/[ab]{0,1}/?", 0..3), any::<bool>(), LITERAL).prop_map(move |(literals, deep, tail)| {
        let mut pieces: Vec<(Gap, Box<str>)> =
            literals.into_iter().map(|literal| (segment, literal.into())).collect();
        if deep || pieces.is_empty() {
            pieces.push((rest, tail.into()));
        }
        Text::Glob(Glob::new("/", pieces))
    })
}

/// Namespaces and service accounts, as patterns search for them in an identity.
fn identity() -> impl Strategy<Value = Text> {
    let any = Gap { min: 0, class: GapClass::Any };
    let word = prop::sample::select(&["a", "b", "ns"][..]);
    prop_oneof![
        word.clone().prop_map(move |ns| {
            Text::Glob(Glob::new("", [(any, format!("/ns/{ns}/").into()), (any, "".into())]))
        }),
        (word.clone(), word.clone())
            .prop_map(|(ns, sa)| Text::ServiceAccount { namespace: ns.into(), account: sa.into() }),
        (word.clone(), word.clone())
            .prop_map(|(ns, sa)| Text::Exact(format!("spiffe://td/ns/{ns}/sa/{sa}").into())),
        word.clone().prop_map(|ns| Text::Prefix(format!("spiffe://td/ns/{ns}").into())),
        word.prop_map(|sa| Text::Suffix(format!("/sa/{sa}").into())),
    ]
}

fn selector() -> impl Strategy<Value = Selector> {
    let values = || vec("[ab]{0,1}", 1..3).prop_map(|v| v.into_iter().map(Into::into).collect());
    let operator = prop_oneof![
        3 => values().prop_map(Operator::In),
        1 => values().prop_map(Operator::NotIn),
        1 => Just(Operator::Exists),
        1 => Just(Operator::DoesNotExist),
    ];
    let source = prop::option::of(prop::sample::select(&["k8s", "reserved"][..]));
    let key = prop::sample::select(&["app", "env"][..]);
    let requirement = (source, key, operator).prop_map(|(source, key, operator)| Requirement {
        source: source.map(Into::into),
        key: key.into(),
        operator,
    });
    vec(requirement, 0..3).prop_map(|requirements| Selector { requirements })
}

fn name() -> impl Strategy<Value = NamePattern> {
    prop_oneof![
        1 => "[ab.]{0,4}\\.".prop_map(|name| NamePattern::Name(name.into())),
        3 => ("(\\*{1,3}\\.?)?[ab.*]{0,5}\\.", any::<bool>(), any::<bool>()).prop_map(
            |(pattern, subdomains, any_bytes)| NamePattern::Wildcard {
                pattern: pattern.into(),
                subdomains,
                any_bytes,
            },
        ),
    ]
}
