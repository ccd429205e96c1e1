//! The shipped module in this host. `cargo xtask wasm` builds it; without it these tests are skipped.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the functions of a test fail it"
)]

mod calls;
mod provider;
mod telemetry;

use palisade_harness::{
    Conformance, Connection, ErrorKind, HeaderMap, HttpRequest, MeasuredVerdict, Node, Plugin, Stream,
    TrafficDirection, Verdict,
};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Returns the module, which the first call compiles: that takes seconds.
fn conformance() -> Option<&'static Conformance> {
    static COMPILED: OnceLock<Option<Conformance>> = OnceLock::new();
    COMPILED.get_or_init(load).as_ref()
}

fn load() -> Option<Conformance> {
    let wasm = std::fs::read(palisade_test_support::filter_module()?).unwrap();
    Some(Conformance::new(&wasm).unwrap())
}

fn policy(name: &str, action: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "foo"},
        "spec": {"action": action, "rules": rules},
    })
}

fn plugin(conformance: &Conformance, resources: Value) -> Plugin {
    configured(conformance, json!({"resources": resources}))
}

/// Returns a plugin of `foo/sample` whose configuration has the fields of `further`.
fn configured(conformance: &Conformance, further: Value) -> Plugin {
    let mut configuration = json!({
        "workload": {"namespace": "foo", "labels": {"app": "sample"}},
    });
    configuration.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    conformance.plugin(configuration.to_string().as_bytes(), Node::default()).unwrap()
}

fn request(headers: &[(&[u8], &[u8])]) -> HttpRequest {
    let pseudo: [(&[u8], &[u8]); 3] =
        [(b":method", b"GET"), (b":path", b"/status"), (b":authority", b"sample.foo")];
    let headers: HeaderMap =
        pseudo.iter().chain(headers).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    HttpRequest { headers, ..HttpRequest::default() }
}

fn details(answer: &MeasuredVerdict) -> &str {
    match &answer.verdict {
        Verdict::Deny { status: 403, details, body, .. } if body == b"RBAC: access denied" => details,
        other => panic!("{other:?}"),
    }
}

#[test]
fn invalid_configuration_is_refused_with_reason() {
    let Some(conformance) = conformance() else { return };

    for (configuration, reason) in [
        ("", "is empty"),
        ("not: [valid", "cannot be read"),
        (r#"{"workload": {"namespace": "a"}, "extra": 1}"#, "unknown field `extra`"),
        (r#"{"workload": "fromNode", "resources": []}"#, "NAMESPACE"),
        (r#"{"workload": {"namespace": "a"}, "resources": [{"kind": 1}]}"#, "`kind`"),
    ] {
        let error = conformance.plugin(configuration.as_bytes(), Node::default()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn header_with_invalid_utf8_neither_traps_nor_hides_another() {
    let Some(conformance) = conformance() else { return };
    let when = json!([{"when": [{"key": "request.headers[x-role]", "values": ["admin"]}]}]);
    let mut plugin = plugin(conformance, json!([policy("deny-role", "DENY", when)]));
    let mut send =
        |headers: &[(&[u8], &[u8])]| Conformance::http(&mut plugin, Stream::default(), &request(headers));

    assert_eq!(send(&[(b"x-role", b"\xff")]).verdict, Verdict::Allow);
    assert_eq!(send(&[(b"x-\xff", b"admin")]).verdict, Verdict::Allow);
    let denied = send(&[(b"x-other", b"\xff"), (b"x-role", b"user"), (b"x-role", b"admin")]);
    assert_eq!(details(&denied), "rbac_access_denied_matched_policy[ns[foo]-policy[deny-role]-rule[0]]");
    assert_eq!(send(&[]).verdict, Verdict::Allow);
}

#[test]
fn request_takes_one_header_call_and_the_attributes_of_its_rules() {
    let Some(conformance) = conformance() else { return };
    let rules = json!([{"from": [{"source": {"principals": ["cluster.local/ns/foo/sa/sleep"]}}],
                        "to": [{"operation": {"methods": ["GET"], "paths": ["/status*"]}}]}]);
    let mut plugin = plugin(conformance, json!([policy("allow", "ALLOW", rules)]));
    let sleep = Stream {
        connection: Connection {
            tls: true,
            mtls: true,
            uri_sans: vec!["spiffe://cluster.local/ns/foo/sa/sleep".into()],
            ..Connection::default()
        },
        direction: TrafficDirection::Inbound,
        ..Stream::default()
    };

    let allowed = Conformance::http(&mut plugin, sleep, &request(&[]));
    let plaintext = Conformance::http(&mut plugin, Stream::default(), &request(&[]));

    assert_eq!(allowed.verdict, Verdict::Allow);
    assert!(allowed.calls["proxy_get_header_map_pairs"] <= 1, "{:?}", allowed.calls);
    assert!(allowed.calls["proxy_get_property"] <= 3, "{:?}", allowed.calls);
    // The first decision of a policy defines its two counters.
    let defined = allowed.calls["proxy_define_metric"];
    assert!(defined <= 2 && allowed.host_calls() - defined <= 5, "{:?}", allowed.calls);
    assert_eq!(details(&plaintext), "rbac_access_denied_matched_policy[none]");
    assert_eq!(plugin.metrics().value("palisade.allowed"), Some(1));
    assert_eq!(plugin.metrics().value("palisade.denied"), Some(1));
}

#[test]
fn claim_is_matched_by_its_type_not_by_its_bytes() {
    let Some(conformance) = conformance() else { return };
    let when = json!([{"when": [{"key": "request.auth.claims[groups]", "values": ["admin"]}]}]);
    let mut plugin = plugin(conformance, json!([policy("admins", "ALLOW", when)]));
    let mut send = |groups: Value| {
        let metadata = json!({"envoy.filters.http.jwt_authn": {"payload": {"groups": groups}}});
        let stream = Stream { metadata: metadata.as_object().unwrap().clone(), ..Stream::default() };
        Conformance::http(&mut plugin, stream, &request(&[])).verdict == Verdict::Allow
    };

    assert!(send(json!(["user", "admin"])));
    assert!(send(json!("admin")));
    assert!(!send(json!(["user"])));
    assert!(!send(json!([["admin"]])));
    assert!(!send(json!("\u{1}\0\0\0\u{5}\0\0\0\0\0\0\0admin\0\0")));
    assert!(send(json!(["admin", null])));
}

#[test]
fn connection_with_tls_is_decided_after_its_handshake() {
    let Some(conformance) = conformance() else { return };
    let rules = json!([{"from": [{"source": {"namespaces": ["foo"]}}]}]);
    let mut plugin = plugin(conformance, json!([policy("same-namespace", "ALLOW", rules)]));
    let mut send = |uri: &str| {
        let connection =
            Connection { tls: true, mtls: true, uri_sans: vec![uri.to_owned()], ..Connection::default() };
        Conformance::tcp(&mut plugin, Stream { connection, ..Stream::default() }).verdict
    };

    assert_eq!(send("spiffe://cluster.local/ns/foo/sa/sleep"), Verdict::Allow);
    assert_eq!(send("spiffe://cluster.local/ns/bar/sa/sleep"), Verdict::Closed);
}
