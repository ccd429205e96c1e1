//! Selectors, ports, address blocks and texts of Cilium's policies, each compared with a simple search of a list.
#![expect(clippy::unwrap_used, reason = "a failed setup must fail the test")]

use core::net::Ipv4Addr;
use palisade::{
    Cluster, Layer, Options, Outcome, Protocol, Severity,
    flow::{EndpointRef, Flow, FlowSource, History, Simulation},
    lint,
    resource::Resources,
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CASES: u32 = 4000;

fn config() -> ProptestConfig {
    ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() }
}

fn policy(section: &str, entry: &Value) -> Value {
    json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"endpointSelector": {"matchLabels": {"end": "own"}}, section: [entry]},
    })
}

fn cluster(objects: Vec<Value>) -> Cluster {
    let mut resources = Resources::default();
    for object in objects {
        resources.add(object, Default::default()).unwrap();
    }
    Cluster::new(resources).0
}

fn pod(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels}})
}

fn errors(cluster: &Cluster) -> Vec<String> {
    let findings = lint::check(cluster, &Options::default());
    findings.iter().filter(|f| f.severity == Severity::Error).map(ToString::to_string).collect()
}

/// Returns whether the egress of `shop/own` allows a flow to `to`.
fn passes(cluster: &Cluster, to: EndpointRef, protocol: Protocol, port: u16) -> bool {
    let simulation = Simulation::new(cluster.clone(), Options::default());
    let from = EndpointRef::Workload("shop/own".to_owned());
    let flow = Flow {
        from: FlowSource { endpoint: from, mtls: Some(false), certificate: None, mesh: None },
        to,
        protocol,
        ..Flow::new("", "", port)
    };
    let answer = simulation.decide(&flow, &History::default()).unwrap();
    let egress = answer.layers.into_iter().find(|(layer, _)| *layer == Layer::CiliumEgress);
    egress.is_some_and(|(_, decision)| decision.outcome == Outcome::Allow)
}

