//! A waypoint: the identity of the client is in filter state, which the proxy sets and the client cannot set. Native RBAC from
//! the export gives the expected results.

use super::{shipped, status};
use palisade::{
    Cluster, Options, Workload,
    export::{Chain, envoy_rbac_for_service},
    resource::Resources,
};
use palisade_envoy::{
    client::Client,
    config::{Bootstrap, Http, Listener, Tcp, Transport},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::{Value, json};
use std::io::{Read, Write};

const STATE: &str = "io.istio.peer_principal";
const LABELS: [(&str, &str); 2] = [
    ("gateway.networking.k8s.io/gateway-name", "wp"),
    ("gateway.networking.k8s.io/gateway-class-name", "istio-waypoint"),
];

/// Returns the filter that a waypoint runs before policies: it sets `principal` in filter state.
fn state(level: &str, principal: Option<&str>) -> Vec<Value> {
    let Some(principal) = principal else { return Vec::new() };
    let on = if level == "http" { "on_request_headers" } else { "on_new_connection" };
    let mut config = json!({
        "@type": format!("type.googleapis.com/envoy.extensions.filters.{level}.set_filter_state.v3.Config"),
    });
    config[on] = json!([{
        "object_key": STATE,
        "factory_key": "envoy.string",
        "format_string": {"text_format_source": {"inline_string": principal}},
    }]);
    vec![json!({"name": format!("envoy.filters.{level}.set_filter_state"), "typed_config": config})]
}

fn policy(name: &str, target: Value, spec: Value) -> Value {
    let mut spec = spec;
    spec["targetRefs"] = json!([target]);
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "foo"}, "spec": spec,
    })
}

fn policies() -> Vec<Value> {
    let gateway = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "wp"});
    let service = json!({"group": "", "kind": "Service", "name": "web"});
    let from = |namespace: &str| json!([{"source": {"namespaces": [namespace]}}]);
    vec![
        policy("bad", gateway, json!({"action": "DENY", "rules": [{"from": from("bad")}]})),
        policy(
            "admin",
            service,
            json!({"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin"]}}]}]}),
        ),
    ]
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "foo"},
           "spec": {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80}]}})
}

/// Returns the filters that istiod builds for the filter chain of the service.
fn native(policies: &[Value], chain: Chain) -> Vec<Value> {
    let mut resources = Resources::default();
    for object in policies.iter().cloned().chain([service()]) {
        resources.add(object, Default::default()).unwrap();
    }
    let (cluster, _) = Cluster::new(resources);
    let waypoint = Workload::new("foo", LABELS, "wp");
    envoy_rbac_for_service(&cluster, &waypoint, cluster.called_service("foo/web"), chain, &Options::default())
}

fn configuration(policies: &[Value]) -> Value {
    let labels: serde_json::Map<String, Value> =
        LABELS.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({
        "workload": {"namespace": "foo", "labels": labels, "serviceAccount": "wp", "role": "waypoint"},
        "service": {"namespace": "foo", "name": "web", "kind": "Service"},
        "resources": policies,
    })
}

const PRINCIPALS: [(&str, Option<&str>); 4] = [
    ("good", Some("spiffe://cluster.local/ns/good/sa/app")),
    ("bad", Some("spiffe://cluster.local/ns/bad/sa/app")),
    ("several", Some("spiffe://cluster.local/ns/good/sa/app,spiffe://cluster.local/ns/bad/sa/app")),
    ("missing", None),
];

