//! Explanations name the field that the policy states, with its values and those of the request.

use crate::lookups::cluster;
use core::net::IpAddr;
use palisade::{
    Cluster, Options, PolicySet, Request, RuleTrace, TestTrace, Workload,
    flow::{EndpointRef, Flow, History, HttpRequest, Simulation, Tls},
    near_denials,
    resource::Resources,
};
use serde_json::{Map, Value, json};

/// Returns the traces of an AuthorizationPolicy of the namespace `foo` with `rule`, for a typical request.
fn traces(action: &str, rule: &Value) -> Vec<RuleTrace> {
    let mut resources = Resources::default();
    let policy = json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "p", "namespace": "foo"},
        "spec": {"action": action, "rules": [{"from": [{"source": {"namespaces": ["unused"]}}]}, rule]},
    });
    resources.add(policy, Default::default()).expect("a policy");
    let (cluster, _) = Cluster::new(resources);
    let workload = Workload::new("foo", [("app", "web")], "web");
    let set = PolicySet::compile(&cluster, &workload, &Options::default());
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    let claims: Map<String, Value> = [
        ("iss", json!("issuer")),
        ("sub", json!("subject")),
        ("aud", json!(["a1"])),
        ("groups", json!(["g1"])),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let metadata: Map<String, Value> =
        [("envoy.filters.http.m".to_owned(), json!({"k": "v1"}))].into_iter().collect();
    let request = Request {
        method: Some(b"GET"),
        path: Some(b"/seen?q"),
        authority: Some(b"seen.example"),
        headers: &[("x-token", b"t1")],
        claims: Some(&claims),
        metadata: Some(&metadata),
        identities: &[b"spiffe://cluster.local/ns/bar/sa/sleep"],
        source_ip: Some(ip("10.0.0.1")),
        remote_ip: Ok(Some(ip("192.0.2.1"))),
        destination_ip: Some(ip("10.0.0.2")),
        destination_port: Some(8080),
        server_name: Some(b"sni.example"),
        ..Request::default()
    };
    set.http().explain(&request)
}

/// Returns the trace of the second rule.
fn trace(action: &str, rule: &Value) -> RuleTrace {
    traces(action, rule).into_iter().find(|trace| trace.id.rule == 1).expect("the second rule")
}

/// Returns the only failed test of an ALLOW rule.
fn failure(rule: &Value) -> (TestTrace, String) {
    let trace = trace("ALLOW", rule);
    let [failure] = &trace.failures[..] else { panic!("one failure of {rule}: {:?}", trace.failures) };
    (failure.clone(), failure.path(&trace.id))
}

#[test]
fn failed_test_names_every_field_of_an_authorization_policy() {
    let identity = "spiffe://cluster.local/ns/bar/sa/sleep";
    for (part, field, required, matching, actual) in [
        ("source", "principals", "cluster.local/ns/other/sa/x", "cluster.local/ns/bar/sa/sleep", identity),
        ("source", "requestPrincipals", "other/*", "issuer/subject", "issuer/subject"),
        ("source", "serviceAccounts", "other/x", "bar/sleep", identity),
        ("source", "namespaces", "other", "bar", identity),
        ("source", "trustDomains", "other.org", "cluster.local", identity),
        ("source", "remoteIpBlocks", "198.51.100.0/24", "192.0.2.0/24", "192.0.2.1"),
        ("source", "ipBlocks", "198.51.100.0/24", "10.0.0.0/8", "10.0.0.1"),
        ("operation", "hosts", "other.example", "seen.example", "seen.example"),
        ("operation", "methods", "POST", "GET", "GET"),
        ("operation", "paths", "/other*", "/seen", "/seen"),
        ("operation", "ports", "80", "8080", "8080"),
    ] {
        let (list, not) =
            (if part == "source" { "from" } else { "to" }, field[..1].to_uppercase() + &field[1..]);
        let rule = |name: &str, value: &str| json!({list: [{part: {name: [value]}}]});
        let (test, path) = failure(&rule(field, required));
        assert_eq!(test.place(), format!("{list}[0].{part}.{field}"));
        assert_eq!(path, format!("spec.rules[1].{list}[0].{part}.{field}"));
        assert_eq!(
            (&test.required[..], &test.actual[..], test.negated),
            (&[required.to_owned()][..], &[actual.to_owned()][..], false)
        );
        let (test, _) = failure(&rule(&format!("not{not}"), matching));
        assert_eq!(test.place(), format!("{list}[0].{part}.not{not}"));
        assert_eq!(
            (&test.required[..], &test.actual[..], test.negated),
            (&[matching.to_owned()][..], &[actual.to_owned()][..], true)
        );
    }
}