type Expression = (&'static str, &'static str, Vec<&'static str>);

fn expression() -> impl Strategy<Value = Expression> {
    let key = select(vec!["a", "b", "c", "example.com/a"]);
    let operator = select(vec!["In", "NotIn", "Exists", "DoesNotExist"]);
    (key, operator, vec(select(vec!["1", "2", ""]), 1..3)).prop_map(|(key, operator, values)| {
        let values = if operator.ends_with("In") { values } else { Vec::new() };
        (key, operator, values)
    })
}

fn meets(labels: &BTreeMap<&str, &str>, (key, operator, values): &Expression) -> bool {
    let value = labels.get(key);
    match *operator {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        _ => value.is_none(),
    }
}

/// Parses a port as the agent does: the prefix of the number determines the base.
fn number(text: &str) -> Option<u16> {
    let octal = text.len() > 1 && text.starts_with('0');
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    u16::from_str_radix(text, if octal { 8 } else { 10 }).ok().filter(|_| digits)
}

/// Returns whether `text` is a service name: at most 15 letters, digits and single inner dashes, with a letter.
fn is_service_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let legal = bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    legal
        && (1..=15).contains(&bytes.len())
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn selector_matches_if_all_requirements_match(
        own in btree_map(select(vec!["a", "b", "example.com/a"]), select(vec!["1", "2", ""]), 0..3),
        equal in btree_map(select(vec!["a", "b", "c"]), select(vec!["1", "2", ""]), 0..2),
        expressions in vec(expression(), 0..3),
    ) {
        let written: Vec<Value> = expressions
            .iter()
            .map(|(key, operator, values)| json!({"key": key, "operator": operator, "values": values}))
            .collect();
        let entry = json!({"toEndpoints": [{"matchLabels": equal, "matchExpressions": written}]});
        let objects = vec![policy("egress", &entry), pod("own", &json!({"end": "own"})), pod("other", &json!(own))];
        let cluster = cluster(objects);
        prop_assert_eq!(errors(&cluster), Vec::<String>::new());
        let naive = equal.iter().all(|(key, value)| own.get(key) == Some(value))
            && expressions.iter().all(|expression| meets(&own, expression));
        let got = passes(&cluster, EndpointRef::Workload("shop/other".to_owned()), Protocol::Tcp, 80);
        prop_assert_eq!(got, naive);
    }

    #[test]
    fn port_rule_matches_its_range_and_protocol(
        list in vec((0u16..6, 0i32..8, select(vec!["", "ANY", "TCP", "UDP", "SCTP"])), 1..4),
        port in 1u16..8,
        protocol in select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp]),
    ) {
        let ports: Vec<Value> = list
            .iter()
            .map(|(first, last, protocol)| match *protocol {
                "" => json!({"port": first.to_string(), "endPort": last}),
                name => json!({"port": first.to_string(), "endPort": last, "protocol": name}),
            })
            .collect();
        let entry = json!({"toEndpoints": [{}], "toPorts": [{"ports": ports}]});
        let cluster =
            cluster(vec![policy("egress", &entry), pod("own", &json!({"end": "own"})), pod("other", &json!({}))]);
        prop_assert_eq!(errors(&cluster), Vec::<String>::new());
        let naive = list.iter().any(|(first, last, name)| {
            let speaks = match protocol {
                Protocol::Icmp => false,
                _ => matches!(*name, "" | "ANY") || Protocol::parse(name) == Some(protocol),
            };
            let last = u16::try_from(*last).unwrap_or(0).max(*first);
            speaks && (*first == 0 || (*first..=last).contains(&port))
        });
        let got = passes(&cluster, EndpointRef::Workload("shop/other".to_owned()), protocol, port);
        prop_assert_eq!(got, naive);
    }

    #[test]
    fn address_block_matches_its_prefix_without_exceptions(
        blocks in vec((any::<u32>(), 1u32..=32, vec((any::<u32>(), 0u32..8), 0..2)), 1..3),
        near in any::<prop::sample::Index>(),
        flipped in 0u32..32,
    ) {
        let same = |a: u32, b: u32, bits: u32| (a ^ b).checked_shr(32 - bits).unwrap_or(0) == 0;
        let text = |address: u32, bits: u32| format!("{}/{bits}", Ipv4Addr::from_bits(address));
        let mut items = Vec::new();
        let mut read = Vec::new();
        for (address, bits, holes) in &blocks {
            let hole = |(random, more): &(u32, u32)| {
                let bits_of_hole = (bits + more).min(32);
                let inside = (address & !u32::MAX.checked_shr(*bits).unwrap_or(0)) | (random & u32::MAX.checked_shr(*bits).unwrap_or(0));
                (inside, bits_of_hole)
            };
            let holes: Vec<(u32, u32)> = holes.iter().map(hole).collect();
            let except: Vec<String> = holes.iter().map(|(a, b)| text(*a, *b)).collect();
            items.push(json!({"cidr": text(*address, *bits), "except": except}));
            read.push((*address, *bits, holes));
        }
        let entry = json!({"toCIDRSet": items});
        let cluster = cluster(vec![policy("egress", &entry), pod("own", &json!({"end": "own"}))]);
        prop_assert_eq!(errors(&cluster), Vec::<String>::new());
        // An address that differs from one of the blocks in one bit.
        let address = near.get(&read).0 ^ (1 << flipped);
        let naive = read.iter().any(|(net, bits, holes)| {
            same(address, *net, *bits) && !holes.iter().any(|(hole, bits)| same(address, *hole, *bits))
        });
        let got = passes(&cluster, EndpointRef::Ip(Ipv4Addr::from_bits(address).into()), Protocol::Tcp, 80);
        prop_assert_eq!(got, naive);
    }

    #[test]
    fn port_is_valid_if_name_or_number(text in "[0-9a-fxX_-]{0,6}|[a-z0-9-]{0,17}|[0-9]{1,6}") {
        let entry = json!({"toEndpoints": [{}], "toPorts": [{"ports": [{"port": text, "protocol": "TCP"}]}]});
        let cluster =
            cluster(vec![policy("egress", &entry), pod("own", &json!({"end": "own"})), pod("other", &json!({}))]);
        let valid = errors(&cluster).is_empty();
        // Go accepts an underscore between digits only in numbers with a prefix for the base.
        let plain = !text.contains('_');
        if plain {
            prop_assert_eq!(valid, is_service_name(&text) || number(&text).is_some());
        }
        if plain && !is_service_name(&text) && let Some(port @ 1..) = number(&text) {
            let open = |port| passes(&cluster, EndpointRef::Workload("shop/other".to_owned()), Protocol::Tcp, port);
            prop_assert!(open(port));
            prop_assert!(!open(port.wrapping_add(1).max(1)));
        }
    }

    #[test]
    fn arbitrary_text_never_makes_validation_panic(
        key in "\\PC{0,12}", value in "\\PC{0,12}", cidr in "[0-9a-f.:/]{0,20}|\\PC{0,8}",
        port in "\\PC{0,8}", name in "\\PC{0,12}",
    ) {
        let entry = json!({
            "toEndpoints": [{"matchLabels": {key.clone(): value.clone()},
                "matchExpressions": [{"key": key, "operator": name.clone(), "values": [value]}]}],
            "toCIDR": [cidr.clone()], "toCIDRSet": [{"cidr": cidr.clone(), "except": [cidr]}],
            "toEntities": [name.clone()], "toFQDNs": [{"matchName": name.clone()}, {"matchPattern": name.clone()}],
            "toPorts": [{"ports": [{"port": port, "protocol": name.clone()}], "serverNames": [name.clone()],
                "rules": {"http": [{"path": name.clone(), "host": name.clone(), "headers": [name.clone()]}],
                    "dns": [{"matchPattern": name}]}}],
        });
        let mut resources = Resources::default();
        // Curly quotes are rejected before all other checks.
        if resources.add(policy("egress", &entry), Default::default()).is_ok() {
            lint::check(&Cluster::new(resources).0, &Options::default());
        }
    }
}
