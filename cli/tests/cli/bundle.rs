//! `palisade bundle`: the configuration of the filter, in every format.

use crate::folder::Folder;
use serde_json::{Value, json};

const MANIFESTS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: sample, namespace: foo, labels: {app: sample}}
spec: {serviceAccountName: sample-account}
---
apiVersion: v1
kind: List
items:
- apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata:
    name: get-only
    namespace: foo
    annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}
    resourceVersion: '7'
  spec: {rules: [{to: [{operation: {methods: [GET]}}]}]}
  status: {}
- apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: elsewhere, namespace: bar}
  spec: {}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: sample}}
  egress: [{toFQDNs: [{matchName: www.example.com}]}]
";

fn folder() -> Folder {
    Folder::new(&[("manifests.yaml", MANIFESTS.as_bytes()), ("next/next.yaml", NEXT.as_bytes())])
}

const NEXT: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: next, namespace: foo}
spec: {}
";

fn printed(folder: &Folder, arguments: &str) -> Value {
    let ran = folder.run(&format!("bundle -f manifests.yaml {arguments}"));
    ran.assert_error(0, &[]);
    serde_json::from_str(&ran.out).expect("JSON")
}

fn names(resources: &Value) -> Vec<&str> {
    let list = resources.as_array().expect("a list");
    list.iter().map(|object| object["metadata"]["name"].as_str().expect("a name")).collect()
}

