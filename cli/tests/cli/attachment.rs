//! The proxies and listeners to which Istio attaches the resources that `palisade bundle` prints.
//!
//! istiod matches gateways as CLIENT and GATEWAY, and inbound listeners of sidecars and waypoints as SERVER and
//! SIDECAR_INBOUND. A waypoint ignores resources without `targetRefs`.

use crate::folder::Folder;
use serde_json::{Value, json};

const MESH: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-asm-1-27, namespace: aks-istio-system}
data: {mesh: 'trustDomain: cluster.local'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sample, namespace: foo}
spec:
  selector: {matchLabels: {app: sample}}
  template: {metadata: {labels: {app: sample, version: v1}}}
---
apiVersion: v1
kind: Pod
metadata: {name: sample-7d9f-x2x, namespace: foo, labels: {app: sample, version: v1, pod-template-hash: 7d9f}}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: foo, labels: {app: db, statefulset.kubernetes.io/pod-name: db-0}}
---
apiVersion: v1
kind: Pod
metadata: {name: ingress, namespace: aks-istio-ingress, labels: {istio: ingress}}
---
apiVersion: v1
kind: Pod
metadata: {name: egress, namespace: edge, labels: {app: egress}, annotations: {inject.istio.io/templates: gateway}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: foo}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: edge-istio, namespace: foo, labels: {gateway.networking.k8s.io/gateway-name: edge, app: edge}}
---
apiVersion: v1
kind: Pod
metadata:
  name: wp
  namespace: foo
  labels: {gateway.networking.k8s.io/gateway-name: wp, gateway.networking.k8s.io/gateway-class-name: istio-waypoint}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: bar}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: private, namespace: aks-istio-system}
spec: {action: DENY, rules: [{from: [{source: {notIpBlocks: [10.0.0.0/8]}}]}]}
";

fn bundle(arguments: &str) -> Value {
    let folder = Folder::new(&[("mesh.yaml", MESH.as_bytes())]);
    let ran = folder.run(&format!("bundle -f mesh.yaml {arguments}"));
    ran.assert_error(0, &[]);
    serde_json::from_str(&ran.out).expect("JSON")
}

/// Returns the objects of this kind.
fn of_kind(printed: &Value, kind: &str) -> Vec<Value> {
    let items = printed["items"].as_array().cloned().unwrap_or_else(|| vec![printed.clone()]);
    items.into_iter().filter(|item| item["kind"] == kind).collect()
}

/// Returns namespace, target and mode of each WasmPlugin.
fn plugins(arguments: &str) -> Vec<(String, Value, Value)> {
    let printed =
        bundle(&format!("{arguments} --format istio-wasm-plugin --module oci://registry.example/p:1"));
    let plugins = of_kind(&printed, "WasmPlugin").into_iter().map(|plugin| {
        let spec = &plugin["spec"];
        let labels = &spec["selector"]["matchLabels"];
        let target = if labels.is_null() { &spec["targetRefs"][0] } else { labels };
        let namespace = plugin["metadata"]["namespace"].as_str().expect("text").to_owned();
        (namespace, target.clone(), spec["match"][0]["mode"].clone())
    });
    plugins.collect()
}

/// Returns namespace, target, contexts and listeners of each EnvoyFilter.
fn filters(arguments: &str) -> Vec<(String, Value, Vec<Value>)> {
    let printed = bundle(&format!("{arguments} --format istio-envoy-filter"));
    let filters = of_kind(&printed, "EnvoyFilter").into_iter().map(|filter| {
        let spec = &filter["spec"];
        let labels = &spec["workloadSelector"]["labels"];
        let target = if labels.is_null() { &spec["targetRefs"][0] } else { labels };
        let places = spec["configPatches"].as_array().expect("patches").iter();
        let mut places: Vec<Value> = places
            .map(|patch| json!([patch["match"]["context"], patch["match"]["listener"]["name"]]))
            .collect();
        places.dedup();
        (filter["metadata"]["namespace"].as_str().expect("text").to_owned(), target.clone(), places)
    });
    filters.collect()
}