#[test]
fn waypoint_identity_comes_from_filter_state_as_in_native_rbac() {
    let Some(module) = shipped() else { return };
    let policies = policies();
    let plugin = Plugin::new(&module, configuration(&policies).to_string());
    let mut listeners = Vec::new();
    for (name, principal) in PRINCIPALS {
        let chain = |filters: Vec<Value>| Http::with_filters([state("http", principal), filters].concat());
        let native = chain(native(&policies, Chain::Http));
        listeners.push(Listener::http(format!("native-{name}"), Transport::Plaintext, native));
        let ours = chain(vec![plugin.http_filter()]);
        listeners.push(Listener::http(format!("filter-{name}"), Transport::Plaintext, ours));
    }
    let envoy = Envoy::start(&Bootstrap::new(listeners)).unwrap();
    let ask = |enforcer: &str, name: &str, path: &str| {
        // A client cannot write filter state; a header with its name is only a header.
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: web.foo\r\n{STATE}: spiffe://cluster.local/ns/good/sa/app\r\n\r\n"
        );
        status(&super::send(&envoy, &format!("{enforcer}-{name}"), &head))
    };

    for (name, path, expected) in [
        ("good", "/", 200),
        ("good", "/admin", 403),
        ("bad", "/", 403),
        ("bad", "/admin", 403),
        ("several", "/", 403),
    ] {
        assert_eq!(ask("native", name, path), expected, "native {name} {path}");
        assert_eq!(ask("filter", name, path), expected, "filter {name} {path}");
    }
    // Without the filter state, native RBAC evaluates a client without identity. The filter does not decide without an identity.
    assert_eq!((ask("native", "missing", "/"), ask("filter", "missing", "/")), (200, 403));
    assert_eq!((ask("native", "missing", "/admin"), ask("filter", "missing", "/admin")), (403, 403));
}

#[test]
fn connection_to_waypoint_is_decided_by_filter_state() {
    let Some(module) = shipped() else { return };
    let policies: Vec<Value> = policies().into_iter().take(1).collect();
    let plugin = Plugin::new(&module, configuration(&policies).to_string());
    let mut listeners = Vec::new();
    for (name, principal) in PRINCIPALS {
        let chain = |filters: Vec<Value>| Tcp::echo([state("network", principal), filters].concat());
        let native = chain(native(&policies, Chain::Tcp));
        listeners.push(Listener::tcp(format!("native-{name}"), Transport::Plaintext, native));
        let ours = chain(vec![plugin.network_filter()]);
        listeners.push(Listener::tcp(format!("filter-{name}"), Transport::Plaintext, ours));
    }
    let envoy = Envoy::start(&Bootstrap::new(listeners)).unwrap();
    let passes = |enforcer: &str, name: &str| {
        let port = envoy.port(&format!("{enforcer}-{name}")).unwrap();
        let mut connection = Client::plaintext(port).connect().unwrap();
        let sent = connection.write_all(b"x").and_then(|()| connection.flush());
        sent.and_then(|()| connection.read_exact(&mut [0])).is_ok()
    };

    for (name, expected) in [("good", true), ("bad", false), ("several", false)] {
        assert_eq!(passes("native", name), expected, "native {name}");
        assert_eq!(passes("filter", name), expected, "filter {name}");
    }
    assert!(!passes("filter", "missing"));
}

/// The filter state of a proxy that is not a waypoint is not an identity, no matter which filter set it.
#[test]
fn filter_state_outside_waypoint_is_not_an_identity() {
    let Some(module) = shipped() else { return };
    let rules = json!([{"from": [{"source": {"namespaces": ["good"]}}]}]);
    let plugin = super::plugin(&module, json!({"resources": [super::policy("good", "ALLOW", rules)]}));
    let filters = [state("http", PRINCIPALS[0].1), vec![plugin.http_filter()]].concat();
    let listener = Listener::http("sidecar", Transport::Plaintext, Http::with_filters(filters));
    let envoy = Envoy::start(&Bootstrap::new(vec![listener])).unwrap();

    assert_eq!(status(&super::send(&envoy, "sidecar", &super::head("GET", "/"))), 403);
}

#[test]
fn policy_for_service_is_rejected_by_name_in_configuration() {
    let Some(module) = shipped() else { return };
    let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut configuration = configuration(&policies());
        change(configuration.as_object_mut().unwrap());
        let plugin = Plugin::new(&module, configuration.to_string());
        Envoy::start(&Bootstrap::new(vec![super::http("waypoint", &plugin)]))
    };

    let refused = with(&|fields| {
        fields.remove("service");
    });
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("configuration refused"), "{refused}");
    assert!(refused.contains("AuthorizationPolicy foo/admin"), "{refused}");
    let accepted = with(&|fields| {
        fields.remove("service");
        fields.insert("acceptInexact".into(), json!(["AuthorizationPolicy/foo/admin"]));
    });
    let envoy = accepted.unwrap();
    // No filter state contains the client here.
    assert_eq!(status(&super::send(&envoy, "waypoint", &super::head("GET", "/"))), 403);
}
