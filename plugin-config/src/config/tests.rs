use super::*;
use crate::FilterStateScope;
use palisade::resource::istio::PathNormalization;
use serde_json::json;

fn error(text: &str) -> String {
    Config::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn configuration_with_every_field_is_read() {
    let config = Config::parse(
        br#"{"workload": {"namespace": "foo", "labels": {"app": "sample"}, "serviceAccount": "sample"},
             "mesh": {"rootNamespace": "istio-system", "trustDomain": "td", "trustDomainAliases": ["old"],
                      "pathNormalization": "DECODE_AND_MERGE_SLASHES"},
             "direction": "outbound", "mode": "shadow", "profile": "strict",
             "provider": {"cluster": "authz", "path": "/check", "timeoutMs": 200, "failOpen": false},
             "providers": {"opa": {"cluster": "opa", "headers": ["cookie"]}},
             "telemetry": {"policyCounters": 7, "decisionTime": true, "filterState": "all", "explainDenials": true},
             "resources": [{}], "shadowResources": []}"#,
    )
    .unwrap();

    assert_eq!((config.direction, config.mode), (TrafficDirection::Outbound, Mode::Shadow));
    assert_eq!(config.profile, Profile::Strict);
    let timeouts = (config.provider.as_ref().unwrap().timeout_ms, config.providers["opa"].timeout_ms);
    assert_eq!(timeouts, (200, 250));
    let telemetry = &config.telemetry;
    assert_eq!((telemetry.policy_counters, telemetry.filter_state), (7, FilterStateScope::All));
    assert!(telemetry.decision_time && telemetry.explain_denials && !telemetry.show_values);
    assert_eq!(config.mesh.path_normalization, Some(PathNormalization::DecodeAndMergeSlashes));
    let WorkloadSource::Named(workload) = &config.workload else { panic!("{config:?}") };
    assert_eq!((workload.namespace.as_str(), workload.service_account.as_str()), ("foo", "sample"));
    assert_eq!(Config::parse(config.to_json().to_string().as_bytes()).unwrap(), config);
}

#[test]
fn default_configuration_is_written_without_optional_fields() {
    let config = Config::new(WorkloadSource::FromNode);

    let expected = json!({
        "workload": "fromNode", "mesh": {"trustDomainAliases": []},
        "direction": "inbound", "mode": "enforce", "profile": "compat", "resources": [],
    });
    assert_eq!(config.to_json(), expected);
}

#[test]
fn invalid_field_is_refused_with_the_expected_value() {
    assert!(error("  \n").contains("it needs at least `workload`"));
    assert!(error(r#"{"workload": "fromPod"}"#).contains("fromNode"));
    let unknown = error(r#"{"workload": {"namespace": "a"}, "resource": []}"#);
    assert!(unknown.contains("unknown field `resource`"), "{unknown}");
    assert!(error(r#"{"workload": {"namespace": "a", "label": {}}}"#).contains("unknown field `label`"));
    assert!(error(r#"{"workload": {"namespace": "a"}, "mode": "off"}"#).contains("`enforce` or `shadow`"));
    assert!(error(r#"{"workload": {"namespace": "a"}, "profile": "lax"}"#).contains("`strict`"));
    let mode = error(r#"{"workload": {"namespace": "a"}, "mesh": {"pathNormalization": "base"}}"#);
    assert!(mode.contains("unknown variant `base`") && mode.contains("`MERGE_SLASHES`"), "{mode}");
    assert!(error("{}").contains("missing field `workload`"));
}

#[test]
fn invalid_provider_is_refused_with_its_field() {
    for (provider, reason) in [
        (r#"{"cluster": ""}"#, "`cluster` is empty"),
        (r#"{"cluster": "a", "path": "check"}"#, "start with `/`"),
        (r#"{"cluster": "a", "path": "/a b"}"#, "no blanks"),
        (r#"{"cluster": "a", "timeoutMs": 0}"#, "`timeoutMs` must be at least 1"),
        (r#"{"cluster": "a", "headers": ["Cookie"]}"#, "lower case"),
    ] {
        let text = format!(r#"{{"workload": {{"namespace": "a"}}, "provider": {provider}}}"#);
        assert!(error(&text).contains(reason), "{provider}: {}", error(&text));
    }
}
