//! Decisions of a proxy: HTTP rules, combined rules, DNS rules, server names. The corpus describes some policies in prose;
//! this file contains them as YAML.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed setup must fail the test")]

use palisade::{
    Cluster, Layer, Options, Outcome, Protocol,
    flow::{DnsLookup, EndpointRef, Flow, FlowSource, History, HttpRequest, Simulation, Tls},
    manifest,
    resource::Resources,
};
use palisade_test_support::corpus;
use serde_json::{Value, json};
use std::fs;

fn decisions(file: &str) -> Option<Value> {
    let path = corpus("cilium")?.join(file);
    Some(serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
}

fn pod(name: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 80}]}]},
    })
}

/// Returns a cluster with the pods a, b and c, whose label `app` is their name, and the policies of `texts`.
fn cluster(texts: &[String]) -> Cluster {
    let mut resources = Resources::default();
    for name in ["a", "b", "c"] {
        resources.add(pod(name, json!({"app": name})), Default::default()).unwrap();
    }
    for text in texts {
        let (documents, findings) = manifest::documents("p.yaml", text);
        assert!(findings.is_empty(), "{text}: {findings:?}");
        for document in documents {
            resources.add(document.value, document.origin).unwrap_or_else(|e| panic!("{text}: {e}"));
        }
    }
    Cluster::new(resources).0
}

/// Returns a policy for the pod `subject`.
fn policy(name: &str, subject: &str, body: &str) -> String {
    format!(
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: '{name}', namespace: default}}\n\
         spec:\n  endpointSelector: {{matchLabels: {{app: {subject}}}}}\n{body}\n"
    )
}

struct LayerFlow<'c> {
    simulation: &'c Simulation,
    layer: Layer,
    flow: Flow,
}

impl LayerFlow<'_> {
    fn outcome(&self) -> Outcome {
        let answer = self.simulation.decide(&self.flow, &History::default()).unwrap();
        answer.layers.iter().find(|(l, _)| *l == self.layer).unwrap().1.outcome
    }
}

fn to(from: &str, to: EndpointRef, port: u16) -> Flow {
    let from = FlowSource {
        endpoint: EndpointRef::Workload(format!("default/{from}")),
        mtls: Some(false),
        certificate: None,
        mesh: None,
    };
    Flow { from, to, ..Flow::new("", "", port) }
}

fn get(path: &str) -> Option<HttpRequest> {
    Some(HttpRequest::new("GET", path, "svc"))
}

fn sni(name: &str) -> Option<Tls> {
    Some(Tls { sni: Some(name.to_owned()) })
}

#[test]
fn request_is_allowed_or_denied_as_by_the_proxy() {
    let Some(decisions) = decisions("decisions.json") else { return };
    let mut wrong = Vec::new();
    let list = decisions["http"].as_array().unwrap();
    for case in list {
        let rules = serde_json::to_string(&case["rules"]).unwrap();
        let rule = format!(
            "  ingress: [{{toPorts: [{{ports: [{{port: '80', protocol: TCP}}], rules: {{http: {rules}}}}}]}}]"
        );
        let cluster = cluster(&[policy("p", "b", &rule)]);
        let request = &case["request"];
        let text = |key: &str| request[key].as_str().unwrap();
        let mut http = HttpRequest::new(text("method"), text("path"), text("authority"));
        for (name, value) in request["headers"].as_object().unwrap() {
            http.headers.push((name.clone(), value.as_str().unwrap().into()));
        }
        let simulation = Simulation::new(cluster, Options::default());
        let flow = Flow { http: Some(http), ..to("a", EndpointRef::Workload("default/b".into()), 80) };
        let answer = simulation.decide(&flow, &History::default()).unwrap();
        let allowed = answer.layers[1].1.outcome == Outcome::Allow;
        let refused = answer.layers[1].1.outcome == Outcome::Deny && answer.status == Some(403);
        if (allowed, refused) != (case["allow"] == true, case["allow"] == false) {
            wrong.push(format!("{}: {:?} {:?}", case["id"], answer.layers[1].1.outcome, answer.status));
        }
    }
    println!("{} requests", list.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), list.len(), wrong.join("\n"));
}

const HTTP: &str =
    "toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET, path: /public}]}}]";
