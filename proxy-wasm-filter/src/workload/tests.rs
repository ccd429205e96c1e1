use super::*;
use crate::{fake::Fake, header_map};

const WAYPOINT: &str = r#"{"namespace": "foo", "role": "waypoint",
    "labels": {"gateway.networking.k8s.io/gateway-name": "wp"}}"#;

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

fn workload(workload: &str, further: &str, node: Option<&str>) -> Result<Workload, String> {
    let host = node.map_or_else(Fake::default, |id| Fake::default().property("xds.node.id", id));
    let config = config(&format!(r#"{{"workload": {workload}{further}}}"#));
    resolve(&config, &host).map_err(|error| error.to_string())
}

#[test]
fn workload_from_node_is_read_from_its_metadata() {
    let config = config(r#"{"workload": "fromNode"}"#);
    let labels = header_map::serialize(&[(b"app", b"sample")]);
    let host = Fake::default()
        .property("xds.node.metadata.NAMESPACE", "foo")
        .property("xds.node.metadata.LABELS", labels)
        .property("xds.node.metadata.SERVICE_ACCOUNT", "sa");

    let workload = resolve(&config, &host).unwrap();

    assert_eq!((workload.namespace.as_str(), workload.service_account.as_str()), ("foo", "sa"));
    assert_eq!(workload.labels.get("app").map(String::as_str), Some("sample"));
    assert!(resolve(&config, &Fake::default()).unwrap_err().to_string().contains("NAMESPACE"));
}

#[test]
fn role_that_contradicts_the_node_is_refused() {
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
fn service_without_waypoint_is_refused() {
    let service = r#", "service": {"namespace": "foo", "name": "web"}"#;

    assert!(workload(WAYPOINT, service, None).is_ok());
    assert!(workload(r#"{"namespace": "foo"}"#, service, None).unwrap_err().contains("`service` needs"));
}

#[test]
fn workload_from_node_of_waypoint_is_a_waypoint() {
    let config = config(r#"{"workload": "fromNode"}"#);
    let labels = header_map::serialize(&[(b"gateway.networking.k8s.io/gateway-name", b"wp")]);
    let host = Fake::default()
        .property("xds.node.id", "waypoint~10.0.0.1~wp.foo~foo.svc.cluster.local")
        .property("xds.node.metadata.NAMESPACE", "foo")
        .property("xds.node.metadata.LABELS", labels);

    assert_eq!(resolve(&config, &host).unwrap().role, MeshRole::Waypoint("wp".to_owned()));
}
