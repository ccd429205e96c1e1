//! The interface of the DNS proxy and of `palisade fqdn`, which no case file uses
//! (docs/semantics/cilium.md#cilium-dns-decision).

use core::net::IpAddr;
use palisade::{
    CiliumVersion, Cluster, DnsAnswer, DnsRefusal, FqdnPattern, FqdnSet, Options, Protocol,
    flow::{
        DnsCode, DnsDecision, DnsLookup, DnsRequest, DnsVerdict, Event, Flow, History, LearnedAddresses,
        Simulation,
    },
    manifest,
    resource::Resources,
};

pub(crate) fn cluster(yaml: &str) -> Cluster {
    let mut resources = Resources::default();
    let findings = manifest::load("test.yaml", yaml, &mut resources);
    assert!(findings.is_empty(), "{findings:?}");
    Cluster::new(resources).0
}

const PODS: &str = "
{apiVersion: v1, kind: Pod, metadata: {name: good, namespace: foo, labels: {app: good}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: bad, namespace: foo, labels: {app: bad}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: dns, namespace: foo, labels: {app: dns}}, spec: {containers: [{name: c}]}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: good, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: good}}
  egress:
  - toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: '*.example.com'}]}}]
  - toFQDNs: [{matchName: www.example.com}, {matchPattern: '*.example.com'}, {matchName: a.example.com}, {matchPattern: '*.org'}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: bad, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: bad}}
  egress:
  - toPorts: [{ports: [{port: '53', protocol: TCP}], rules: {dns: [{matchPattern: '*'}]}}]
  - toPorts: [{ports: [{port: '53', protocol: TCP}], rules: {http: [{}]}}]
";

fn request(from: &str, name: &str) -> DnsRequest {
    DnsRequest {
        from: from.into(),
        server: None,
        port: 53,
        protocol: Protocol::Udp,
        questions: vec![name.into()],
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn denied_lookup_gets_configured_answer() {
    let cluster = cluster(PODS);
    let verdict_on = |options: Options, from: &str, name: &str| {
        let DnsDecision { verdict, .. } =
            Simulation::new(cluster.clone(), options).authorize_lookup(&request(from, name));
        verdict
    };
    let compat = Options::default;
    assert_eq!(verdict_on(compat(), "foo/good", "www.example.com"), DnsVerdict::Forward { observed: true });
    assert_eq!(verdict_on(compat(), "foo/good", "www.example.org"), DnsVerdict::Refuse(DnsCode::Refused));
    let mut options = compat();
    options.cilium.tofqdns_dns_reject_response_code = DnsRefusal::NameError;
    assert_eq!(verdict_on(options, "foo/good", "www.example.org"), DnsVerdict::Refuse(DnsCode::NxDomain));
    assert_eq!(verdict_on(compat(), "foo/bad", "www.example.com"), DnsVerdict::Refuse(DnsCode::ServFail));
}

#[test]
fn dns_answer_allows_each_address_once_per_matching_selector() {
    let cluster = cluster(PODS);
    let mut options = Options::default();
    options.cilium.tofqdns_min_ttl = 3600;
    let simulation = Simulation::new(cluster, options);
    let addresses = vec![ip("192.0.2.2"), ip("192.0.2.1"), ip("192.0.2.2")];
    let dns_answer = DnsAnswer { name: "www.example.com.".into(), addresses, ttl: 30 };
    let mut history = History::default();
    let recorded =
        simulation.observe_response(&mut history, &request("foo/good", "www.example.com"), &dns_answer);
    assert_eq!(
        recorded.expect("a pod"),
        LearnedAddresses {
            name: "www.example.com.".into(),
            addresses: vec![ip("192.0.2.1"), ip("192.0.2.2")],
            ttl: 3_600_000,
            labels: vec!["fqdn:*.example.com".into(), "fqdn:www.example.com".into()],
            refused: 0,
        }
    );
    let node = simulation.node_name("foo/good").expect("a pod");
    let change = history.next_change().expect("an address that expires");
    let saved = history.cache(&node).expect("the cache of the node").clone();
    history.wait_until(change - 1);
    assert_eq!(history.names(&node, ip("192.0.2.1")).count(), 1);
    history.wait_until(change);
    assert_eq!(history.names(&node, ip("192.0.2.1")).count(), 0);
    assert_eq!(history.next_change(), None);
    history.restore(&node, saved);
    assert_eq!(history.names(&node, ip("192.0.2.1")).count(), 1);
}

#[test]
fn lookup_without_port_uses_port_53() {
    let cluster = cluster(PODS);
    let simulation = Simulation::new(cluster, Options::default());
    let lookup = DnsLookup { query: "www.example.com".into(), record_type: "A".into() };
    let flow = Flow {
        port: None,
        protocol: Protocol::Udp,
        dns: Some(lookup),
        ..Flow::new("foo/good", "foo/dns", 0)
    };
    let decided = simulation.decide(&flow, &History::default()).expect("a lookup");
    assert_eq!(decided.verdict.to_string(), "allow");
    let error = simulation.decide(&Flow { dns: None, ..flow }, &History::default()).expect_err("no port");
    assert_eq!((error.to_string(), error.help()), ("UDP without a port".into(), "add the destination port"));
    let mut history = History::default();
    let event = Event::Connect { from: "foo/gone".into(), to: ip("192.0.2.1") };
    assert!(simulation.apply(&mut history, &event).is_err());
}

#[test]
fn explanation_states_why_a_name_pattern_does_not_match() {
    let new = |text: &str, version| {
        let mut options = Options::default();
        options.cilium.version = version;
        FqdnPattern::new(text, &options).expect(text)
    };
    for (pattern, name, why) in [
        ("*.x.io", "x.io", "the pattern has 3 labels and the name 2: a star does not match a dot"),
        ("**x.io", "a.x.io", "the pattern has 2 labels and the name 3: a star does not match a dot"),
        ("www.x.io", "w.x.io", "`www` does not match the label `w`"),
        ("*.y.io", "a.x.io", "`y` does not match the label `x`"),
        ("a*.x.io", "b.x.io", "`a*` does not match the label `b`"),
        ("a*.y.io", "ab.x.io", "`y` does not match the label `x`"),
        ("**.x.io", "x.io", "a leading `**.` matches at least one whole label, and the name has none there"),
        ("**.x.io", "a.y.io", "the name does not end with the labels of `**.x.io`"),
        ("**.x.io", "a.b.y.io", "the name does not end with the labels of `**.x.io`"),
        ("*.x.io", "a b.x.io", "a pattern matches no name with the character ` `"),
    ] {
        assert_eq!(
            new(pattern, CiliumVersion::V1_20).mismatch(name).as_deref(),
            Some(why),
            "{pattern} {name}"
        );
    }
    let older = new("**.x.io", CiliumVersion::V1_18).mismatch("a.b.x.io");
    assert_eq!(
        older.as_deref(),
        Some("the pattern has 3 labels and the name 4: a star does not match a dot")
    );
    assert_eq!(new("*.x.io", CiliumVersion::V1_20).mismatch("a.x.io"), None);
    let set = FqdnSet::new(&[new("*.x.io", CiliumVersion::V1_20)]);
    assert!(set.matches("a.x.io.") && !set.matches("x.io."));
}