const PORT: &str = "toPorts: [{ports: [{port: '80', protocol: TCP}]}]";
const FROM_A: &str = "fromEndpoints: [{matchLabels: {app: a}}]";
const FROM_C: &str = "fromEndpoints: [{matchLabels: {app: c}}]";
const TO_B: &str = "toEndpoints: [{matchLabels: {app: b}}]";
const WORLD: &str = "toEntities: [world]";
const TLS: &str = "toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [a.com]}]";
const TLS_B: &str = "toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: ['*.b.com']}]";
const TLS_PORT: &str = "toPorts: [{ports: [{port: '443', protocol: TCP}]}]";
const TLS_HTTP: &str = "toPorts: [{ports: [{port: '443', protocol: TCP}], rules: {http: [{method: GET}]}}]";
const NAMES: &str =
    "toPorts: [{ports: [{port: '53', protocol: UDP}], rules: {dns: [{matchPattern: '*.x.io'}]}}]";
const DNS_PORT: &str = "toPorts: [{ports: [{port: '53', protocol: UDP}]}]";

/// A row of `l7Merge`: its policies (name, body), and flows with their outcomes.
type Merge = (&'static str, Vec<(&'static str, String)>, Vec<(Flow, Outcome)>);

/// Returns every row of `l7Merge`.
fn merges() -> Vec<Merge> {
    let ingress = |entry: &str| format!("  ingress: [{{{entry}}}]");
    let egress = |entry: &str| format!("  egress: [{{{entry}}}]");
    let http = |from: &str, path: &str, outcome| {
        let flow = to(from, EndpointRef::Workload("default/b".into()), 80);
        (Flow { http: get(path), ..flow }, outcome)
    };
    let bare =
        |from: &str, port, outcome| (to(from, EndpointRef::Workload("default/b".into()), port), outcome);
    let server = |name: Option<&str>, outcome| {
        let flow = to("a", EndpointRef::Ip("198.51.100.1".parse().unwrap()), 443);
        (Flow { tls: Some(Tls { sni: name.map(str::to_owned) }), ..flow }, outcome)
    };
    let lookup = |to_pod: &str, protocol, name: &str, outcome| {
        let flow = to("a", EndpointRef::Workload(format!("default/{to_pod}")), 53);
        let dns = DnsLookup { query: name.to_owned(), record_type: "A".to_owned() };
        (Flow { protocol, dns: Some(dns), ..flow }, outcome)
    };
    let (yes, no, ask, error) = (Outcome::Allow, Outcome::Deny, Outcome::NeedsRequest, Outcome::PolicyError);
    let same = || vec![http("a", "/public", yes), http("a", "/other", yes)];
    let off = "  enableDefaultDeny: {ingress: false, egress: false}\n";
    let on_a = |text: &str| format!("{FROM_A}, {text}");
    let both = |a: String, b: String| vec![("p", a), ("q", b)];
    vec![
        ("http+plain-same-peer", both(ingress(&on_a(HTTP)), ingress(&on_a(PORT))), same()),
        ("http+plain-other-selector", both(ingress(&on_a(HTTP)), ingress(PORT)), same()),
        ("http+l3-only", both(ingress(&on_a(HTTP)), ingress(FROM_A)), same()),
        (
            "http+range",
            both(
                ingress(&on_a(HTTP)),
                ingress(&on_a("toPorts: [{ports: [{port: '79', endPort: 81, protocol: TCP}]}]")),
            ),
            same(),
        ),
        (
            "http-wildcard+plain-c",
            both(ingress(HTTP), ingress(&format!("{FROM_C}, {PORT}"))),
            vec![
                http("c", "/other", yes),
                http("a", "/public", yes),
                http("a", "/other", no),
                bare("a", 80, ask),
            ],
        ),
        (
            "http-default-allow-endpoint",
            vec![("p", format!("{off}{}", ingress(HTTP)))],
            vec![http("a", "/other", yes), bare("a", 81, yes)],
        ),
        (
            "http-mixed-posture",
            both(format!("{off}{}", ingress(HTTP)), ingress(&format!("{FROM_C}, {PORT}"))),
            vec![http("a", "/public", yes), http("a", "/other", no), bare("a", 81, no)],
        ),
        (
            "dns-default-allow-endpoint",
            vec![("p", format!("{off}{}", egress(NAMES)))],
            vec![lookup("b", Protocol::Udp, "other.org", yes)],
        ),
        (
            "dns+l3-only",
            both(egress(&format!("{TO_B}, {NAMES}")), egress(TO_B)),
            vec![
                lookup("b", Protocol::Udp, "a.x.io", yes),
                lookup("b", Protocol::Udp, "other.org", no),
                lookup("c", Protocol::Udp, "a.x.io", no),
            ],
        ),
        (
            "dns+plain-same-selector",
            both(egress(&format!("{TO_B}, {NAMES}")), egress(&format!("{TO_B}, {DNS_PORT}"))),
            vec![lookup("b", Protocol::Udp, "other.org", yes)],
        ),
        (
            "dns+plain-any-peer",
            both(egress(&format!("{TO_B}, {NAMES}")), egress(DNS_PORT)),
            vec![lookup("b", Protocol::Udp, "other.org", yes)],
        ),
        (
            "dns+port-any",
            both(
                egress(&format!("{TO_B}, {NAMES}")),
                egress("toPorts: [{ports: [{port: '53', protocol: TCP}]}]"),
            ),
            vec![lookup("b", Protocol::Udp, "other.org", no), lookup("b", Protocol::Tcp, "other.org", yes)],
        ),
        (
            "sni+plain-same-selector",
            both(egress(&format!("{WORLD}, {TLS}")), egress(&format!("{WORLD}, {TLS_PORT}"))),
            vec![server(Some("a.com"), yes), server(Some("b.com"), no), server(None, no)],
        ),
        (
            "sni+plain-other-selector",
            both(egress(&format!("{WORLD}, {TLS}")), egress(&format!("toEntities: [all], {TLS_PORT}"))),
            vec![server(Some("a.com"), yes), server(Some("b.com"), yes), server(None, yes)],
        ),
        (
            "sni+sni",
            both(egress(&format!("{WORLD}, {TLS}")), egress(&format!("{WORLD}, {TLS_B}"))),
            vec![
                server(Some("A.com"), yes),
                server(Some("x.b.com"), yes),
                server(Some("b.com"), no),
                server(None, no),
            ],
        ),
        (
            "sni-then-http",
            both(egress(&format!("{WORLD}, {TLS}")), egress(&format!("{WORLD}, {TLS_HTTP}"))),
            vec![server(Some("a.com"), yes), server(Some("b.com"), no)],
        ),
        (
            "http-then-sni",
            both(egress(&format!("{WORLD}, {TLS_HTTP}")), egress(&format!("{WORLD}, {TLS}"))),
            vec![server(Some("a.com"), error)],
        ),
        (
            "http+dns-same-port",
            both(
                egress(&format!(
                    "{TO_B}, toPorts: [{{ports: [{{port: '53', protocol: TCP}}], rules: {{http: [{{method: GET}}]}}}}]"
                )),
                egress(&format!(
                    "{TO_B}, toPorts: [{{ports: [{{port: '53', protocol: TCP}}], rules: {{dns: [{{matchPattern: '*'}}]}}}}]"
                )),
            ),
            vec![lookup("b", Protocol::Tcp, "x.io", error)],
        ),
        (
            "http+deny",
            vec![("p", format!("{}\n  ingressDeny: [{{{FROM_C}}}]", ingress(HTTP)))],
            vec![http("c", "/public", no), bare("c", 80, no), http("a", "/public", yes)],
        ),
        (
            "kafka-1.20",
            vec![(
                "p",
                ingress("toPorts: [{ports: [{port: '9092', protocol: TCP}], rules: {kafka: [{topic: t}]}}]"),
            )],
            vec![bare("a", 9092, yes), bare("a", 9093, no)],
        ),
        (
            "auth+plain",
            both(ingress(&format!("{FROM_A}, authentication: {{mode: required}}")), ingress(FROM_A)),
            vec![bare("a", 80, yes)],
        ),
        (
            "auth-conflict",
            both(
                ingress(&format!("{FROM_A}, authentication: {{mode: required}}")),
                ingress(&format!("{FROM_A}, authentication: {{mode: disabled}}")),
            ),
            vec![bare("a", 80, error)],
        ),
    ]
}