fn gateway(name: &str) -> Value {
    json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name})
}

#[test]
fn workload_is_selected_by_the_labels_of_its_controller() {
    let sample = json!({"app": "sample"});
    for name in ["foo/sample", "foo/sample-7d9f-x2x"] {
        let workload = format!("--workload {name}");
        assert_eq!(plugins(&workload), [("foo".into(), sample.clone(), json!("SERVER"))], "{name}");
        let place = json!(["SIDECAR_INBOUND", null]);
        assert_eq!(filters(&workload), [("foo".into(), sample.clone(), vec![place])], "{name}");
    }
    assert_eq!(plugins("--workload foo/db-0")[0].1, json!({"app": "db"}));
    let outbound = "--workload foo/sample --direction outbound";
    assert_eq!(plugins(outbound), [("foo".into(), sample.clone(), json!("CLIENT"))]);
    assert_eq!(filters(outbound), [("foo".into(), sample, vec![json!(["SIDECAR_OUTBOUND", null])])]);
}

#[test]
fn gateway_is_attached_as_client_and_gateway() {
    for (name, namespace, target) in [
        ("aks-istio-ingress/ingress", "aks-istio-ingress", json!({"istio": "ingress"})),
        ("edge/egress", "edge", json!({"app": "egress"})),
        ("foo/edge-istio", "foo", gateway("edge")),
    ] {
        let workload = format!("--workload {name}");
        assert_eq!(plugins(&workload), [(namespace.into(), target.clone(), json!("CLIENT"))], "{name}");
        let place = json!(["GATEWAY", null]);
        assert_eq!(filters(&workload), [(namespace.into(), target, vec![place])], "{name}");
    }
}

#[test]
fn waypoint_is_attached_by_reference_without_its_tunnels() {
    let waypoint = "--workload foo/wp";
    let place = vec![json!(["SIDECAR_INBOUND", "main_internal"])];
    assert_eq!(plugins(waypoint), [("foo".into(), gateway("wp"), json!("SERVER"))]);
    assert_eq!(filters(waypoint), [("foo".into(), gateway("wp"), place.clone())]);

    let web = json!({"group": "", "kind": "Service", "name": "web"});
    assert_eq!(plugins("--workload foo/wp --service bar/web"), [("bar".into(), web, json!("SERVER"))]);
    let configuration = bundle("--workload foo/wp --service bar/web");
    assert_eq!(configuration["workload"]["role"], "waypoint");
    assert_eq!(configuration["service"], json!({"namespace": "bar", "name": "web", "kind": "Service"}));
}

#[test]
fn bundle_for_every_node_attaches_to_each_kind_of_proxy_in_the_root_namespace() {
    let root = || "aks-istio-system".to_owned();
    let class =
        json!({"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"});
    assert_eq!(
        plugins("--from-node"),
        [
            (root(), Value::Null, json!("SERVER")),
            ("foo".into(), gateway("edge"), json!("CLIENT")),
            (root(), json!({"istio": "ingress"}), json!("CLIENT")),
            (root(), json!({"app": "egress"}), json!("CLIENT")),
            (root(), class.clone(), json!("SERVER")),
        ]
    );
    let every = vec![json!(["SIDECAR_INBOUND", null]), json!(["GATEWAY", null])];
    let waypoints = vec![json!(["SIDECAR_INBOUND", "main_internal"])];
    assert_eq!(filters("--from-node"), [(root(), Value::Null, every), (root(), class, waypoints)]);
    let printed = bundle("--from-node");
    assert_eq!(printed["mesh"]["rootNamespace"], "aks-istio-system");
}

