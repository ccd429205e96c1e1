//! A policy that a format cannot enforce exactly is refused, unless the arguments accept it by name.

use crate::folder::{Folder, Ran};
use serde_json::{Value, json};

const CLUSTER: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: authz
      envoyExtAuthzGrpc: {service: authz.foo.svc.cluster.local, port: 9000}
---
apiVersion: v1
kind: Pod
metadata: {name: sample, namespace: foo, labels: {app: sample}}
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
metadata: {name: web, namespace: foo}
spec: {selector: {app: sample}, ports: [{name: http, port: 80}]}
";

const SERVICE: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: foo}
spec:
  targetRefs: [{kind: Service, group: '', name: web}]
  action: DENY
  rules: [{to: [{operation: {paths: [/admin]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gateway, namespace: foo}
spec:
  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: wp}]
  action: DENY
  rules: [{from: [{source: {namespaces: [bad]}}]}]
";

const CUSTOM: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: external, namespace: foo}
spec:
  selector: {matchLabels: {app: sample}}
  action: CUSTOM
  provider: {name: authz}
  rules: [{when: [{key: 'request.headers[authorization]', values: ['*']}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: get, namespace: foo}
spec:
  selector: {matchLabels: {app: sample}}
  rules: [{to: [{operation: {methods: [GET]}}]}]
";

const TOKENS: &str = "
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: foo}
spec: {jwtRules: [{issuer: issuer.example, jwksUri: 'https://issuer.example/keys'}]}
";

const EGRESS: &str = "
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: private, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: sample}}
  egress: [{toFQDNs: [{matchName: www.example.com}]}]
  egressDeny: [{toCIDR: [10.0.0.0/8]}]
";

fn run(parts: &[&str], arguments: &str) -> Ran {
    let text = [&[CLUSTER], parts].concat().join("---");
    Folder::new(&[("all.yaml", text.as_bytes())]).run(arguments)
}

/// Asserts that the command refuses `policy`, and accepts it with `--accept-inexact`. Returns the output.
fn accepted(parts: &[&str], arguments: &str, policy: &str) -> Value {
    let refused = run(parts, arguments);
    refused.assert_error(2, &["error", &format!("--accept-inexact {policy}")]);
    assert!(refused.out.is_empty(), "{}", refused.out);
    let ran = run(parts, &format!("{arguments} --accept-inexact {policy}"));
    ran.assert_error(0, &["warning"]);
    serde_json::from_str(&ran.out).expect("JSON")
}

#[test]
fn policy_for_service_is_exact_only_with_service_argument() {
    let web = "AuthorizationPolicy/foo/web";
    let bundle = "bundle -f all.yaml --workload foo/wp";
    let export = "export envoy-rbac -f all.yaml --workload foo/wp";

    let configuration = accepted(&[SERVICE], bundle, web);
    assert_eq!(configuration["acceptInexact"], json!([web]));
    accepted(&[SERVICE], export, web);
    accepted(&[SERVICE], "bundle -f all.yaml --from-node", web);
    let served = run(&[SERVICE], &format!("{bundle} --service foo/web"));
    served.assert_error(0, &[]);
    let served: Value = serde_json::from_str(&served.out).expect("JSON");
    assert_eq!(served["resources"].as_array().map(Vec::len), Some(2));
    assert!(served.get("acceptInexact").is_none());
    let exported = run(&[SERVICE], &format!("{export} --service foo/web"));
    exported.assert_output(
        0,
        &["ns[foo]-policy[web]-rule[0]", "ns[foo]-policy[gateway]-rule[0]", "io.istio.peer_principal"],
    );
    // Policies for services do not apply to sidecars.
    run(&[SERVICE], "bundle -f all.yaml --workload foo/sample").assert_error(0, &[]);
}

#[test]
fn service_argument_must_name_known_service_of_waypoint() {
    let bundle = "bundle -f all.yaml --workload";
    run(&[], &format!("{bundle} foo/wp --service foo/none"))
        .assert_error(2, &["unknown Service or ServiceEntry `foo/none`", "`foo/web`"]);
    run(&[], &format!("{bundle} foo/sample --service foo/web")).assert_error(2, &["needs a waypoint"]);
    run(&[], "export envoy-rbac -f all.yaml --workload foo/sample --service foo/web")
        .assert_error(2, &["needs a waypoint"]);
    run(&[], &format!("{bundle} foo/wp --service foo/web --format istio-envoy-filter"))
        .assert_error(2, &["every service of a waypoint"]);
    run(&[], &format!("{bundle} foo/wp --direction outbound")).assert_error(2, &["no outbound listeners"]);
}

#[test]
fn gateway_policy_on_traffic_to_pods_is_inexact_for_one_service() {
    const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: wp, namespace: foo, labels: {istio.io/waypoint-for: all}}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
";
    let bundle = "bundle -f all.yaml --workload foo/wp --service foo/web";
    accepted(&[SERVICE, GATEWAY], bundle, "AuthorizationPolicy/foo/gateway");
}

#[test]
fn custom_policy_needs_provider_and_filter_before_token_validation() {
    let external = "AuthorizationPolicy/foo/external";
    let bundle = "bundle -f all.yaml --workload foo/sample";
    let with_provider = format!("{bundle} --provider authz");

    accepted(&[CUSTOM], bundle, external);
    accepted(&[CUSTOM], &format!("{bundle} --tcp"), external);
    run(&[CUSTOM], &with_provider).assert_error(0, &[]);
    for form in ["json", "envoy-listener"] {
        let command = format!("{with_provider} --format {form}");
        accepted(&[CUSTOM, TOKENS], &command, external);
    }
    let command = format!("{with_provider} --format envoy-gateway --module oci://registry.example/p:1");
    accepted(&[CUSTOM, TOKENS], &command, external);
}