#[test]
fn failed_test_names_every_condition_key() {
    let identity = "spiffe://cluster.local/ns/bar/sa/sleep";
    for (key, attribute, required, matching, actual, is_sensitive) in [
        ("request.headers[x-token]", "header `x-token`", "t2", "t1", "t1", true),
        ("source.ip", "source IP", "198.51.100.0/24", "10.0.0.0/8", "10.0.0.1", false),
        ("remote.ip", "remote IP", "198.51.100.0/24", "192.0.2.0/24", "192.0.2.1", false),
        ("source.namespace", "peer identity", "other", "bar", identity, false),
        ("source.principal", "peer identity", "x", "cluster.local/ns/bar/sa/sleep", identity, false),
        ("source.serviceAccount", "peer identity", "other/x", "bar/sleep", identity, false),
        ("source.trustDomain", "peer identity", "other.org", "cluster.local", identity, false),
        ("request.auth.principal", "request principal", "a/b", "issuer/subject", "issuer/subject", true),
        ("request.auth.audiences", "claim `aud`", "a2", "a1", "a1", true),
        ("request.auth.claims[groups]", "claim `groups`", "g2", "g1", "g1", true),
        ("destination.ip", "destination IP", "198.51.100.0/24", "10.0.0.0/8", "10.0.0.2", false),
        ("destination.port", "port", "80", "8080", "8080", false),
        ("connection.sni", "SNI", "other", "sni.example", "sni.example", false),
        (
            "experimental.envoy.filters.http.m[k]",
            "metadata `envoy.filters.http.m`[k]",
            "v2",
            "v1",
            "v1",
            true,
        ),
    ] {
        let rule = |name: &str, value: &str| json!({"when": [{"key": key, name: [value]}]});
        let (test, path) = failure(&rule("values", required));
        assert_eq!(test.place(), format!("when[0].values ({attribute})"));
        assert_eq!(path, "spec.rules[1].when[0].values");
        assert_eq!(
            (&test.required[..], &test.actual[..]),
            (&[required.to_owned()][..], &[actual.to_owned()][..]),
            "{key}"
        );
        assert_eq!(test.attribute.is_sensitive(), is_sensitive, "{key}");
        let (test, path) = failure(&rule("notValues", matching));
        assert_eq!(path, "spec.rules[1].when[0].notValues");
        assert_eq!(
            (&test.required[..], &test.actual[..]),
            (&[matching.to_owned()][..], &[actual.to_owned()][..]),
            "{key}"
        );
    }
}

#[test]
fn values_are_those_of_the_policy_even_if_aliases_widen_them() {
    let (test, _) = failure(&json!({"from": [{"source": {"principals": ["*/sa/x", "a/*"]}}]}));
    assert_eq!(test.required, ["*/sa/x", "a/*"]);
    let (test, _) = failure(&json!({"to": [{"operation": {"methods": ["PUT", "POST", "PUT"]}}]}));
    assert_eq!(test.required, ["PUT", "POST", "PUT"]);
}

#[test]
fn matching_deny_rule_lists_the_values_that_matched() {
    let rule = json!({"from": [{"source": {"namespaces": ["bar"]}}], "to": [{"operation": {"methods": ["GET", "PUT"]}}]});
    let trace = trace("DENY", &rule);
    assert!(trace.matched && trace.failures.is_empty());
    let shown: Vec<(String, &[String])> = trace.matches.iter().map(|t| (t.place(), &t.actual[..])).collect();
    let identity = ["spiffe://cluster.local/ns/bar/sa/sleep".to_owned()];
    assert_eq!(
        shown,
        [
            ("from[0].source.namespaces".to_owned(), &identity[..]),
            ("to[0].operation.methods".to_owned(), &["GET".to_owned()][..]),
        ]
    );
}

#[test]
fn deny_rule_with_one_failed_test_is_a_near_denial() {
    let rule =
        json!({"from": [{"source": {"namespaces": ["bar"]}}], "to": [{"operation": {"methods": ["PUT"]}}]});
    let all = traces("DENY", &rule);
    let near = near_denials(&all);
    assert_eq!(near.iter().map(|trace| trace.id.rule).collect::<Vec<_>>(), [1]);
    let far =
        json!({"from": [{"source": {"namespaces": ["other"]}}], "to": [{"operation": {"methods": ["PUT"]}}]});
    assert!(near_denials(&traces("DENY", &far)).is_empty());
    assert!(near_denials(&traces("ALLOW", &rule)).is_empty());
}

