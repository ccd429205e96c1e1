use super::*;
use crate::{
    Cluster, DecidedBy, DefaultReason, Options, Outcome, Protocol, Verdict, manifest, resource::Resources,
};
use alloc::{format, string::ToString, sync::Arc, vec::Vec};
use core::net::IpAddr;

/// Threads can share each of these.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Simulation>();
    is_shared::<DnsPolicy>();
    is_shared::<History>();
};

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
status: {podIP: 10.0.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: foo, labels: {app: a}}
spec: {nodeName: one}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: foo, labels: {app: a}}
spec: {nodeName: two}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: foo}
spec:
  endpointSelector: {}
";

const SERVER: &str = "{matchLabels: {'k8s:io.kubernetes.pod.namespace': kube-system, k8s-app: kube-dns}}";

fn cluster(rest: &str) -> Arc<Cluster> {
    let mut resources = Resources::default();
    let text = format!("{PODS}{}", rest.replace("SERVER", SERVER));
    assert_eq!(manifest::load("p.yaml", &text, &mut resources), []);
    Arc::new(Cluster::new(resources).0)
}

fn names(rest: &str) -> Arc<Cluster> {
    let ports = "[{ports: [{port: '53', protocol: UDP}], rules: {dns: [{matchPattern: '*.x.io'}]}}]";
    cluster(&format!("  egress:\n  - {{toEndpoints: [SERVER], toPorts: {ports}}}\n{rest}"))
}

fn lookup(name: &str, protocol: Protocol) -> Flow {
    let dns = Some(DnsLookup { query: name.to_string(), record_type: "A".to_string() });
    Flow { protocol, dns, ..Flow::new("foo/a", "kube-system/dns", 53) }
}

fn answer(from: &str, name: &str, learned: bool) -> Event {
    Event::Dns(Lookup {
        query: name.to_string(),
        from: Some(from.to_string()),
        answers: [address()].into(),
        ttl: 10,
        cname: Vec::new(),
        rcode: None,
        server: None,
        learned,
    })
}

fn address() -> IpAddr {
    IpAddr::from([198, 51, 100, 7])
}

fn outcome(cluster: &Arc<Cluster>, flow: &Flow) -> Outcome {
    let simulation = Simulation::new(cluster.clone(), Options::default());
    let decision = simulation.decide(flow, &History::default()).unwrap();
    decision.layers[0].1.outcome
}

#[test]
fn other_rule_for_dns_server_does_not_lift_dns_rule() {
    let raw = Flow { protocol: Protocol::Udp, ..Flow::new("foo/a", "kube-system/dns", 53) };
    for other in ["", "  - {toEndpoints: [SERVER]}", "  - {toPorts: [{ports: [{port: '50', endPort: 60}]}]}"]
    {
        let cluster = names(other);
        assert_eq!(outcome(&cluster, &lookup("A.X.io", Protocol::Udp)), Outcome::Allow, "{other}");
        assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Udp)), Outcome::Deny, "{other}");
        assert_eq!(outcome(&cluster, &raw), Outcome::NeedsRequest, "{other}");
        let by_tcp = if other.is_empty() { Outcome::Deny } else { Outcome::Allow };
        assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Tcp)), by_tcp, "{other}");
    }
}

#[test]
fn plain_rule_for_same_port_lifts_dns_rule() {
    let cluster = names("  - {toPorts: [{ports: [{port: '53'}]}]}");
    assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Udp)), Outcome::Allow);
}

#[test]
fn dns_rule_without_default_deny_allows_every_name() {
    let cluster = names("  enableDefaultDeny: {egress: false}");
    assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Udp)), Outcome::Allow);
    let mut options = Options::default();
    options.cilium.version = crate::CiliumVersion::V1_17;
    let simulation = Simulation::new(cluster, options);
    let decision = simulation.decide(&lookup("y.io", Protocol::Udp), &History::default()).unwrap();
    assert_eq!(decision.layers[0].1.outcome, Outcome::Deny);
}