#[test]
fn istio_formats_put_custom_policies_before_token_validation() {
    let forms = "bundle -f all.yaml --workload foo/sample --provider authz --format";
    let print = |parts: &[&str], form: &str| -> Value {
        let ran = run(parts, &format!("{forms} {form}"));
        ran.assert_error(0, &[]);
        serde_json::from_str(&ran.out).expect("JSON")
    };
    let actions = |configuration: &Value| -> Vec<Value> {
        let resources = configuration["resources"].as_array().expect("a list").iter();
        resources
            .filter(|o| o["kind"] == "AuthorizationPolicy")
            .map(|o| o["metadata"]["name"].clone())
            .collect()
    };
    let wasm = "istio-wasm-plugin --module oci://registry.example/p:1";

    let split = print(&[CUSTOM, TOKENS], wasm);
    let plugins: Vec<(Value, Vec<Value>)> = split["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|plugin| (plugin["spec"]["phase"].clone(), actions(&plugin["spec"]["pluginConfig"])))
        .collect();
    assert_eq!(plugins, [(json!("AUTHN"), vec![json!("external")]), (json!("AUTHZ"), vec![json!("get")])]);
    // If no policy validates tokens, one plugin is exact.
    assert_eq!(print(&[CUSTOM], wasm)["spec"]["phase"], "AUTHZ");

    let patches = print(&[CUSTOM, TOKENS], "istio-envoy-filter")["spec"]["configPatches"].clone();
    let patches: Vec<(Value, Value)> = patches
        .as_array()
        .expect("patches")
        .iter()
        .map(|patch| (patch["patch"]["operation"].clone(), patch["patch"]["value"]["name"].clone()))
        .collect();
    let peer = json!("envoy.filters.http.set_filter_state");
    assert_eq!(
        patches,
        [
            (json!("INSERT_FIRST"), json!("palisade")),
            (json!("INSERT_FIRST"), peer),
            (json!("INSERT_BEFORE"), json!("palisade"))
        ]
    );
}

#[test]
fn network_plugin_for_request_policies_is_refused() {
    const PATHS: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: paths, namespace: foo}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}
";
    let bundle = "bundle -f all.yaml --workload foo/sample --tcp --format";
    let paths = "AuthorizationPolicy/foo/paths";

    accepted(&[PATHS], &format!("{bundle} istio-wasm-plugin --module oci://registry.example/p:1"), paths);
    run(&[PATHS], &format!("{bundle} istio-envoy-filter")).assert_error(0, &[]);
}

#[test]
fn envoy_gateway_accepts_only_exact_policies() {
    const PEERS: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: peers, namespace: foo}
spec: {rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}
";
    let bundle = "bundle -f all.yaml --format envoy-gateway --module oci://registry.example/p:1";
    let sample = format!("{bundle} --workload foo/sample");

    let printed = accepted(&[PEERS], &sample, "AuthorizationPolicy/foo/peers");
    assert_eq!(printed["spec"]["wasm"][0]["code"]["image"]["url"], "registry.example/p:1");
    run(&[], &format!("{sample} --tcp")).assert_error(2, &["on requests only"]);
    run(&[], &format!("{sample} --direction outbound")).assert_error(2, &["no outbound listeners"]);
    run(&[], &format!("{bundle} --from-node")).assert_error(2, &["does not describe its workload"]);
}

#[test]
fn egress_policy_that_denies_addresses_is_refused() {
    let bundle = "bundle -f all.yaml --direction outbound --workload foo/sample";
    accepted(&[EGRESS], bundle, "CiliumNetworkPolicy/foo/private");
    run(
        &[],
        "bundle -f all.yaml --direction outbound --from-node --format istio-wasm-plugin --module oci://p",
    )
    .assert_error(2, &["istio-envoy-filter"]);
}

#[test]
fn unknown_policy_cannot_be_accepted() {
    let bundle = "bundle -f all.yaml --workload foo/sample --accept-inexact";
    run(&[SERVICE], &format!("{bundle} AuthorizationPolicy/foo/none")).assert_error(
        2,
        &["unknown policy `AuthorizationPolicy/foo/none`", "`AuthorizationPolicy/foo/gateway`"],
    );
    run(&[SERVICE], &format!("{bundle} AuthorizationPolicy/foo/gateway"))
        .assert_error(0, &["needs no --accept-inexact"]);
}

#[test]
fn policies_of_other_components_are_reported() {
    const OTHERS: &str = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: foo}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: audited, namespace: foo}
spec: {action: AUDIT, rules: [{}]}
";
    let bundle = "bundle -f all.yaml --workload foo/sample";
    run(&[OTHERS, EGRESS, TOKENS], bundle).assert_error(
        0,
        &[
            "PeerAuthentication/foo/strict",
            "CiliumNetworkPolicy/foo/private",
            "AUDIT",
            "AuthorizationPolicy foo/audited",
            "`jwt_authn`",
            "RequestAuthentication foo/tokens",
        ],
    );
    // istiod inserts token validation before the plugin.
    let plugin = format!("{bundle} --format istio-wasm-plugin --module oci://registry.example/p:1");
    let ran = run(&[TOKENS], &plugin);
    ran.assert_error(0, &[]);
    assert!(!ran.err.contains("RequestAuthentication"), "{}", ran.err);
}

#[test]
fn profile_strict_has_no_export() {
    run(&[], "export envoy-rbac -f all.yaml --workload foo/sample --profile strict")
        .assert_error(2, &["`strict`"]);
}