#[test]
fn overlapping_rules_are_merged_as_by_the_agent() {
    let merges = merges();
    if let Some(decisions) = decisions("decisions.json") {
        for row in decisions["l7Merge"].as_array().unwrap() {
            assert!(merges.iter().any(|(id, ..)| row["id"] == **id), "{} is not written out", row["id"]);
        }
    }
    let mut wrong = Vec::new();
    for (id, policies, flows) in merges {
        let ingress = policies.iter().any(|(_, body)| body.contains("ingress: ["));
        let (subject, layer) = if ingress { ("b", Layer::CiliumIngress) } else { ("a", Layer::CiliumEgress) };
        let texts: Vec<String> = policies.iter().map(|(name, body)| policy(name, subject, body)).collect();
        let cluster = cluster(&texts);
        let simulation = Simulation::new(cluster, Options::default());
        for (flow, expected) in flows {
            let in_layer = LayerFlow { simulation: &simulation, layer, flow };
            let found = in_layer.outcome();
            if found != expected {
                wrong.push(format!("{id}: expected {expected}, got {found}: {:?}", in_layer.flow));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lookup_is_decided_by_endpoint_server_and_port() {
    let Some(decisions) = decisions("decisions.json") else { return };
    let section = &decisions["dnsProxy"];
    let mut wrong = Vec::new();
    let list = section["cases"].as_array().unwrap();
    for case in list {
        let table = section["tables"][case["rules"].as_str().unwrap()].as_array().unwrap();
        let mut resources = Resources::default();
        for name in ["ep1", "ep2", "ep3", "d1", "d2", "d3", "d4"] {
            resources.add(pod(name, json!({"app": name})), Default::default()).unwrap();
        }
        for (n, row) in table.iter().enumerate() {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_ascii_lowercase();
            let server = match &*text("server") {
                "*" => json!({}),
                name => json!({"matchLabels": {"app": name}}),
            };
            let mut ports = json!({"ports": [{"port": row["port"].to_string(), "protocol": "UDP"}]});
            if let Some(pattern) = row["matchPattern"].as_str() {
                ports["rules"] = json!({"dns": [{"matchPattern": pattern}]});
            }
            let policy = json!({
                "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
                "metadata": {"name": format!("p{n}"), "namespace": "default"},
                "spec": {
                    "endpointSelector": {"matchLabels": {"app": text("endpoint")}},
                    "egress": [{"toEndpoints": [server], "toPorts": [ports]}],
                },
            });
            resources.add(policy, Default::default()).unwrap();
        }
        // The proxy refuses an endpoint without a rule. In the engine, default deny refuses it.
        let closed = policy("closed", "ep2", "  egress: [{}]");
        for document in manifest::documents("p.yaml", &closed).0 {
            resources.add(document.value, document.origin).unwrap();
        }
        let cluster = Cluster::new(resources).0;
        let simulation = Simulation::new(cluster, Options::default());
        let name = |key: &str| case[key].as_str().unwrap().to_ascii_lowercase();
        let server = EndpointRef::Workload(format!("default/{}", name("server")));
        let flow = to(&name("endpoint"), server, case["port"].as_u64().unwrap() as u16);
        let dns = DnsLookup { query: name("qname"), record_type: "A".to_owned() };
        let flow = Flow { protocol: Protocol::Udp, dns: Some(dns), ..flow };
        let in_layer = LayerFlow { simulation: &simulation, layer: Layer::CiliumEgress, flow };
        if (in_layer.outcome() == Outcome::Allow) != (case["allow"] == true) {
            wrong.push(format!("{case}: {}", in_layer.outcome()));
        }
    }
    println!("{} lookups", list.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn server_name_matches_as_in_the_proxy() {
    let Some(cases) = decisions("fqdn-cases.json") else { return };
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases["sni"].as_array().unwrap() {
        let (Some(pattern), Some(name)) = (case["pattern"].as_str(), case["serverName"].as_str()) else {
            continue;
        };
        // In the proxy, two inner stars match several labels. The agent replaces them by one star first.
        if pattern.is_empty() || pattern.trim_start_matches('*').contains("**") {
            continue;
        }
        let entry = format!(
            "  egress: [{{{WORLD}, toPorts: [{{ports: [{{port: '443', protocol: TCP}}], serverNames: ['{pattern}']}}]}}]"
        );
        let cluster = cluster(&[policy("p", "a", &entry)]);
        let simulation = Simulation::new(cluster, Options::default());
        let flow = Flow { tls: sni(name), ..to("a", EndpointRef::Ip("198.51.100.1".parse().unwrap()), 443) };
        let in_layer = LayerFlow { simulation: &simulation, layer: Layer::CiliumEgress, flow };
        count += 1;
        if (in_layer.outcome() == Outcome::Allow) != (case["matches"] == true) {
            wrong.push(format!("{case}: {}", in_layer.outcome()));
        }
    }
    println!("{count} server names");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