#[test]
fn learned_address_is_allowed_until_expiry() {
    let cluster = names("  - {toFQDNs: [{matchPattern: '*.x.io'}]}");
    let simulation = Simulation::new(cluster, Options::default());
    let mut history = History::default();
    let to = |from: &str| Flow { to: EndpointRef::Ip(address()), ..Flow::new(from, "", 443) };
    let verdict = |history: &History, from| simulation.decide(&to(from), history).unwrap().verdict;
    let apply = |history: &mut History, event| simulation.apply(history, &event).unwrap();
    assert_eq!(verdict(&history, "foo/a"), Verdict::Deny);
    apply(&mut history, answer("foo/a", "y.io", false));
    assert_eq!(verdict(&history, "foo/a"), Verdict::Deny, "a refused lookup adds no address");
    apply(&mut history, answer("foo/a", "a.x.io", false));
    assert_eq!(verdict(&history, "foo/a"), Verdict::Allow);
    assert_eq!(verdict(&history, "foo/b"), Verdict::Deny, "each node has its own cache");
    apply(&mut history, Event::Connect { from: "foo/a".to_string(), to: address() });
    apply(&mut history, Event::Wait(60_000));
    assert_eq!(verdict(&history, "foo/a"), Verdict::Allow, "an open connection keeps the address");
    apply(&mut history, Event::Close { from: "foo/a".to_string(), to: address() });
    assert_eq!(verdict(&history, "foo/a"), Verdict::Deny);
    apply(&mut history, answer("foo/a", "a.x.io", false));
    assert_eq!(verdict(&history, "foo/a"), Verdict::Allow);
}

#[test]
fn connection_to_name_begins_with_lookup() {
    let cluster = names("  - {toFQDNs: [{matchPattern: '*'}]}");
    let simulation = Simulation::new(cluster, Options::default());
    let to = |name: &str| {
        let to = EndpointRef::Fqdn { name: name.to_string(), ip: None };
        let flow = Flow { to, ..Flow::new("foo/a", "", 443) };
        simulation.decide(&flow, &History::default()).unwrap()
    };
    assert_eq!(to("a.x.io").verdict, Verdict::Allow);
    let refused = to("y.io");
    assert_eq!(refused.decided_by.1, DecidedBy::Default(DefaultReason::LookupRefused));
    assert_eq!(
        refused.notes,
        ["the lookup of `y.io` at kube-system/dns is refused: CiliumNetworkPolicy/foo/p#egress[0]"]
    );
}

#[test]
fn fqdn_without_dns_rule_is_reported() {
    let cluster = cluster("  egress:\n  - {toEndpoints: [SERVER]}\n  - {toFQDNs: [{matchName: a.x.io}]}");
    let findings = crate::lint::check(&cluster, &Options::default());
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.code, "fqdn-without-dns-rule");
    assert_eq!(finding.path, "spec.egress[1].toFQDNs");
    let to = EndpointRef::Fqdn { name: "a.x.io".to_string(), ip: None };
    let flow = Flow { to, ..Flow::new("foo/a", "", 443) };
    let simulation = Simulation::new(cluster, Options::default());
    let decision = simulation.decide(&flow, &History::default()).unwrap();
    assert!(decision.notes[1].contains("rules: {dns: [{matchName: \"a.x.io\"}]}"), "{:?}", decision.notes);
}

#[test]
fn simulation_is_shared_by_threads() {
    let simulation = Simulation::new(names("  - {toFQDNs: [{matchPattern: '*.x.io'}]}"), Options::default());
    let flows = [lookup("a.x.io", Protocol::Udp), lookup("y.io", Protocol::Udp)];
    let alone = flows.each_ref().map(|flow| simulation.decide(flow, &History::default()));
    let shared = Simulation::new(simulation.cluster().clone(), Options::default());
    std::thread::scope(|threads| {
        let decide = || flows.each_ref().map(|flow| shared.decide(flow, &History::default()));
        for thread in [(); 4].map(|()| threads.spawn(decide)) {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn decision_equals_decision_of_explanation() {
    let simulation = Simulation::new(names("  - {toFQDNs: [{matchPattern: '*.x.io'}]}"), Options::default());
    let to = EndpointRef::Fqdn { name: "y.io".to_string(), ip: None };
    let to_name = Flow { to, ..Flow::new("foo/a", "", 443) };
    for flow in [lookup("a.x.io", Protocol::Udp), lookup("y.io", Protocol::Udp), to_name] {
        let explanation = simulation.explain(&flow, &History::default()).unwrap();
        assert_eq!(simulation.decide(&flow, &History::default()).unwrap(), explanation.decision);
        assert!(!explanation.layers[0].rules.is_empty());
    }
}
