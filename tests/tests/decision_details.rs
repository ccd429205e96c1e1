//! The details of a decision: the status of a denial, the dry run, warnings, and the evaluated rules.

use crate::lookups::cluster;
use core::net::IpAddr;
use palisade::{
    Cluster, Direction, NetworkProgram, Options,
    flow::{
        EndpointRef, Flow, FlowDecision, FlowExplanation, FlowSource, History, HttpRequest, Simulation, Tls,
    },
    ir::Effect,
};

const PODS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: foo, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: foo, labels: {app: web}}, status: {podIP: 10.0.0.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: foo, labels: {app: db}}, status: {podIP: 10.0.0.2}}
---
{apiVersion: v1, kind: Pod, metadata: {name: names, namespace: foo, labels: {app: names}}, status: {podIP: 10.0.0.3}}
---
{apiVersion: v1, kind: Pod, metadata: {name: no-lookup, namespace: foo, labels: {app: no-lookup}}, status: {podIP: 10.0.0.4}}
---
{apiVersion: v1, kind: Pod, metadata: {name: secret, namespace: foo, labels: {app: secret}}, status: {podIP: 10.0.0.5}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: foo}
specs:
- endpointSelector: {matchLabels: {app: web}}
  egress:
  - toEndpoints: [{matchLabels: {app: db}}]
    toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET}, {method: POST}, {method: PUT}]}}]
  - toCIDR: [192.0.2.0/24]
    toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [x.io]}]
- endpointSelector: {matchLabels: {app: web}}
  egress:
  - toCIDR: [198.51.100.0/24]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: names}}
  ingress: [{}, {fromEndpoints: [{}], toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET}]}}]}]
  egress:
  - toFQDNs: [{matchName: a.io}, {matchName: b.io}]
  - toCIDR: [198.51.100.0/24]
  - toPorts: [{ports: [{port: '53', protocol: UDP}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: no-lookup, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: no-lookup}}
  egress:
  - toFQDNs: [{matchName: a.io}]
  - toPorts: [{ports: [{port: '53', protocol: UDP}], rules: {dns: [{matchName: b.io}]}}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: secret, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: secret}}
  egress: [{toPorts: [{ports: [{port: '443', protocol: TCP}], terminatingTLS: {secret: {name: gone}}}]}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: names, namespace: foo}