#[test]
fn plugin_configuration_is_the_default_format() {
    let configuration = printed(&folder(), "--workload foo/sample");

    assert_eq!(
        configuration["workload"],
        json!({"namespace": "foo", "labels": {"app": "sample"}, "serviceAccount": "sample-account"})
    );
    assert_eq!(configuration["mesh"]["trustDomain"], "cluster.local");
    assert_eq!((&configuration["direction"], &configuration["mode"]), (&json!("inbound"), &json!("enforce")));
    assert_eq!(names(&configuration["resources"]), ["get-only"]);
    let policy = &configuration["resources"][0];
    assert_eq!(policy["spec"], json!({"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}));
    assert_eq!(policy["metadata"], json!({"name": "get-only", "namespace": "foo", "annotations": {}}));
    assert!(policy.get("status").is_none());
}

#[test]
fn direction_node_and_shadow_are_in_the_configuration() {
    let folder = folder();
    let outbound = printed(&folder, "--workload foo/sample --direction outbound --mode shadow");
    let every = printed(&folder, "--from-node");
    let candidate = printed(&folder, "--workload foo/sample --shadow next --profile strict --provider authz");

    assert_eq!(names(&outbound["resources"]), ["names"]);
    assert_eq!((&outbound["direction"], &outbound["mode"]), (&json!("outbound"), &json!("shadow")));
    assert_eq!(every["workload"], "fromNode");
    assert_eq!(names(&every["resources"]), ["get-only", "elsewhere"]);
    assert_eq!(names(&candidate["shadowResources"]), ["next"]);
    assert_eq!(
        (&candidate["profile"], &candidate["provider"]["cluster"]),
        (&json!("strict"), &json!("authz"))
    );
}

#[test]
fn every_format_contains_the_configuration_and_fails_closed() {
    let folder = folder();
    let configuration = printed(&folder, "--workload foo/sample");
    let form = |name: &str| printed(&folder, &format!("--workload foo/sample --format {name}"));
    let fetched = |name: &str| form(&format!("{name} --module oci://registry.example/palisade-filter:0.1.0"));
    let inline = |value: &Value| serde_json::from_str::<Value>(value.as_str().expect("text")).expect("JSON");
    let wasm = |filter: &Value| {
        let config = &filter["typed_config"]["config"];
        assert_eq!(config["failure_policy"], "FAIL_CLOSED");
        assert_eq!(inline(&config["configuration"]["value"]), configuration);
    };

    let plugin = fetched("istio-wasm-plugin");
    assert_eq!(plugin["spec"]["pluginConfig"], configuration);
    assert_eq!(
        (&plugin["kind"], &plugin["spec"]["failStrategy"]),
        (&json!("WasmPlugin"), &json!("FAIL_CLOSE"))
    );
    assert_eq!(plugin["spec"]["selector"]["matchLabels"], json!({"app": "sample"}));

    let patches = &form("istio-envoy-filter")["spec"]["configPatches"];
    wasm(&patches[1]["patch"]["value"]);
    assert_eq!(patches[0]["patch"]["value"]["name"], "envoy.filters.http.set_filter_state");

    let manager = &form("envoy-listener")["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    wasm(&manager["http_filters"][1]);

    let extension = fetched("envoy-gateway");
    assert_eq!(extension["spec"]["wasm"][0]["config"], configuration);
    assert_eq!(extension["spec"]["wasm"][0]["failOpen"], false);
}

#[test]
fn configuration_contains_the_kind_of_each_named_provider() {
    const PROVIDERS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: named
      envoyExtAuthzGrpc: {service: authz.foo.svc.cluster.local, port: 9000}
    - name: unnamed
      envoyExtAuthzHttp: {service: authz.foo.svc.cluster.local, port: 8000}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec: {action: CUSTOM, provider: {name: named}, rules: [{}]}
";
    let folder =
        Folder::new(&[("manifests.yaml", MANIFESTS.as_bytes()), ("providers.yaml", PROVIDERS.as_bytes())]);
    let configuration = printed(
        &folder,
        "-f providers.yaml --workload foo/sample --tcp --accept-inexact AuthorizationPolicy/foo/ask",
    );

    assert_eq!(names(&configuration["resources"]), ["get-only", "ask", "istio"]);
    let mesh = configuration["resources"][2]["data"]["mesh"].as_str().expect("text");
    let grpc = json!({"service": "authz.foo.svc.cluster.local", "port": 9000});
    assert_eq!(
        serde_json::from_str::<Value>(mesh).expect("JSON"),
        json!({"extensionProviders": [{"name": "named", "envoyExtAuthzGrpc": grpc}]})
    );
}

/// istiod denies every request that a policy with an unusable provider matches. The filter can do so only if its
/// configuration contains the whole provider.
#[test]
fn configuration_contains_named_providers_that_istiod_refuses() {
    const POLICY: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec: {action: CUSTOM, provider: {name: named}, rules: [{}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
";
    let service = json!({"service": "authz.foo.svc.cluster.local", "port": 8000});
    for provider in [
        json!({"name": "named"}),
        json!({"name": "named", "envoyExtAuthzHttp": service, "envoyExtAuthzGrpc": service}),
    ] {
        let text = format!("{POLICY}    - {provider}\n");
        let folder = Folder::new(&[("manifests.yaml", MANIFESTS.as_bytes()), ("ask.yaml", text.as_bytes())]);
        let configuration = printed(&folder, "-f ask.yaml --workload foo/sample --provider authz");
        let mesh = configuration["resources"][2]["data"]["mesh"].as_str().expect("text");
        let mesh: Value = serde_json::from_str(mesh).expect("JSON");
        assert_eq!(mesh, json!({"extensionProviders": [provider]}));
    }
}

#[test]
fn unknown_workload_and_invalid_manifests_are_refused() {
    let folder = folder();
    folder
        .run("bundle -f manifests.yaml --workload foo/none")
        .assert_error(2, &["unknown workload `foo/none`", "`foo/sample`"]);
    folder.run("bundle -f manifests.yaml").assert_error(2, &["--workload"]);
    folder.run("bundle -f nowhere --workload foo/sample").assert_error(2, &["nowhere"]);
}

/// The test measures the shipped module.
#[cfg(feature = "stats")]
#[test]
fn stats_report_module_and_vm_size_for_four_numbers_of_rules() {
    let Some(module) = palisade_test_support::filter_module() else { return };
    let metadata = module.metadata().unwrap();
    let folder = folder();
    let module = module.display();
    let statistics = folder.run(&format!("bundle --stats --module {module}"));
    let own =
        folder.run(&format!("bundle -f manifests.yaml --workload foo/sample --stats --module {module}"));

    statistics.assert_error(0, &[]);
    let lines: Vec<(&str, &str)> =
        statistics.out.lines().filter_map(|line| line.trim().split_once(": ")).collect();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["module", "1 rules", "100 rules", "1000 rules", "10000 rules"]);
    assert_eq!(lines[0].1, format!("{} bytes", metadata.len()));
    let memory: Vec<usize> = lines[1..]
        .iter()
        .map(|(_, text)| text.strip_prefix("VM").unwrap().split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    // Memory is a multiple of the page size, grows with the rules, and stays far below the VM's limit of 256 MiB.
    assert!(memory.iter().all(|bytes| bytes % (64 << 10) == 0) && memory.is_sorted(), "{memory:?}");
    assert!(memory[0] < memory[3] && memory[3] < 64 << 20, "{memory:?}");
    own.assert_error(0, &[]);
    assert!(own.out.starts_with(&statistics.out) && own.out.contains("these policies: VM"), "{}", own.out);
    folder.run("bundle --stats --module nowhere.wasm").assert_error(2, &["nowhere.wasm", "cargo xtask wasm"]);
    folder.run("bundle --stats --module manifests.yaml").assert_error(2, &["--module"]);
}

#[cfg(not(feature = "stats"))]
#[test]
fn stats_without_runtime_is_error_with_build_command() {
    folder().run("bundle --stats").assert_error(2, &["without the WebAssembly runtime", "--features stats"]);
}