#[test]
fn peer_address_is_set_on_every_proxy_with_a_plugin() {
    let printed = bundle("--from-node --format istio-wasm-plugin --module oci://registry.example/p:1");
    let filters = of_kind(&printed, "EnvoyFilter");

    assert_eq!(filters.len(), 2);
    for filter in filters {
        let patches = filter["spec"]["configPatches"].as_array().expect("patches");
        assert!(patches.iter().all(|patch| patch["patch"]["operation"] == "INSERT_FIRST"), "{filter}");
    }
}

#[test]
fn sidecar_with_tunnels_has_no_filter_in_its_tunnel_listener() {
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: sample, namespace: foo, labels: {app: sample, networking.istio.io/tunnel: http}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: get, namespace: foo}
spec: {rules: [{to: [{operation: {methods: [GET]}}]}]}
";
    let folder = Folder::new(&[("pod.yaml", pod.as_bytes())]);
    let ran = folder.run("bundle -f pod.yaml --workload foo/sample --format istio-envoy-filter");
    ran.assert_error(0, &[]);
    let printed: Value = serde_json::from_str(&ran.out).expect("JSON");
    let patches = printed["spec"]["configPatches"].as_array().expect("patches");
    let last = patches.last().expect("a patch");

    assert_eq!(last["patch"]["operation"], "REMOVE");
    assert_eq!(last["match"]["listener"]["name"], "connect_terminate");
}

#[test]
fn selector_that_matches_workloads_with_other_policies_is_refused() {
    let pods = "
apiVersion: v1
kind: Pod
metadata: {name: sample, namespace: foo, labels: {app: sample}}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: foo, labels: {app: sample, tier: db}}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: foo}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: foo}
spec: {selector: {matchLabels: {tier: db}}}
";
    let folder = Folder::new(&[("pods.yaml", pods.as_bytes())]);
    let bundle = |name: &str| {
        folder.run(&format!("bundle -f pods.yaml --workload foo/{name} --format istio-envoy-filter"))
    };

    bundle("sample").assert_error(2, &["`foo/sample` also selects `foo/other`"]);
    bundle("other").assert_error(0, &[]);
    bundle("bare").assert_error(2, &["`foo/bare` has no labels"]);
}

#[test]
fn module_location_has_the_notation_of_each_format() {
    let folder = Folder::new(&[("mesh.yaml", MESH.as_bytes())]);
    let run = |arguments: &str| {
        folder.run(&format!("bundle -f mesh.yaml --workload foo/sample --format {arguments}"))
    };
    let url = |module: &str| {
        let ran = run(&format!("istio-wasm-plugin --module {module}"));
        ran.assert_error(0, &[]);
        let printed: Value = serde_json::from_str(&ran.out).expect("JSON");
        of_kind(&printed, "WasmPlugin")[0]["spec"]["url"].clone()
    };

    for form in ["istio-wasm-plugin", "envoy-gateway"] {
        run(&format!("{form} --accept-inexact AuthorizationPolicy/aks-istio-system/private"))
            .assert_error(2, &["missing `--module`"]);
    }
    assert_eq!(url("/etc/palisade/p.wasm"), "file:///etc/palisade/p.wasm");
    assert_eq!(url("file:///etc/palisade/p.wasm"), "file:///etc/palisade/p.wasm");
    assert_eq!(url("registry.example/p:1"), "oci://registry.example/p:1");
    assert_eq!(url("https://example.com/p.wasm"), "https://example.com/p.wasm");
    run("istio-wasm-plugin --module target/p.wasm").assert_error(2, &["relative path"]);
    run("istio-wasm-plugin --module ftp://p").assert_error(2, &["unknown scheme `ftp`"]);
    run("istio-envoy-filter --module target/p.wasm").assert_error(2, &["relative path"]);
    run("istio-envoy-filter --module oci://registry.example/p:1").assert_error(2, &["is not a file"]);
    let accepted = "--accept-inexact AuthorizationPolicy/aks-istio-system/private";
    run(&format!("envoy-gateway --module /p.wasm {accepted}")).assert_error(2, &["is a file"]);
}
