//! The tables of Istio's own tests without case files: attachment, merged PeerAuthentications, trust domains, identities,
//! validation, and the decisions at gateways and waypoints. The tables are in the conformance corpus; without it, the tests are
//! skipped.

use palisade::{
    Cluster, Options, PolicySet, Severity, Workload,
    flow::{
        Certificate, EndpointRef, Flow, History, HttpRequest, Simulation, Token, TokenFault, TokenLocation,
    },
    ir::PeerMode,
    lint,
    resource::Resources,
};
use serde_json::{Value, json};

fn table() -> Option<Value> {
    let path = palisade_test_support::corpus("istio")?.join("decisions.json");
    Some(serde_json::from_str(&std::fs::read_to_string(path).expect("text")).expect("JSON"))
}

fn rows<'t>(table: &'t Value, key: &str) -> impl Iterator<Item = &'t Value> {
    table[key].as_array().expect("rows").iter()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn cluster(objects: impl IntoIterator<Item = Value>) -> Cluster {
    let mut resources = Resources::default();
    for object in objects {
        resources.add(object, Default::default()).expect("a readable object");
    }
    Cluster::new(resources).0
}

fn mesh(settings: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": settings}})
}

fn labels(value: &Value) -> Vec<(&str, &str)> {
    let object = value.as_object().expect("labels");
    object.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap_or_default())).collect()
}

#[test]
fn peer_authentications_merge_as_in_istiod() {
    let Some(table) = table() else { return };
    for row in rows(&table, "peerAuthenticationMerge") {
        let root = json!({"rootNamespace": row["rootNamespace"]});
        let cluster = cluster(row["resources"].as_array().unwrap().iter().cloned().chain([mesh(&root)]));
        let selector = row["resources"].as_array().unwrap().iter().find_map(|r| {
            r.pointer("/spec/selector/matchLabels").filter(|l| !l.as_object().unwrap().is_empty())
        });
        let of = selector.map(labels).unwrap_or_default();
        let set = PolicySet::compile(&cluster, &Workload::new("my-ns", of, "default"), &Options::default());
        let mode = |text: &str| match text {
            "STRICT" => PeerMode::Strict,
            "DISABLE" => PeerMode::Disable,
            _ => PeerMode::Permissive,
        };
        let expect = &row["expect"];
        assert_eq!(set.peer_mode(1).0, mode(text(expect, "mode")), "{}", row["name"]);
        for (port, expected) in expect["ports"].as_object().unwrap() {
            let port = port.parse().unwrap();
            assert_eq!(set.peer_mode(port).0, mode(expected.as_str().unwrap()), "{} {port}", row["name"]);
        }
    }
}

#[test]
fn policies_attach_as_in_istiod() {
    let Some(table) = table() else { return };
    for row in rows(&table, "attachment") {
        let policy = json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": "p", "namespace": row["policyNamespace"]}, "spec": row["spec"]});
        let proxy = &row["proxy"];
        let mut of = labels(&proxy["labels"]);
        if proxy["waypoint"] == true || text(proxy, "kind") == "waypoint" {
            of.push(("gateway.networking.k8s.io/gateway-class-name", "istio-waypoint"));
        }
        let workload = Workload::new(text(proxy, "namespace"), of, "default");
        let root = json!({"rootNamespace": row["rootNamespace"]});
        let cluster = cluster([policy, mesh(&root)]);
        let mut options = Options::default();
        options.istio.selector_on_gateway_api = row["selectorPoliciesOnGatewayApi"] != false;
        let services = proxy["services"].as_array().cloned().unwrap_or_default();
        let applies = match services.first() {
            None => PolicySet::compile(&cluster, &workload, &options).http().is_selected(),
            Some(service) => refuses_at_waypoint(row, service, options),
        };
        assert_eq!(json!(applies), row["expect"], "{row}");
    }
}

