use super::*;
use crate::{
    ir::{AddressAttribute, Attribute},
    resource::Resources,
};
use alloc::{string::ToString, vec, vec::Vec};
use serde_json::{Value, json};

fn cluster(objects: Vec<Value>) -> Cluster {
    let mut resources = Resources::default();
    for object in objects {
        resources.add(object, Default::default()).unwrap();
    }
    Cluster::new(resources).0
}

fn policy(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "foo"}, "spec": spec,
    })
}

fn waypoint() -> Workload {
    let labels = [
        ("gateway.networking.k8s.io/gateway-name", "wp"),
        ("gateway.networking.k8s.io/gateway-class-name", "istio-waypoint"),
    ];
    Workload::new("foo", labels, "wp")
}

fn sample() -> Workload {
    Workload::new("foo", [("app", "sample")], "sample")
}

fn names(found: &[Inexact]) -> Vec<String> {
    found.iter().map(|inexact| inexact.policy.name.to_string()).collect()
}

fn target(kind: &str, group: &str, name: &str) -> Value {
    json!({"targetRefs": [{"kind": kind, "group": group, "name": name}], "action": "DENY", "rules": [{}]})
}

#[test]
fn policy_for_a_service_is_inexact_on_a_waypoint_without_service() {
    let gateway = json!([
        {"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "wp"},
        {"kind": "Service", "group": "", "name": "web"},
    ]);
    let cluster = cluster(vec![
        policy("service", target("Service", "core", "web")),
        policy("entry", target("ServiceEntry", "networking.istio.io", "web")),
        policy("gateway", target("Gateway", "gateway.networking.k8s.io", "wp")),
        policy("both", json!({"targetRefs": gateway})),
    ]);
    let options = Options::default();
    let check = |workload: Workload, service| names(&check_proxy(&cluster, &workload, service, &options));
    let web = CalledService { namespace: "foo", name: "web", kind: CalledService::SERVICE };

    assert_eq!(check(waypoint(), None), ["service", "entry"]);
    assert!(check(waypoint(), Some(web)).is_empty());
    assert!(check(sample(), None).is_empty());
    assert_eq!(names(&for_services(&cluster)), ["service", "entry", "both"]);
}

#[test]
fn policy_for_a_service_of_another_waypoint_does_not_count() {
    let service = |name: &str, label: Value| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "foo", "labels": label}, "spec": {},
        })
    };
    let cluster = cluster(vec![
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": "foo", "labels": {"istio.io/use-waypoint": "other"}}}),
        service("own", json!({"istio.io/use-waypoint": "wp"})),
        service("namespaced", json!({})),
        service("far", json!({"istio.io/use-waypoint": "wp", "istio.io/use-waypoint-namespace": "bar"})),
        policy("own", target("Service", "", "own")),
        policy("namespaced", target("Service", "", "namespaced")),
        policy("far", target("Service", "", "far")),
    ]);

    assert_eq!(names(&check_proxy(&cluster, &waypoint(), None, &Options::default())), ["own"]);
}

fn custom(name: &str, rule: Value) -> Value {
    policy(name, json!({"action": "CUSTOM", "provider": {"name": "authz"}, "rules": [rule]}))
}

fn header(name: &str) -> Value {
    json!({"when": [{"key": alloc::format!("request.headers[{name}]"), "values": ["*"]}]})
}

fn mesh() -> Value {
    let grpc = json!({"service": "authz.foo.svc.cluster.local", "port": 9000});
    let mesh = json!({"extensionProviders": [{"name": "authz", "envoyExtAuthzGrpc": grpc}]});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"},
           "data": {"mesh": mesh}})
}

fn tokens(rule: Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
        "metadata": {"name": "tokens", "namespace": "foo"}, "spec": {"jwtRules": [rule]},
    })
}

#[test]
fn custom_rule_on_changed_header_or_claim_is_inexact_after_token_validation() {
    let policies = || {
        vec![
            mesh(),
            custom("authorization", header("Authorization")),
            custom("own", header("x-token")),
            custom("claim", header("x-claim")),
            custom("principal", json!({"from": [{"source": {"requestPrincipals": ["*"]}}]})),
            custom("path", json!({"to": [{"operation": {"paths": ["/admin"]}}]})),
        ]
    };
    let check = |rule: Value| {
        let cluster = cluster([policies(), vec![tokens(rule)]].concat());
        names(&check_custom(&cluster, &sample(), None, &Options::default()))
    };

    assert_eq!(check(json!({"issuer": "a"})), ["authorization", "principal"]);
    assert_eq!(check(json!({"issuer": "a", "forwardOriginalToken": true})), ["principal"]);
    assert_eq!(
        check(json!({"issuer": "a", "fromHeaders": [{"name": "X-Token"}],
                     "outputClaimToHeaders": [{"header": "x-claim", "claim": "sub"}]})),
        ["own", "claim", "principal"]
    );
    let without = cluster(policies());
    assert!(check_custom(&without, &sample(), None, &Options::default()).is_empty());
}

#[test]
fn policy_on_requests_is_inexact_for_connections() {
    let cluster = cluster(vec![
        mesh(),
        policy("path", json!({"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/a"]}}]}]})),
        policy("port", json!({"rules": [{"to": [{"operation": {"ports": ["80"]}}]}]})),
        policy("peer", json!({"rules": [{"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}]})),
        custom("asks", json!({})),
    ]);
    let (sample, options) = (sample(), Options::default());

    assert_eq!(names(&check_connections(&cluster, &sample, None, &options)), ["path"]);
    let named = |found: Vec<&Object<AuthorizationPolicySpec>>| {
        found.iter().map(|policy| policy.metadata.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(named(custom_policies(&cluster, &sample, None, Chain::Tcp, &options)), ["asks"]);
    assert_eq!(
        named(policies_reading(
            &cluster,
            &sample,
            None,
            &Attribute::Address(AddressAttribute::SourceIp),
            &options
        )),
        ["peer"]
    );
    assert_eq!(applicable_policies(&cluster, &sample, None, &options).len(), 4);
}

#[test]
fn egress_policy_that_denies_addresses_is_inexact_by_name() {
    let egress = |name: &str, spec: Value| {
        let mut spec = spec;
        spec["endpointSelector"] = json!({"matchLabels": {"app": "sample"}});
        json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
               "metadata": {"name": name, "namespace": "foo"}, "spec": spec})
    };
    let cluster = cluster(vec![
        egress("names", json!({"egress": [{"toFQDNs": [{"matchName": "a.example"}]}]})),
        egress("private", json!({"egressDeny": [{"toCIDR": ["10.0.0.0/8"]}]})),
    ]);

    assert_eq!(names(&check_egress(&cluster, &sample(), &Options::default())), ["private"]);
}
