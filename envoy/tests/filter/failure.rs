//! Failures: under FAIL_CLOSED and FAIL_RELOAD nothing passes. FAIL_OPEN lets denied requests pass, which is why it must not
//! be used.

use super::{get_only, head, http, module, plugin, policy, send, shipped, status};
use core::time::Duration;
use palisade_envoy::{config::Bootstrap, process::Envoy, wasm::FailurePolicy};
use serde_json::{Value, json};
use std::{thread, time::Instant};

#[test]
fn invalid_configuration_prevents_start_of_envoy_with_reason() {
    let Some(module) = shipped() else { return };
    let bad = json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
                     "metadata": {"name": "bad", "namespace": "foo"}, "spec": {"rulez": []}});
    let refused = json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
                         "metadata": {"name": "bad", "namespace": "foo"},
                         "spec": {"action": "DENY", "rules": [{"when": [{"key": "request.headers[]", "values": ["a"]}]}]}});
    for (further, reason) in [
        (json!({"unknown": 1}), "unknown field `unknown`"),
        (json!({"resources": [bad]}), "unknown field `rulez`"),
        (json!({"resources": [refused]}), "resources[0]"),
        (json!({"workload": "fromNode"}), "no metadata `NAMESPACE`"),
        (json!({"resources": [nested(200)]}), "recursion limit"),
    ] {
        let listener = http("filter", &plugin(&module, further));
        let error = Envoy::start(&Bootstrap::new(vec![listener])).unwrap_err().to_string();
        assert!(error.contains("configuration refused") && error.contains(reason), "{error}");
    }
}

/// Returns an object that exceeds the depth limit.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({}), |inner, _| json!({"spec": inner}))
}

#[test]
fn policies_beyond_vm_memory_prevent_start_of_envoy() {
    let Some(module) = shipped() else { return };
    let rule = |number: u32| {
        let principal = format!("cluster.local/ns/team-{number}/sa/app-{number}");
        json!({"from": [{"source": {"principals": [principal]}}],
               "to": [{"operation": {"methods": ["GET"], "paths": [format!("/api/v1/resource-{number}/*")]}}]})
    };
    let policies: Vec<Value> = (0..1_000)
        .map(|n| {
            policy(&format!("p{n}"), "ALLOW", (n * 100..n * 100 + 100).map(rule).collect::<Vec<_>>().into())
        })
        .collect();
    let listener = http("filter", &plugin(&module, json!({"resources": policies})));
    let error = Envoy::start(&Bootstrap::new(vec![listener])).unwrap_err().to_string();
    assert!(error.contains("proxy_on_configure failed"), "{error}");
    assert!(error.contains("Unable to create Wasm plugin palisade"), "{error}");
}

#[test]
fn unreadable_attribute_denies_request_and_is_counted() {
    let Some(module) = shipped() else { return };
    // The filter cannot read the address of the connection, and Envoy returns the address in the header instead.
    let rules = json!([{"from": [{"source": {"ipBlocks": ["127.0.0.0/8"]}}]}]);
    let listener = http("filter", &plugin(&module, json!({"resources": [policy("peers", "ALLOW", rules)]})));
    let envoy = Envoy::start(&Bootstrap::new(vec![listener])).unwrap();
    let forwarded = "GET / HTTP/1.1\r\nhost: sample.foo\r\nx-forwarded-for: 10.0.0.1\r\n\r\n";

    assert_eq!(status(&send(&envoy, "filter", &head("GET", "/"))), 200);
    assert_eq!(status(&send(&envoy, "filter", forwarded)), 403);
    let stats = envoy.stats().unwrap();
    assert_eq!((stats["wasmcustom.palisade.errors"], stats["wasmcustom.palisade.denied"]), (1, 1));
}

/// Requests that make the failing build of the module trap or exhaust its memory.
fn trapping(how: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: sample.foo\r\nx-palisade-trap: {how}\r\n\r\n")
}

#[test]
fn trapped_module_denies_all_unless_fail_open() {
    let Some(module) = module("palisade_filter_trap.wasm") else { return };
    for how in ["now", "memory"] {
        let listener = |name: &str, policy: FailurePolicy| {
            let mut plugin = plugin(&module, json!({"resources": [get_only()]}));
            // Its own VM for each plugin.
            plugin.name = name.to_owned();
            plugin.failure_policy = policy;
            http(name, &plugin)
        };
        let envoy = Envoy::start(&Bootstrap::new(vec![
            listener("closed", FailurePolicy::Closed),
            listener("reload", FailurePolicy::Reload),
            listener("open", FailurePolicy::Open),
        ]))
        .unwrap();
        let put = |listener: &str| status(&send(&envoy, listener, &head("PUT", "/")));
        for listener in ["closed", "reload", "open"] {
            assert_eq!((put(listener), status(&send(&envoy, listener, &head("GET", "/")))), (403, 200));
        }

        for listener in ["closed", "reload"] {
            assert_eq!(status(&send(&envoy, listener, &trapping(how))), 503, "{listener} {how}");
        }
        send(&envoy, "open", &trapping(how));

        // FAIL_CLOSED: nothing passes any more, not even allowed requests.
        assert_eq!((put("closed"), status(&send(&envoy, "closed", &head("GET", "/")))), (503, 503));
        // FAIL_OPEN: denied requests pass.
        assert_eq!(put("open"), 200);
        // FAIL_RELOAD: a new VM decides again after a moment, and nothing passes before.
        let start = Instant::now();
        loop {
            match put("reload") {
                403 => break,
                503 => assert!(start.elapsed() < Duration::from_secs(30), "no new VM"),
                other => panic!("{other}"),
            }
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(status(&send(&envoy, "reload", &head("GET", "/"))), 200);
        let stats = envoy.stats().unwrap();
        let reloads = stats.iter().filter(|(name, _)| name.contains("vm_reload_success"));
        assert!(reloads.map(|(_, value)| value).sum::<u64>() >= 1, "{stats:?}");
    }
}