/// Returns whether a policy without rules, which denies all its traffic, applies at a waypoint.
fn refuses_at_waypoint(row: &Value, service: &Value, options: Options) -> bool {
    let proxy = &row["proxy"];
    let mut pod_labels = proxy["labels"].clone();
    pod_labels["gateway.networking.k8s.io/gateway-class-name"] = json!("istio-waypoint");
    let namespace = text(proxy, "namespace");
    let (version, kind) = match text(service, "registry") {
        "External" => ("networking.istio.io/v1", "ServiceEntry"),
        _ => ("v1", "Service"),
    };
    let cluster = cluster([
        mesh(&json!({"rootNamespace": row["rootNamespace"]})),
        json!({"apiVersion": "v1", "kind": "Pod", "status": {"podIP": "10.0.0.1"},
            "metadata": {"name": "waypoint", "namespace": namespace, "labels": pod_labels}}),
        json!({"apiVersion": version, "kind": kind, "spec": {},
            "metadata": {"name": service["name"], "namespace": service["namespace"]}}),
        json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "spec": row["spec"],
            "metadata": {"name": "p", "namespace": row["policyNamespace"]}}),
    ]);
    let mut flow = Flow::new("x/y", "x/y", 80);
    flow.from.endpoint = EndpointRef::Ip("10.0.0.2".parse().unwrap());
    let gateway = pod_labels["gateway.networking.k8s.io/gateway-name"].as_str().unwrap();
    let service = Some(format!("{}/{}", text(service, "namespace"), text(service, "name")));
    flow.to = EndpointRef::Gateway { gateway: format!("{namespace}/{gateway}"), service };
    flow.http = Some(HttpRequest::new("GET", "/", "x"));
    let simulation = Simulation::new(cluster, options);
    simulation.decide(&flow, &History::default()).unwrap().verdict.as_str() == "deny"
}

