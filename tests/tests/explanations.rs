//! Explanations name the field that the policy states, with its values and those of the request.

use core::net::IpAddr;
use palisade::{
    Cluster, Options, PolicySet, Request, RuleTrace, TestTrace, Workload, near_denials, nearest_miss,
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
    assert_eq!(nearest_miss(&all).map(|trace| trace.id.rule), Some(1), "of the two");
}
