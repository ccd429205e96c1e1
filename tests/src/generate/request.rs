//! Random requests.

use super::pattern;
use crate::sample::Sample;
use palisade::{
    Label, Labels, Transport,
    ir::{AddressAttribute, Attribute, NameAttribute},
};
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};

/// Returns bytes of the same characters as the patterns, and sometimes others.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => "[ab/]{0,4}".prop_map(String::into_bytes),
        3 => "[abAB/?#.*]{0,6}".prop_map(String::into_bytes),
        1 => vec(prop::sample::select(&b"a/\n\xff\0"[..]), 0..4),
    ]
}

fn identity() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(&["a", "b", "ns"][..]);
    prop_oneof![
        4 => (word.clone(), word.clone()).prop_map(|(ns, sa)| format!("spiffe://td/ns/{ns}/sa/{sa}").into()),
        1 => (word.clone(), word).prop_map(|(ns, sa)| format!("x/ns/{ns}/ns/{sa}/").into()),
        1 => "(/|ns|a|b|spiffe://){0,6}".prop_map(String::into_bytes),
        2 => "spiffe://(td|x|\n|/|/ns/a|/ns/b|/ns/a/|/sa/a|/sa/b|/sa/a/){1,7}".prop_map(String::into_bytes),
        1 => text(),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let text = "[ab/]{0,3}".prop_map(Value::String);
    prop_oneof![
        2 => text.clone(),
        2 => vec(prop_oneof![text, Just(json!(1)), Just(json!(["a"]))], 0..3).prop_map(Value::Array),
        1 => prop::sample::select(vec![Value::Null, json!(1), json!(true), json!({"b": "a"})]),
    ]
}

fn labels() -> impl Strategy<Value = Labels> {
    let label = (
        prop::sample::select(&["k8s", "reserved", "cidr"][..]),
        prop::sample::select(&["app", "env", "host"][..]),
        "[ab]{0,1}",
    );
    vec(label.prop_map(|(source, key, value)| Label::new(source, key, value)), 0..4)
        .prop_map(|labels| labels.into_iter().collect())
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[ab.]{0,5}\\.".prop_map(String::into_bytes),
        1 => "[ab.* -]{0,5}\\.".prop_map(String::into_bytes),
        1 => text(),
    ]
}

/// Returns a request in which only the connection's `attribute` is random.
pub(super) fn with(attribute: &Attribute) -> BoxedStrategy<Sample> {
    let nothing = Sample::default;
    match attribute {
        Attribute::Address(AddressAttribute::Peer) => {
            vec(pattern::address(), 0..3).prop_map(move |addresses| Sample { addresses, ..nothing() }).boxed()
        }
        Attribute::Address(AddressAttribute::SourceIp) => {
            pattern::address().prop_map(move |ip| Sample { source_ip: Some(ip), ..nothing() }).boxed()
        }
        Attribute::Transport => (pattern::protocol(), pattern::port())
            .prop_map(move |(protocol, port)| Sample { transport: Transport { protocol, port }, ..nothing() })
            .boxed(),
        Attribute::PeerLabels => (labels(), any::<bool>())
            .prop_map(move |(labels, aggregated)| Sample { labels, aggregated, ..nothing() })
            .boxed(),
        Attribute::Name(NameAttribute::Peer) => {
            vec(name(), 0..3).prop_map(move |names| Sample { names, ..nothing() }).boxed()
        }
        Attribute::Name(NameAttribute::DnsQuery) => {
            name().prop_map(move |name| Sample { query: Some(name), ..nothing() }).boxed()
        }
        _ => {
            pattern::port().prop_map(move |port| Sample { destination_port: Some(port), ..nothing() }).boxed()
        }
    }
}

/// Returns a request in which each attribute is independently random.
pub fn sample() -> impl Strategy<Value = Sample> {
    let header = (prop::sample::select(&["x", "y", "z"][..]), text());
    let claims = (json(), json(), json(), json());
    let http = (
        option::weighted(0.9, text()),
        option::weighted(0.9, text()),
        option::weighted(0.9, text()),
        vec(header, 0..4),
        claims,
        json(),
    );
    let connection = (
        vec(identity(), 0..3),
        option::weighted(0.9, pattern::address()),
        option::weighted(0.9, pattern::address()),
        option::weighted(0.9, pattern::address()),
        option::weighted(0.9, pattern::port()),
        option::weighted(0.8, text()),
    );
    let flow = (
        pattern::protocol(),
        pattern::port(),
        (labels(), any::<bool>()),
        vec(pattern::address(), 0..3),
        vec(name(), 0..3),
        vec(text(), 0..3),
        option::weighted(0.8, name()),
    );
    (http, connection, flow).prop_map(|(http, connection, flow)| {
        let (iss, sub, groups, a) = http.4;
        Sample {
            method: http.0,
            path: http.1,
            authority: http.2,
            headers: http.3.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
            claims: json!({"iss": iss, "sub": sub, "groups": groups, "a": {"b": a}}),
            metadata: json!({"f": {"k": http.5}}),
            identities: connection.0,
            source_ip: connection.1,
            remote_ip: connection.2,
            destination_ip: connection.3,
            destination_port: connection.4,
            server_name: connection.5,
            transport: Transport { protocol: flow.0, port: flow.1 },
            labels: flow.2.0,
            aggregated: flow.2.1,
            addresses: flow.3,
            names: flow.4,
            port_names: flow.5,
            query: flow.6,
            unreadable: None,
        }
    })
}
