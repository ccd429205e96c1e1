use super::*;
use crate::fake::Fake;
use palisade::{MeshRole, Workload};

fn error(text: &str) -> String {
    Config::parse(text.as_bytes()).map(|_| ()).unwrap_err()
}

#[test]
fn the_whole_configuration_is_read() {
    let config = Config::parse(
        br#"{"workload": {"namespace": "foo", "labels": {"app": "sample"}, "serviceAccount": "sample"},
             "mesh": {"rootNamespace": "istio-system", "trustDomain": "td", "trustDomainAliases": ["old"],
                      "pathNormalization": "DECODE_AND_MERGE_SLASHES"},
             "direction": "outbound", "mode": "shadow", "profile": "strict",
             "provider": {"cluster": "authz", "path": "/check", "timeoutMs": 200, "failOpen": false},
             "providers": {"opa": {"cluster": "opa", "headers": ["cookie"]}},
             "telemetry": {"policyCounters": 7, "decisionTime": true, "filterState": "all", "explainDenials": true}, "resources": [{}], "shadowResources": []}"#,
    )
    .unwrap();

    assert_eq!((config.direction, config.mode), (Direction::Outbound, Mode::Shadow));
    assert_eq!(config.profile, Profile::Strict);
    assert_eq!(
        (config.provider.as_ref().unwrap().timeout_ms, config.providers["opa"].timeout_ms),
        (200, 250)
    );
    assert_eq!((config.telemetry.policy_counters, config.telemetry.filter_state), (7, FilterState::All));
    assert!(
        config.telemetry.decision_time && config.telemetry.explain_denials && !config.telemetry.show_values
    );
    assert_eq!(config.mesh.path_normalization, Some(PathNormalization::DecodeAndMergeSlashes));
    let workload = config.workload(&Fake::default()).unwrap();
    assert_eq!((workload.namespace.as_str(), workload.service_account.as_str()), ("foo", "sample"));
}

#[test]
fn errors_say_what_was_expected() {
    assert!(error("  \n").contains("it needs at least `workload`"));
    assert!(error(r#"{"workload": "fromPod"}"#).contains("fromNode"));
    assert!(
        error(r#"{"workload": {"namespace": "a"}, "resource": []}"#).contains("unknown field `resource`")
    );
    assert!(error(r#"{"workload": {"namespace": "a", "label": {}}}"#).contains("unknown field `label`"));
    assert!(error(r#"{"workload": {"namespace": "a"}, "mode": "off"}"#).contains("`enforce` or `shadow`"));
    assert!(error(r#"{"workload": {"namespace": "a"}, "profile": "lax"}"#).contains("`strict`"));
    assert!(error("{}").contains("missing field `workload`"));
}

#[test]
fn the_node_knows_the_workload() {
    let config = Config::parse(br#"{"workload": "fromNode"}"#).unwrap();
    let labels = crate::header_map::serialize(&[(b"app", b"sample")]);
    let host = Fake::default()
        .property("xds.node.metadata.NAMESPACE", "foo")
        .property("xds.node.metadata.LABELS", labels)
        .property("xds.node.metadata.SERVICE_ACCOUNT", "sa");

    let workload = config.workload(&host).unwrap();

    assert_eq!((workload.namespace.as_str(), workload.service_account.as_str()), ("foo", "sa"));
    assert_eq!(workload.labels.get("app").map(String::as_str), Some("sample"));
    assert!(config.workload(&Fake::default()).unwrap_err().contains("NAMESPACE"));
}

#[test]
fn a_provider_that_cannot_work_is_refused() {
    for (provider, reason) in [
        (r#"{"cluster": ""}"#, "`cluster` is empty"),
        (r#"{"cluster": "a", "path": "check"}"#, "start with `/`"),
        (r#"{"cluster": "a", "path": "/a b"}"#, "no blanks"),
        (r#"{"cluster": "a", "timeoutMs": 0}"#, "`timeoutMs` is 0"),
        (r#"{"cluster": "a", "headers": ["Cookie"]}"#, "lower case"),
    ] {
        let text = format!(r#"{{"workload": {{"namespace": "a"}}, "provider": {provider}}}"#);
        assert!(error(&text).contains(reason), "{provider}");
    }
}

const WAYPOINT: &str = r#"{"namespace": "foo", "role": "waypoint",
    "labels": {"gateway.networking.k8s.io/gateway-name": "wp"}}"#;

fn workload(workload: &str, further: &str, node: Option<&str>) -> Result<Workload, String> {
    let config = Config::parse(format!(r#"{{"workload": {workload}{further}}}"#).as_bytes()).unwrap();
    let host = Fake::default();
    config.workload(&node.map_or(host, |id| Fake::default().property("xds.node.id", id)))
}

#[test]
fn role_of_workload_and_kind_of_node_agree() {
    let sidecar = r#"{"namespace": "foo"}"#;
    let waypoint = MeshRole::Waypoint("wp".to_owned());
    let id = |kind: &str| format!("{kind}~10.0.0.1~wp.foo~foo.svc.cluster.local");

    assert_eq!(workload(WAYPOINT, "", None).unwrap().role, waypoint);
    assert_eq!(workload(WAYPOINT, "", Some(&id("waypoint"))).unwrap().role, waypoint);
    assert_eq!(workload(sidecar, "", Some(&id("sidecar"))).unwrap().role, MeshRole::Proxy);
    let refused = |text: &str, kind: &str| workload(text, "", Some(&id(kind))).unwrap_err();
    assert!(refused(sidecar, "waypoint").contains("the proxy is a waypoint"));
    assert!(refused(WAYPOINT, "router").contains("the proxy is a router"));
    let nameless = r#"{"namespace": "foo", "role": "waypoint"}"#;
    assert!(workload(nameless, "", None).unwrap_err().contains("gateway-name"));
}

#[test]
fn service_needs_a_waypoint() {
    let service = r#", "service": {"namespace": "foo", "name": "web"}"#;

    assert!(workload(WAYPOINT, service, None).is_ok());
    assert!(workload(r#"{"namespace": "foo"}"#, service, None).unwrap_err().contains("`service` needs"));
    let config = format!(r#"{{"workload": {WAYPOINT}{service}}}"#);
    let config = Config::parse(config.as_bytes()).unwrap();
    assert_eq!(config.called_service().unwrap().kind, "Service");
}

#[test]
fn node_of_a_waypoint_is_a_waypoint() {
    let config = Config::parse(br#"{"workload": "fromNode"}"#).unwrap();
    let labels = crate::header_map::serialize(&[(b"gateway.networking.k8s.io/gateway-name", b"wp")]);
    let host = Fake::default()
        .property("xds.node.id", "waypoint~10.0.0.1~wp.foo~foo.svc.cluster.local")
        .property("xds.node.metadata.NAMESPACE", "foo")
        .property("xds.node.metadata.LABELS", labels);

    assert_eq!(config.workload(&host).unwrap().role, MeshRole::Waypoint("wp".to_owned()));
}
