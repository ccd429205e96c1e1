//! The number of host calls of a request, for five kinds of policies. In Envoy, a call that returns bytes takes about
//! 0.7 microseconds, far more than a decision.

use super::{conformance, plugin, policy, request};
use palisade_harness::{Conformance, Connection, HostCalls, Plugin, Stream, Verdict};
use serde_json::{Value, json};

/// Returns the calls that read attributes of one request on the connection number `id`, by name.
fn calls(plugin: &mut Plugin, id: u64, allowed: bool) -> Vec<(&'static str, u64)> {
    let connection = Connection {
        id,
        tls: true,
        mtls: true,
        uri_sans: vec!["spiffe://cluster.local/ns/foo/sa/sleep".into()],
        server_name: "sample.foo".into(),
        ..Connection::default()
    };
    let stream = Stream { connection, ..Stream::default() };
    let answer = Conformance::http(plugin, stream, &request(&[]));
    assert_eq!(answer.verdict == Verdict::Allow, allowed, "{:?}", answer.verdict);
    let calls: HostCalls = answer.calls;
    calls.into_iter().filter(|(name, _)| name.starts_with("proxy_get")).collect()
}

fn with(rules: Value) -> Option<Plugin> {
    conformance().map(|conformance| plugin(conformance, json!([policy("allow", "ALLOW", rules)])))
}

#[test]
fn request_without_policies_reads_no_attribute() {
    let Some(conformance) = conformance() else { return };
    assert_eq!(calls(&mut plugin(conformance, json!([])), 1, true), []);
}

#[test]
fn rule_on_one_pseudo_header_reads_that_header() {
    let Some(mut plugin) = with(json!([{"to": [{"operation": {"methods": ["GET"]}}]}])) else { return };
    assert_eq!(calls(&mut plugin, 1, true), [("proxy_get_header_map_value", 1)]);
}

#[test]
fn rule_on_several_headers_reads_all_at_once() {
    let rules = json!([{"to": [{"operation": {"methods": ["GET"], "paths": ["/status"], "hosts": ["sample.foo"]}}],
                        "when": [{"key": "request.headers[x-a]", "notValues": ["b"]}]}]);
    let Some(mut plugin) = with(rules) else { return };
    assert_eq!(calls(&mut plugin, 1, true), [("proxy_get_header_map_pairs", 1)]);
}

#[test]
fn request_reads_its_connection_whatever_the_connection_id() {
    let rules = json!([{"from": [{"source": {"principals": ["cluster.local/ns/foo/sa/sleep"]}}],
                        "to": [{"operation": {"methods": ["GET"], "paths": ["/status"], "ports": ["8080"]}}],
                        "when": [{"key": "connection.sni", "values": ["sample.foo"]}]}]);
    let Some(mut plugin) = with(rules) else { return };

    // The URI name of the certificate, the port and the server name.
    let expected = [("proxy_get_header_map_pairs", 1), ("proxy_get_property", 3)];
    for id in [1, 1, 2] {
        assert_eq!(calls(&mut plugin, id, true), expected);
    }
    let connection = Connection { id: 1, ..Connection::default() };
    let stranger = Stream { connection, ..Stream::default() };
    let answer = Conformance::http(&mut plugin, stranger, &request(&[])).verdict;
    assert!(matches!(answer, Verdict::Deny { status: 403, .. }), "{answer:?}");
}

#[test]
fn attribute_that_no_candidate_rule_needs_is_not_read() {
    // Only a rule for another method needs the certificate.
    let rules = json!([{"from": [{"source": {"principals": ["cluster.local/ns/foo/sa/other"]}}],
                        "to": [{"operation": {"methods": ["PUT"]}}]}]);
    let Some(mut plugin) = with(rules) else { return };
    let denied = calls(&mut plugin, 1, false);
    assert!(denied.iter().map(|(_, n)| n).sum::<u64>() <= 5, "{denied:?}");
}
