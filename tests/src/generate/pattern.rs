//! Random patterns for each kind of attribute.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};
use ipnet::IpNet;
use palisade::{
    Protocol, Shape,
    ir::{
        AddressAttribute, Attribute, Gap, GapClass, Glob, HeaderPattern, NameAttribute, NamePattern,
        Operator, PortRange, Predicate, RequestPrincipalPattern, Requirement, Selector, Text, TextAttribute,
        TransportRange,
    },
};
use proptest::{collection::vec, prelude::*};

/// Returns any attribute, with about the frequency that it has in policies.
pub(super) fn attribute() -> impl Strategy<Value = Attribute> {
    let text = prop_oneof![
        3 => Just(TextAttribute::Method),
        3 => Just(TextAttribute::Path),
        3 => Just(TextAttribute::Identity),
        2 => prop::sample::select(vec![
            TextAttribute::Host,
            TextAttribute::Authority,
            TextAttribute::PathAndQuery,
        ]),
        2 => prop_oneof![Just("x"), Just("y")].prop_map(|name| TextAttribute::Header(name.into())),
        1 => prop_oneof![Just(TextAttribute::ServerName), Just(TextAttribute::PortName)],
        1 => prop_oneof![Just(vec!["groups"]), Just(vec!["a", "b"])]
            .prop_map(|path| TextAttribute::Claim(path.into_iter().map(Into::into).collect())),
        1 => prop_oneof![Just(Shape::Text), Just(Shape::List)]
            .prop_map(|shape| TextAttribute::Metadata { filter: "f".into(), key: "k".into(), shape }),
    ];
    prop_oneof![
        3 => prop_oneof![Just(Attribute::DestinationPort), Just(Attribute::Transport)],
        16 => text.prop_map(Attribute::Text),
        1 => prop_oneof![Just("x"), Just("y")].prop_map(|name| Attribute::JoinedHeader(name.into())),
        2 => prop::sample::select(vec![
            AddressAttribute::SourceIp,
            AddressAttribute::RemoteIp,
            AddressAttribute::DestinationIp,
            AddressAttribute::Peer,
        ]).prop_map(Attribute::Address),
        2 => Just(Attribute::PeerLabels),
        3 => prop::sample::select(vec![
            Attribute::Name(NameAttribute::Peer),
            Attribute::Name(NameAttribute::DnsQuery),
            Attribute::Name(NameAttribute::ServerName),
            Attribute::RequestPrincipal,
        ]),
    ]
}

/// Returns an attribute of Cilium's rules.
pub(super) fn of_connections() -> impl Strategy<Value = Attribute> {
    prop::sample::select(vec![
        Attribute::Address(AddressAttribute::Peer),
        Attribute::Transport,
        Attribute::PeerLabels,
        Attribute::Name(NameAttribute::Peer),
        Attribute::Name(NameAttribute::DnsQuery),
        Attribute::DestinationPort,
        Attribute::Address(AddressAttribute::SourceIp),
    ])
}

/// Returns a predicate of `attribute` with a number of patterns in `count`.
pub(super) fn predicate(attribute: &Attribute, count: Range<usize>) -> BoxedStrategy<Predicate> {
    match attribute.clone() {
        Attribute::DestinationPort => {
            vec(range(), count).prop_map(|list| Predicate::Port(list.into())).boxed()
        }
        Attribute::Transport => {
            let range =
                (protocol(), range()).prop_map(|(protocol, ports)| TransportRange { protocol, ports });
            vec(range, count).prop_map(|list| Predicate::Transport(list.into())).boxed()
        }
        Attribute::Address(attribute) => {
            vec(block(), count).prop_map(move |list| Predicate::Address(attribute, list.into())).boxed()
        }
        Attribute::RequestPrincipal => {
            let pattern =
                (text(), text()).prop_map(|(issuer, subject)| RequestPrincipalPattern { issuer, subject });
            vec(pattern, count).prop_map(|list| Predicate::RequestPrincipal(list.into())).boxed()
        }
        Attribute::PeerLabels => {
            vec(selector(), count).prop_map(|list| Predicate::Labels(list.into())).boxed()
        }
        Attribute::Name(attribute) => {
            vec(name(), count).prop_map(move |list| Predicate::Name(attribute, list.into())).boxed()
        }
        Attribute::JoinedHeader(name) => {
            let pattern = prop_oneof![
                1 => Just(HeaderPattern::Present),
                4 => "[ab/,]{0,4}".prop_map(|text| HeaderPattern::Exact(text.into())),
            ];
            vec(pattern, count)
                .prop_map(move |list| Predicate::JoinedHeader(name.clone(), list.into()))
                .boxed()
        }
        Attribute::Text(attribute) => text_predicate(attribute, count),
    }
}

fn text_predicate(attribute: TextAttribute, count: Range<usize>) -> BoxedStrategy<Predicate> {
    let own = attribute.clone();
    let texts = |pattern: BoxedStrategy<Text>| {
        let attribute = own.clone();
        vec(pattern, count.clone())
            .prop_map(move |list| Predicate::Text(attribute.clone(), list.into()))
            .boxed()
    };
    match attribute {
        TextAttribute::Identity => texts(prop_oneof![identity(), text()].boxed()),
        TextAttribute::Path => texts(prop_oneof![3 => text(), 1 => template()].boxed()),
        TextAttribute::Host => texts(plain().boxed()),
        TextAttribute::Method | TextAttribute::Authority | TextAttribute::PathAndQuery => {
            let expressions = vec(expression(), count.clone())
                .prop_map(move |list| Predicate::Regex(attribute.clone(), list.into()));
            prop_oneof![2 => texts(text().boxed()), 3 => expressions].boxed()
        }
        TextAttribute::Header(_)
        | TextAttribute::ServerName
        | TextAttribute::Claim(_)
        | TextAttribute::Metadata { .. }
        | TextAttribute::PortName => texts(text().boxed()),
    }
}

/// Returns ports at the limits of blocks and of the range.
pub(super) fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        prop::sample::select(&[0, 1, 79, 80, 81, 127, 128, 443, 1023, 1024, 65534, 65535][..]),
        0..200u16,
    ]
}

fn range() -> impl Strategy<Value = PortRange> {
    prop_oneof![
        port().prop_map(PortRange::single),
        (port(), port()).prop_map(|(a, b)| PortRange { first: a.min(b), last: a.max(b) }),
    ]
}

/// Returns a few protocols.
pub(super) fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp][..])
}

/// Returns addresses with long common prefixes.
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

/// Returns regular expressions of every form, most of them over a few characters.
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

/// Returns a pattern that is valid for any attribute. Globs are always case-sensitive.
fn plain() -> impl Strategy<Value = Text> {
    prop_oneof![
        1 => Just(Text::Present),
        1 => Just(Text::NonEmpty),
        4 => LITERAL.prop_map(|text| Text::Exact(text.into())),
        4 => LITERAL.prop_map(|text| Text::Prefix(text.into())),
        4 => LITERAL.prop_map(|text| Text::Suffix(text.into())),
    ]
}

/// Returns wildcards of one character class, for which the earliest match is always correct.
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

/// Returns a template with `{*}` before a slash, then at most one `{**}`: each character class excludes the character after
/// it.
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

/// Returns namespaces and service accounts, as patterns search for them in an identity.
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
