//! The identity of a client, as far as Envoy shows it to a filter (SEMANTICS.md, known differences).

use super::{plugin, policy, shipped, status};
use palisade_envoy::{
    certs::{Authority, Names},
    client::Client,
    config::{Bootstrap, Http, Listener, Transport},
    process::Envoy,
};
use serde_json::json;

#[test]
fn filter_reads_the_first_name_of_each_kind() {
    let Some(module) = shipped() else { return };
    let mesh = Authority::new("cluster.local").unwrap();
    let server = mesh.issue(&Names::workload("cluster.local", "foo", "sample")).unwrap();
    let sleep = json!([{"from": [{"source": {"principals": ["cluster.local/ns/foo/sa/sleep"]}}]}]);
    let listener = |name: &str, profile: &str, action: &str| {
        let resources = json!([policy("sleep", action, sleep.clone())]);
        let plugin = plugin(&module, json!({"profile": profile, "resources": resources}));
        Listener::http(
            name,
            Transport::mutual_tls(&mesh, &server),
            Http::with_filters(vec![plugin.http_filter()]),
        )
    };
    let envoy = Envoy::start(&Bootstrap::new(vec![
        listener("allow", "compat", "ALLOW"),
        listener("deny", "compat", "DENY"),
        listener("strict-allow", "strict", "ALLOW"),
        listener("strict-deny", "strict", "DENY"),
    ]))
    .unwrap();
    let ask = |listener: &str, accounts: &[&str]| {
        let uri = |account: &&str| format!("spiffe://cluster.local/ns/foo/sa/{account}");
        let uris = accounts.iter().map(uri).collect();
        let identity = mesh.issue(&Names { uris, ..Names::default() }).unwrap();
        let client = Client::tls(envoy.port(listener).unwrap(), &mesh, Some(&identity)).unwrap();
        status(&client.request(super::head("GET", "/").as_bytes()).unwrap())
    };

    assert_eq!(ask("allow", &["sleep", "other"]), 200);
    assert_eq!(ask("allow", &["other", "sleep"]), 403);
    assert_eq!(ask("deny", &["other", "sleep"]), 200);
    // The filter cannot distinguish the two, so both are denied.
    assert_eq!(ask("strict-deny", &["other", "sleep"]), 403);
    assert_eq!(ask("strict-deny", &["other"]), 403);
    assert_eq!(ask("strict-allow", &["sleep"]), 200);
}

#[test]
fn client_missing_in_x_forwarded_for_is_the_peer() {
    let Some(module) = shipped() else { return };
    let rules = |block: &str| json!([{"from": [{"source": {"remoteIpBlocks": [block]}}]}]);
    let listener = |name: &str, block: &str| {
        let resources = json!([policy("allow", "ALLOW", rules(block))]);
        super::http(name, &plugin(&module, json!({"profile": "strict", "resources": resources})))
    };
    let envoy =
        Envoy::start(&Bootstrap::new(vec![listener("here", "127.0.0.0/8"), listener("there", "10.0.0.0/8")]))
            .unwrap();
    let ask = |listener: &str, entry: &str| {
        let head = format!("GET / HTTP/1.1\r\nhost: sample.foo\r\nx-forwarded-for: {entry}\r\n\r\n");
        status(&super::send(&envoy, listener, &head))
    };

    assert_eq!((ask("here", "10.0.0.1"), ask("there", "10.0.0.1")), (403, 200));
    // Envoy does not report to the filter that the address is invalid.
    assert_eq!((ask("here", "x"), ask("there", "x")), (200, 403));
}

#[test]
fn malformed_requests_of_profile_strict_are_rejected_by_envoy() {
    let Some(module) = shipped() else { return };
    let rules = json!([{"to": [{"operation": {"methods": ["GET"]}}]}]);
    let resources = json!([policy("allow", "ALLOW", rules)]);
    let listener = |name: &str, refuses: bool| {
        let mut listener =
            super::http(name, &plugin(&module, json!({"profile": "strict", "resources": resources})));
        if let (palisade_envoy::config::Chain::Http(http), true) = (&mut listener.chain, refuses) {
            let options = json!({"headers_with_underscores_action": "REJECT_REQUEST"});
            http.extra.insert("common_http_protocol_options".into(), options);
        }
        listener
    };
    let envoy =
        Envoy::start(&Bootstrap::new(vec![listener("filter", false), listener("both", true)])).unwrap();
    let ask = |listener: &str| {
        let head = "GET / HTTP/1.1\r\nhost: sample.foo\r\nx_role: admin\r\n\r\n";
        status(&super::send(&envoy, listener, head))
    };

    assert_eq!((ask("filter"), ask("both")), (200, 400));
}