#[test]
fn admission_findings_equal_those_of_istiod() {
    let Some(table) = table() else { return };
    let check = |object: Value| -> (bool, bool) {
        let mut resources = Resources::default();
        if resources.add(object, Default::default()).is_err() {
            return (false, false);
        }
        let (cluster, _) = Cluster::new(resources);
        let findings = lint::check(&cluster, &Options::default());
        let valid = !findings.iter().any(|f| f.severity == Severity::Error);
        (valid, findings.iter().any(|f| f.severity == Severity::Warning && f.code != "spiffe-scheme"))
    };
    let object = |kind: &str, annotations: &Value, spec: &Value| {
        json!({"apiVersion": "security.istio.io/v1", "kind": kind, "spec": spec,
            "metadata": {"name": "p", "namespace": "foo", "annotations": annotations}})
    };
    let mut wrong = Vec::new();
    for row in rows(&table, "validation") {
        let (valid, warning) = check(object(text(row, "kind"), &row["annotations"], &row["spec"]));
        if json!(valid) != row["valid"]
            || (valid && row["warning"].is_boolean() && json!(warning) != row["warning"])
        {
            wrong.push(format!("valid {valid}, warning {warning}: {row}"));
        }
    }
    for row in rows(&table, "validateCondition") {
        let spec = json!({"rules": [{"when": [{"key": row["key"], "values": row["values"]}]}]});
        let (valid, _) = check(object("AuthorizationPolicy", &Value::Null, &spec));
        if json!(valid) != row["valid"] {
            wrong.push(format!("valid {valid}: {row}"));
        }
    }
    for row in rows(&table, "validatePathTemplate") {
        let spec = json!({"rules": [{"to": [{"operation": {"paths": [row["path"]]}}]}]});
        let (valid, _) = check(object("AuthorizationPolicy", &Value::Null, &spec));
        if json!(valid) != row["valid"] {
            wrong.push(format!("valid {valid}: {row}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn decisions_at_each_kind_of_proxy_equal_the_tables() {
    let Some(table) = table() else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows(&table, "decisions") {
        let answer = decide(&table, row);
        count += 1;
        if answer != text(&row["expect"], "decision") {
            wrong.push(format!("{answer}: {row}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn decide(table: &Value, row: &Value) -> String {
    let workload = &table["workloads"][text(row, "workload")];
    let namespace = text(workload, "namespace");
    let kind = text(workload, "kind");
    let port = row["destination"]["port"].as_u64().unwrap_or_default() as u16;
    let mut pod_labels = workload["labels"].clone();
    if kind == "waypoint" {
        pod_labels["gateway.networking.k8s.io/gateway-class-name"] = json!("istio-waypoint");
    }
    let providers = ["ext-authz-http", "ext-authz-grpc", "ext-authz-http-local", "ext-authz-grpc-local"];
    let providers = providers.map(|name| {
        let field = if name.contains("grpc") { "envoyExtAuthzGrpc" } else { "envoyExtAuthzHttp" };
        json!({"name": name, field: {"service": "x", "port": 1}})
    });
    let trusted = workload.get("numTrustedProxies").cloned().unwrap_or(json!(0));
    let settings = json!({"extensionProviders": providers,
        "defaultConfig": {"gatewayTopology": {"numTrustedProxies": trusted}}});
    let name = if row["protocol"] == "tcp" { "tcp-x" } else { "http-x" };
    let mut objects = vec![
        mesh(&settings),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "proxy", "namespace": namespace,
            "labels": pod_labels, "annotations": {"sidecar.istio.io/inject": "true"}},
            "status": {"podIP": workload["ip"]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": namespace},
            "spec": {"selector": pod_labels, "ports": [{"name": name, "port": port}]}}),
    ];
    for service in ["b", "c"] {
        objects.push(json!({"apiVersion": "v1", "kind": "Service", "spec": {},
            "metadata": {"name": service, "namespace": "echo1"}}));
    }
    if kind == "gateway" {
        objects.push(json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
            "metadata": {"name": "gw", "namespace": namespace},
            "spec": {"selector": pod_labels, "servers": [{"port": {"number": port, "protocol": "HTTP"}}]}}));
    }
    for set in row["policies"].as_array().unwrap() {
        let set = &table["policySets"][set.as_str().unwrap()];
        objects.extend(set["resources"].as_array().unwrap().iter().cloned());
    }
    let cluster = cluster(objects);
    let flag = text(row, "test").contains("MULTIPLE_CUSTOM_AUTHZ_PROVIDERS=true");
    let mut options = Options::default();
    options.istio.multiple_custom_providers = flag;
    options.istio.selector_on_gateway_api = workload["selectorPoliciesOnGatewayApi"] != false;
    let mut flow = Flow::new("x/y", &format!("{namespace}/proxy"), port);
    flow.from.endpoint = EndpointRef::Ip(text(row, "sourceIp").parse().unwrap());
    if matches!(kind, "gateway-api" | "waypoint") {
        let gateway = pod_labels["gateway.networking.k8s.io/gateway-name"].as_str().unwrap();
        let service =
            workload.get("service").map(|s| format!("{}/{}", text(s, "namespace"), text(s, "name")));
        flow.to = EndpointRef::Gateway { gateway: format!("{namespace}/{gateway}"), service };
    }
    flow.from.certificate =
        row["peer"].as_str().map(|peer| Certificate { uris: vec![peer.into()], ..Certificate::default() });
    if let Some(request) = row.get("request") {
        let mut http =
            HttpRequest::new(text(request, "method"), text(request, "path"), text(request, "host"));
        for header in request["headers"].as_array().into_iter().flatten() {
            let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
            http.headers.push((name.into(), value.into()));
        }
        flow.http = Some(http);
    }
    let tokens = row.get("token").map(|t| (t, &row["tokenLocation"]));
    let several = row["tokens"].as_array().into_iter().flatten().map(|t| (&t[0], &t[1]));
    for (token, location) in tokens.into_iter().chain(several) {
        flow.tokens.push(token_of(table, token, location));
    }
    for (provider, answer) in row["extAuthz"].as_object().into_iter().flatten() {
        flow.ext_authz.insert(provider.clone(), answer == "allow");
    }
    let simulation = Simulation::new(cluster, options);
    match simulation.decide(&flow, &History::default()) {
        Ok(decision) if decision.verdict.as_str() == "allow" => "allow".into(),
        Ok(decision) => {
            let status = row["expect"]["status"].as_u64();
            let same = status.is_none() || status == decision.status.map(u64::from);
            if same { "deny".into() } else { format!("{} {:?}", decision.verdict, decision.status) }
        }
        Err(error) => format!("error: {error}"),
    }
}

fn token_of(table: &Value, token: &Value, location: &Value) -> Token {
    let name = token.as_str().unwrap();
    let known = &table["tokens"][name];
    let claims = known["claims"].as_object().cloned().unwrap_or_default();
    let fault = if known["expired"] == true {
        Some(TokenFault::Expired)
    } else if known.is_null() {
        Some(TokenFault::Malformed)
    } else {
        None
    };
    let at = |key: &str| location[key].as_str().map(str::to_owned);
    let place = at("header").map(TokenLocation::Header).or_else(|| at("query").map(TokenLocation::Query));
    let place = place.or_else(|| at("cookie").map(TokenLocation::Cookie)).unwrap_or_default();
    Token { claims, fault, location: place, text: None }
}
