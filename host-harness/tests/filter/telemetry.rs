//! The metrics, the filter state and the log lines of the module's decisions.

use super::{configured, conformance, policy, request};
use palisade_harness::{HttpReport, LogLevel, Plugin, Stream};
use serde_json::{Value, json};
use std::sync::Arc;

fn get_only() -> Value {
    policy("get", "ALLOW", json!([{"to": [{"operation": {"methods": ["GET"]}}]}]))
}

fn send(plugin: &mut Plugin, method: &[u8]) -> HttpReport {
    let mut request = request(&[(b"authorization", b"s3cret")]);
    request.headers[0].1 = method.to_vec();
    plugin.http(&Arc::new(Stream::default()), &request)
}

fn state(report: &HttpReport) -> Option<&str> {
    report.properties.get(&b"palisade"[..]).map(|value| core::str::from_utf8(value).unwrap())
}

fn lines(plugin: &Plugin) -> Vec<&str> {
    plugin
        .logs()
        .iter()
        .filter(|line| line.level <= LogLevel::Info)
        .map(|line| line.message.as_str())
        .collect()
}

#[test]
fn decision_is_counted_by_policy_and_in_the_filter_state() {
    let Some(conformance) = conformance() else { return };
    let telemetry = json!({"filterState": "all", "decisionTime": true});
    let mut plugin = configured(conformance, json!({"resources": [get_only()], "telemetry": telemetry}));

    let allowed = send(&mut plugin, b"GET");
    let denied = send(&mut plugin, b"PUT");

    assert_eq!(state(&allowed), Some("allow authorization-policy AuthorizationPolicy/foo/get#0"));
    assert_eq!(state(&denied), Some("deny authorization-policy no ALLOW rule matched"));
    let value = |name: &str| plugin.metrics().value(name);
    assert_eq!((value("palisade.allowed"), value("palisade.denied")), (Some(1), Some(1)));
    assert_eq!(value("palisade.policy.foo.get.allowed"), Some(1));
    assert_eq!(plugin.metrics().get("palisade.decision_time_ns").unwrap().samples.len(), 2);
}

#[test]
fn dry_run_policy_denies_nothing_and_is_counted() {
    let Some(conformance) = conformance() else { return };
    let mut dry_run = get_only();
    dry_run["metadata"]["annotations"] = json!({"istio.io/dry-run": "true"});
    let mut plugin = configured(conformance, json!({"resources": [dry_run]}));

    let passed = send(&mut plugin, b"PUT");

    assert_eq!(passed.status(), None);
    assert_eq!(
        state(&passed),
        Some(
            "allow authorization-policy no ALLOW policy applies shadow=deny authorization-policy no ALLOW rule matched"
        )
    );
    assert_eq!(plugin.metrics().value("palisade.shadow_denied"), Some(1));
    assert_eq!(plugin.metrics().value("palisade.denied"), Some(0));
}

#[test]
fn shadow_resources_are_logged_only_for_other_verdicts_with_both_rules() {
    let Some(conformance) = conformance() else { return };
    let deny = policy("no-put", "DENY", json!([{"to": [{"operation": {"methods": ["PUT"]}}]}]));
    let mut plugin = configured(
        conformance,
        json!({"resources": [policy("all", "ALLOW", json!([{}]))], "shadowResources": [deny]}),
    );

    send(&mut plugin, b"GET");
    assert!(lines(&plugin).is_empty());
    assert_eq!(send(&mut plugin, b"PUT").status(), None);

    assert_eq!(
        lines(&plugin),
        ["palisade: shadow disagrees: enforced allow by AuthorizationPolicy/foo/all#0, \
          shadow deny by AuthorizationPolicy/foo/no-put#0"]
    );
    let value = |name: &str| plugin.metrics().value(name);
    assert_eq!((value("palisade.shadow_disagreed"), value("palisade.shadow_denied")), (Some(1), Some(1)));
}

#[test]
fn shadow_mode_denies_nothing() {
    let Some(conformance) = conformance() else { return };
    let mut plugin = configured(conformance, json!({"mode": "shadow", "resources": [get_only()]}));

    assert_eq!(send(&mut plugin, b"PUT").status(), None);
    let value = |name: &str| plugin.metrics().value(name);
    assert_eq!((value("palisade.shadow_denied"), value("palisade.denied")), (Some(1), Some(0)));
}