spec: {selector: {matchLabels: {app: names}}, mtls: {mode: DISABLE}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: dry, namespace: foo, annotations: {istio.io/dry-run: 'true'}}
spec: {selector: {matchLabels: {app: db}}, action: DENY, rules: [{to: [{operation: {paths: [/dry]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: wet, namespace: foo}
spec: {selector: {matchLabels: {app: db}}, action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}]}
";

fn ip(text: &str) -> EndpointRef {
    EndpointRef::Ip(text.parse::<IpAddr>().expect("an address"))
}

fn http_flow(method: &str, tls: bool) -> Flow {
    Flow {
        http: Some(HttpRequest::new(method, "/dry", "db")),
        tls: tls.then(|| Tls { sni: Some("db".into()) }),
        ..Flow::new("foo/web", "foo/db", 80)
    }
}

fn explain(cluster: &Cluster, flow: &Flow) -> FlowExplanation {
    let simulation = Simulation::new(cluster.clone(), Options::default());
    simulation.explain(flow, &History::default()).expect("a flow")
}

fn decide(cluster: &Cluster, flow: &Flow) -> FlowDecision {
    explain(cluster, flow).decision
}

#[test]
fn denial_by_proxy_has_a_status() {
    let cluster = cluster(PODS);
    let evaluated = |flow: &Flow| {
        let decision = decide(&cluster, flow);
        (decision.verdict.to_string(), decision.status, decision.shadow.is_some())
    };
    // Cilium's proxy, TLS that it cannot decrypt, Istio's proxy, and an allowed request.
    assert_eq!(evaluated(&http_flow("DELETE", false)), ("deny".into(), Some(403), false));
    assert_eq!(evaluated(&http_flow("GET", true)), ("deny".into(), None, false));
    assert_eq!(evaluated(&http_flow("PUT", false)), ("deny".into(), Some(403), true));
    assert_eq!(evaluated(&http_flow("GET", false)), ("allow".into(), None, true));
    let wrong_name = Flow {
        to: ip("192.0.2.1"),
        tls: Some(Tls { sni: Some("y.io".into()) }),
        ..Flow::new("foo/web", "", 443)
    };
    assert_eq!(evaluated(&wrong_name), ("deny".into(), None, false));
}

#[test]
fn warning_reports_missing_dns_rule_if_relevant() {
    let cluster = cluster(PODS);
    let notes = |to: EndpointRef| decide(&cluster, &Flow { to, ..Flow::new("foo/names", "", 443) }).notes;
    let notes_for = |name: &str| notes(EndpointRef::Fqdn { name: name.into(), ip: None });
    let lost = "never has an address: without `rules.dns` on port 53";
    let [note] = &notes(ip("203.0.113.1"))[..] else { panic!("one note") };
    assert!(note.contains(lost), "{note}");
    let [unseen, note] = &notes_for("b.io")[..] else { panic!("two notes") };
    assert!(
        unseen.contains("the lookup of `b.io` is allowed but does not pass the DNS proxy")
            && note.contains(lost)
    );
    assert_eq!(notes_for("c.io").len(), 1, "another name");
    assert!(notes(ip("198.51.100.1")).is_empty(), "an address that is open");
    assert!(notes(EndpointRef::Workload("foo/db".into())).is_empty(), "a pod has no name");
    let without_lookup = Flow { to: ip("203.0.113.1"), ..Flow::new("foo/no-lookup", "", 443) };
    let [note] = &decide(&cluster, &without_lookup).notes[..] else { panic!("one note") };
    assert!(note.contains("no DNS rule lets the pod ask for it"), "{note}");
    let from = FlowSource { endpoint: ip("203.0.113.1"), mtls: None, certificate: None, mesh: None };
    let inwards = Flow { from, ..Flow::new("", "foo/names", 443) };
    assert!(decide(&cluster, &inwards).notes.is_empty(), "the other direction");
}

#[test]
fn trace_contains_each_rule_once_with_its_failing_stage() {
    let cluster = cluster(PODS);
    let sni = |name: &str| Flow {
        to: ip("192.0.2.1"),
        tls: Some(Tls { sni: Some(name.into()) }),
        ..Flow::new("foo/web", "", 443)
    };
    let rules = |flow: &Flow| {
        let [egress, ..] = &explain(&cluster, flow).layers[..] else { panic!("four layers") };
        let traces = egress.rules.iter();
        let evaluated: Vec<_> = traces.map(|t| (t.id.to_string(), t.effect.clone(), t.matched)).collect();
        let near = egress.nearest_miss().map(|t| (t.id.to_string(), t.failures.clone()));
        (evaluated, near)
    };
    let id = |rule| format!("CiliumNetworkPolicy/foo/web#egress[{rule}]");
    let (evaluated, near) = rules(&sni("y.io"));
    assert_eq!(
        evaluated,
        [(id(0), Effect::Allow, false), (id(1), Effect::Allow, false), (id(2), Effect::Allow, false)]
    );
    let (rule, failures) = near.expect("a rule that nearly let it pass");
    assert_eq!(rule, id(1));
    let [failure] = &failures[..] else { panic!("one failure: {failures:?}") };
    assert_eq!((&failure.required[..], &failure.actual[..]), (&["x.io".into()][..], &["y.io".into()][..]));
    let (evaluated, _) = rules(&sni("x.io"));
    assert_eq!(evaluated[1], (id(1), Effect::Allow, true));
}

#[test]
fn warning_names_policy_of_several_rules_once() {
    let cluster = cluster(PODS);
    let workload = cluster.workload("foo/web").expect("a pod");
    let program = NetworkProgram::compile(&cluster, workload, &Options::default());
    let names = |direction| {
        program.policies(direction).iter().map(|p| format!("{}/{}", p.namespace, p.name)).collect::<Vec<_>>()
    };
    assert_eq!(names(Direction::Egress), ["foo/web"]);
    assert!(names(Direction::Ingress).is_empty());
}

#[test]
fn trace_contains_default_deny_rule_once() {
    let cluster = cluster(PODS);
    let [_, ingress, ..] = &explain(&cluster, &Flow::new("foo/db", "foo/names", 80)).layers[..] else {
        panic!("four layers")
    };
    let rules: Vec<u32> = ingress.rules.iter().map(|t| t.id.rule).collect();
    assert_eq!(rules.iter().filter(|rule| **rule == 0).count(), 1, "{rules:?}");
}

#[test]
fn warning_names_missing_secret() {
    let decision = decide(&cluster(PODS), &Flow { to: ip("192.0.2.1"), ..Flow::new("foo/secret", "", 443) });
    assert_eq!(decision.verdict.to_string(), "policy-error");
    assert!(decision.decided_by.1.to_string().contains("there is no Secret `foo/gone`"), "{decision:?}");
}

#[test]
fn connection_reports_tls_termination() {
    let cluster = cluster(PODS);
    let simulation = Simulation::new(cluster, Options::default());
    let mtls = |to: &str| {
        let mut flow = Flow::new("foo/web", to, 80);
        flow.from.mtls = Some(true);
        simulation.mesh_request(&flow).expect("a flow").expect("a proxy").mtls
    };
    assert!(mtls("foo/db"));
    assert!(!mtls("foo/names"), "the bytes go on as they are");
}