const NETWORK_POLICIES: &str = "
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: foo, labels: {app: web}}, status: {podIP: 10.0.0.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: foo, labels: {app: db}}, status: {podIP: 10.0.0.2}}
---
{apiVersion: v1, kind: Service, metadata: {name: db, namespace: foo}, spec: {selector: {app: db}, ports: [{port: 80}]}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: foo}
specs:
- endpointSelector: {matchLabels: {app: other}}
  egress: [{toEntities: [host]}]
- endpointSelector: {matchLabels: {app: web}}
  egress:
  - toEndpoints: [{matchLabels: {app: db}}]
  - toCIDR: [10.0.0.0/8, 192.0.2.0/24]
  - toCIDRSet: [{cidr: 192.0.2.0/24}, {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]
  - toEntities: [cluster, host]
  - toFQDNs: [{matchName: a.io}, {matchPattern: '*.b.io'}]
  - toServices: [{k8sService: {serviceName: db, namespace: foo}}]
  - {toEntities: [world], toPorts: [{ports: [{port: '80', protocol: TCP}]}]}
  - {toEntities: [world], icmps: [{fields: [{type: 8, family: IPv4}]}]}
  - {toEntities: [world], toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [x.io]}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - fromEndpoints: [{}]
    toPorts:
    - {ports: [{port: '80', protocol: TCP}], rules: {http: [{method: PUT, path: /a, host: x}, {method: GET, path: /b, headers: [x-token t1]}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: foo}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: none}}}], ports: [{port: 80}]}]
";

/// Returns path, required and actual values of the failed tests of each rule of `layer`.
fn failures(flow: &Flow, layer: usize) -> Vec<Vec<(String, String, String)>> {
    let simulation = Simulation::new(cluster(NETWORK_POLICIES), Options::default());
    let explanation = simulation.explain(flow, &History::default()).expect("a flow");
    let rules = explanation.layers[layer].rules.iter().map(|rule| {
        let test = |test: &TestTrace| (test.path(&rule.id), test.required.join(", "), test.actual.join(", "));
        rule.failures.iter().map(test).collect()
    });
    rules.collect()
}

#[test]
fn failed_test_names_every_field_of_a_cilium_egress_rule() {
    let to = EndpointRef::Ip("203.0.113.9".parse().expect("an address"));
    let tls = Some(Tls { sni: Some("y.io".into()) });
    let rules = failures(&Flow { to, tls, ..Flow::new("foo/web", "", 443) }, 0);
    let found: Vec<(&str, &str)> =
        rules.iter().flatten().map(|(path, required, _)| (path.as_str(), required.as_str())).collect();
    for expected in [
        ("specs[1].egress[0].toEndpoints", "app=db namespace=foo"),
        ("specs[1].egress[1].toCIDR", "10.0.0.0/8, 192.0.2.0/24"),
        ("specs[1].egress[2].toCIDRSet[0]", "192.0.2.0/24"),
        ("specs[1].egress[2].toCIDRSet[1]", "10.0.0.0/8"),
        ("specs[1].egress[3].toEntities", "cluster, host"),
        ("specs[1].egress[4].toFQDNs", "a.io, *.b.io"),
        ("specs[1].egress[5].toServices", "app=db namespace=foo"),
        ("specs[1].egress[6].toPorts[0].ports", "TCP/80"),
        ("specs[1].egress[7].icmps[0].fields", "ICMP/8"),
        ("specs[1].egress[8].toPorts[0].serverNames", "x.io"),
    ] {
        assert!(found.contains(&expected), "{expected:?} is not in {found:#?}");
    }
}

#[test]
fn failed_test_names_the_field_of_an_http_rule_and_of_a_network_policy_peer() {
    let http = HttpRequest::new("GET", "/c", "db");
    let rules = failures(&Flow { http: Some(http), ..Flow::new("foo/web", "foo/db", 80) }, 1);
    let found: Vec<&(String, String, String)> = rules.iter().flatten().collect();
    for (path, required, actual) in [
        ("spec.ingress[0].toPorts[0].rules.http[1].path", "/b", "/c"),
        ("spec.ingress[0].toPorts[0].rules.http[1].headers[0]", "x-token t1", ""),
        ("spec.ingress[0].from[0]", "app=none namespace=foo", "app=web, namespace=foo"),
    ] {
        let expected = (path.to_owned(), required.to_owned(), actual.to_owned());
        assert!(found.contains(&&expected), "{expected:?} is not in {found:#?}");
    }
}
