//! The data for operators: metrics, access log, debug log.

use super::{get_only, head, http, plugin, policy, send, shipped, status};
use core::time::Duration;
use palisade_envoy::{
    config::{Bootstrap, Chain, Listener},
    process::Envoy,
};
use serde_json::json;
use std::{fs, path::Path, thread};

/// The access log format in docs/envoy.md.
const FORMAT: &str =
    "%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %FILTER_STATE(wasm.palisade:PLAIN)%\n";

fn logging(mut listener: Listener, file: &Path) -> Listener {
    let Chain::Http(http) = &mut listener.chain else { panic!("no HTTP") };
    let log = json!([{
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file, "log_format": {"text_format_source": {"inline_string": FORMAT}},
        },
    }]);
    http.extra.insert("access_log".to_owned(), log);
    listener
}

/// Returns the lines of an access log, which Envoy writes with a delay.
fn lines(file: &Path, enough: usize) -> Vec<String> {
    for _ in 0..600 {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.lines().count() >= enough {
            return text.lines().map(str::to_owned).collect();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("no {enough} lines in the access log")
}

/// Returns the lines of Envoy's own log that contain `what`, when there are at least `enough` of them.
fn logged(envoy: &Envoy, what: &str, enough: usize) -> Vec<String> {
    for _ in 0..600 {
        let log = envoy.log().unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(what)).collect();
        if lines.len() >= enough {
            return lines.into_iter().map(str::to_owned).collect();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("no {enough} lines with `{what}` in {}", envoy.log().unwrap())
}

/// Waits until the metrics contain this line.
fn shown(envoy: &Envoy, line: &str) {
    let mut metrics = String::new();
    for _ in 0..600 {
        metrics = envoy.admin("/stats/prometheus").unwrap();
        if metrics.lines().any(|known| known == line) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let ours: Vec<_> = metrics.lines().filter(|line| line.starts_with("palisade")).collect();
    panic!("no `{line}` in {ours:?}")
}

#[test]
fn decisions_appear_in_metrics_and_access_log() {
    let Some(module) = shipped() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let candidate = policy("no-get", "DENY", json!([{"to": [{"operation": {"methods": ["GET"]}}]}]));
    let telemetry = json!({"filterState": "all", "decisionTime": true, "explainDenials": true});
    let enforced = plugin(
        &module,
        json!({"resources": [get_only()], "shadowResources": [candidate], "telemetry": telemetry}),
    );
    let shadow = plugin(&module, json!({"resources": [get_only()], "mode": "shadow"}));
    let envoy = Envoy::start(&Bootstrap::new(vec![
        logging(http("enforced", &enforced), &log),
        http("shadow", &shadow),
    ]))
    .unwrap();
    envoy.post("/logging?wasm=debug").unwrap();

    assert_eq!(status(&send(&envoy, "enforced", &head("GET", "/"))), 200);
    assert_eq!(status(&send(&envoy, "enforced", &head("PUT", "/"))), 403);
    assert_eq!(status(&send(&envoy, "shadow", &head("PUT", "/"))), 200);

    for line in [
        "palisade_allowed{} 2",
        "palisade_denied{} 1",
        "palisade_shadow_denied{} 2",
        "palisade_shadow_disagreed{} 2",
        "palisade_errors{} 0",
        "palisade_policy_foo_get_only_allowed{} 1",
        // Envoy merges histograms every five seconds.
        "palisade_decision_time_ns_count{} 2",
    ] {
        shown(&envoy, line);
    }
    assert_eq!(
        lines(&log, 2),
        [
            "GET 200 direct_response allow authorization-policy AuthorizationPolicy/foo/get-only#0 \
             shadow=deny authorization-policy AuthorizationPolicy/foo/no-get#0",
            "PUT 403 rbac_access_denied_matched_policy[none] deny authorization-policy no ALLOW rule matched \
             shadow=allow authorization-policy no ALLOW policy applies",
        ]
    );
    logged(
        &envoy,
        "nearest miss AuthorizationPolicy/foo/get-only#0; to[0].operation.methods: required GET, actual PUT",
        1,
    );
    let disagrees = "shadow disagrees: enforced allow by AuthorizationPolicy/foo/get-only#0, \
                     shadow deny by AuthorizationPolicy/foo/no-get#0";
    logged(&envoy, disagrees, 1);
}

#[test]
fn dry_run_denies_nothing_and_is_reported() {
    let Some(module) = shipped() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let mut candidate = policy("no-get", "DENY", json!([{"to": [{"operation": {"methods": ["GET"]}}]}]));
    candidate["metadata"]["annotations"] = json!({"istio.io/dry-run": "true"});
    let telemetry = json!({"filterState": "all"});
    let plugin = plugin(&module, json!({"resources": [get_only(), candidate], "telemetry": telemetry}));
    let envoy = Envoy::start(&Bootstrap::new(vec![logging(http("dry-run", &plugin), &log)])).unwrap();

    assert_eq!(status(&send(&envoy, "dry-run", &head("GET", "/"))), 200);
    assert_eq!(status(&send(&envoy, "dry-run", &head("PUT", "/"))), 403);

    shown(&envoy, "palisade_shadow_denied{} 1");
    let lines = lines(&log, 2);
    assert!(
        lines[0].contains("shadow=deny authorization-policy AuthorizationPolicy/foo/no-get#0"),
        "{lines:?}"
    );
    assert!(!lines[1].contains("shadow=deny"), "{lines:?}");
}

#[test]
fn policies_beyond_cap_share_a_counter_and_no_header_is_logged() {
    let Some(module) = shipped() else { return };
    let header = |value: &str| json!([{"when": [{"key": "request.headers[x-key]", "values": [value]}]}]);
    let resources = json!([
        policy("a", "ALLOW", header("a")),
        policy("b", "ALLOW", header("b")),
        policy("c", "ALLOW", header("c"))
    ]);
    let with = |show: bool| {
        let telemetry = json!({"policyCounters": 1, "explainDenials": true, "showValues": show});
        plugin(&module, json!({"resources": resources, "telemetry": telemetry}))
    };
    let envoy =
        Envoy::start(&Bootstrap::new(vec![http("hides", &with(false)), http("shows", &with(true))])).unwrap();
    let ask = |listener: &str, key: &str| {
        let head = format!("GET / HTTP/1.1\r\nhost: sample.foo\r\nx-key: {key}\r\n\r\n");
        status(&send(&envoy, listener, &head))
    };
    // Explanations of denials are debug lines.
    assert_eq!(ask("hides", "before-debug"), 403);
    envoy.post("/logging?wasm=debug").unwrap();
    assert_eq!(["a", "b", "c", "s3cret"].map(|key| ask("hides", key)), [200, 200, 200, 403]);
    let denials = |enough| logged(&envoy, "palisade: denied by", enough);
    let [hidden] = &denials(1)[..] else { panic!("one line a denial") };
    assert!(hidden.contains("x-key") && hidden.contains("actual a value"), "{hidden}");
    assert!(!hidden.contains("s3cret"), "{hidden}");
    assert_eq!(ask("shows", "s3cret"), 403);
    let [_, open] = &denials(2)[..] else { panic!("one line a denial") };
    assert!(open.contains("s3cret"), "{open}");
    shown(&envoy, "palisade_policy_foo_a_allowed{} 1");
    shown(&envoy, "palisade_policy_others_allowed{} 2");
    let metrics = envoy.admin("/stats/prometheus").unwrap();
    assert!(!metrics.contains("palisade_policy_foo_b"), "{metrics}");
}
