//! Random AuthorizationPolicies over small alphabets: every field and `when` key.

use palisade_test_support::Random;
use serde_json::{Map, Value, json};

pub(crate) const PATHS: &[&str] = &[
    "/a",
    "/a/*",
    "*/b",
    "*",
    "/a/{*}",
    "/a/{**}",
    "/{*}/b",
    "/a/{**}/b",
    "/a/{**}/",
    "/A",
    "/a%20b",
    "/a b",
    "/a*b",
    "/a/",
    "/",
    "*/a*",
    "/a/{*}/{**}",
    "/a%7Cb",
    "/a|b",
    "/a;b",
    "/a/{*}/c/{*}",
];
const HOSTS: &[&str] =
    &["a.com", "*.com", "a.*", "A.Com", "*", "a.com:80", "*:80", "b*", "*.a.com", "[::1]", "a*m", "**"];
const METHODS: &[&str] = &["GET", "POST", "P*", "*T", "*", "DELETE", "get", "G*T", "HEAD", "*E*"];
const PRINCIPALS: &[&str] = &[
    "td1/ns/a/sa/b",
    "cluster.local/ns/a/sa/b",
    "*",
    "td1/ns/a/*",
    "*/sa/b",
    "old/ns/a/sa/b",
    "spiffe://td1/ns/a/sa/b",
    "*-td/ns/a/sa/b",
    "t*",
    "td9/ns/a/sa/b",
    "td*/ns/a/sa/b",
    "*b",
    "td1/ns/a.b/sa/c",
];
const NAMESPACES: &[&str] = &["a", "b", "*a", "a*", "*", "*c*", "a.b", "a/sa", "a*b"];
const ACCOUNTS: &[&str] = &["a/b", "b", "a.b/c", "istio-system/b", "c"];
const DOMAINS: &[&str] = &["td1", "*", "t*", "*1", "old", "cluster.local", "td9"];
const BLOCKS: &[&str] =
    &["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "::/0", "0.0.0.0/0", "127.0.0.1/8", "::1"];
const REMOTES: &[&str] =
    &["1.2.3.4", "1.2.0.0/16", "2001:db8::/32", "127.0.0.1", "0.0.0.0/0", "1.2.3.4/24", "1.2.3.5"];
const REQUEST_PRINCIPALS: &[&str] =
    &["*", "i/s", "i/*", "*/s", "*s", "i*", "https://i/x/s", "i", "*/*", "*i/s", "i/s*", "/s", "i/"];
const TEXTS: &[&str] = &["a", "b", "a*", "*a", "*", "ab", "*a*", "a*b", "a,b", "A", "**"];
const METADATA: &[&str] = &["a", "a*", "*a", "*", "[a]", "[a*]", "[*]", "[[a]]", "[*a]", "b"];
const SNI: &[&str] = &["a.com", "*", "*.com", "a.*"];

const TEXT_KEYS: &[&str] = &[
    "request.headers[x-a]",
    "request.headers[X-B]",
    "request.headers[:method]",
    "request.headers[user-agent]",
    "request.headers[x-a]",
    "request.headers[x-c]",
    "request.headers[accept]",
    "request.headers[cookie]",
    "request.headers[x-forwarded-for]",
    "request.auth.claims[g]",
    "request.auth.claims[g][h]",
    "request.auth.claims[a.b]",
    "request.auth.claims[scope]",
    "request.auth.claims[iss]",
    "request.auth.audiences",
    "request.auth.presenter",
];

/// The name of the gateway that policies refer to.
pub(crate) const WAYPOINT: &str = "wp";

/// The workload that the policies select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// The waypoint [`WAYPOINT`] of namespace `foo`.
    Waypoint,
    /// The sidecar of `foo/app`.
    Sidecar,
}

/// Returns the mesh settings and one to four policies for one workload that listens on `port`.
pub(crate) fn policies(random: &mut Random, port: u16, subjects: Subjects) -> Vec<Value> {
    let count = 1 + random.below(4);
    let providers = [&["p1", "p1-x"], &["p1", "nobody"]][random.below(2)];
    // Two providers on one workload deny everything, which hides all other rules.
    let providers = if random.percent(85) { &providers[..1] } else { &providers[..] };
    let mut all = vec![mesh(random)];
    all.extend((0..count).map(|number| policy(random, number, port, subjects, providers)));
    all
}

fn mesh(random: &mut Random) -> Value {
    let domains: [&[&str]; 5] = [
        &["td1", "old", "new-td"],
        &["td1"],
        &["cluster.local", "td1"],
        &["td1", "cluster.local", "*-td"],
        &["old", "td1"],
    ];
    let domains = domains[random.below(domains.len())];
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": {
            "trustDomain": domains[0],
            "trustDomainAliases": domains[1..],
            "caCertificates": [{"pem": "", "trustDomains": ["td1", "old", "new-td", "cluster.local", "td9"]}],
            "extensionProviders": [
                {"name": "p1", "envoyExtAuthzHttp": {"service": "a.foo.svc.cluster.local", "port": 1}},
                {"name": "p1-x", "envoyExtAuthzHttp": {"service": "b.foo.svc.cluster.local", "port": 1}},
            ],
        }},
    })
}

fn policy(random: &mut Random, number: usize, port: u16, subjects: Subjects, providers: &[&str]) -> Value {
    let action = match random.below(100) {
        0..50 => "ALLOW",
        50..86 => "DENY",
        86..91 => "AUDIT",
        _ => "CUSTOM",
    };
    let count = 1 + random.below(3);
    let rules: Vec<Value> = match action {
        "CUSTOM" => (0..count).map(|_| custom_rule(random, port)).collect(),
        _ => (0..count).map(|_| rule(random, port)).collect(),
    };
    let in_root = random.percent(20);
    let mut spec = json!({"action": action, "rules": rules});
    match subjects {
        Subjects::Waypoint => {
            let name = if random.percent(4) { "other" } else { WAYPOINT };
            let (kind, name) = if in_root { ("GatewayClass", "istio-waypoint") } else { ("Gateway", name) };
            let target = json!({"group": "gateway.networking.k8s.io", "kind": kind, "name": name});
            spec["targetRefs"] = json!([target]);
        }
        Subjects::Sidecar => {
            let app = if random.percent(4) { "other" } else { "app" };
            if random.percent(50) {
                spec["selector"] = json!({"matchLabels": {"app": app}});
            }
        }
    }
    if action == "CUSTOM" {
        spec["provider"] = json!({"name": random.pick(providers)});
    }
    if action == "ALLOW" && random.percent(3) {
        spec["rules"] = json!([]);
    }
    let mut metadata =
        json!({"name": format!("p{number}"), "namespace": if in_root { "istio-system" } else { "foo" }});
    if matches!(action, "ALLOW" | "DENY") && random.percent(10) {
        metadata["annotations"] = json!({"istio.io/dry-run": "true"});
    }
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": metadata, "spec": spec,
    })
}

/// Returns a rule of a CUSTOM policy, which has no conditions on identities and tokens.
fn custom_rule(random: &mut Random, port: u16) -> Value {
    let mut rule = json!({"to": [{"operation": operation(random, port)}]});
    if random.percent(25) {
        let mut source = Map::new();
        field(random, &mut source, "remoteIpBlocks", REMOTES);
        rule["from"] = json!([{"source": source}]);
    }
    if random.percent(30) {
        let mut condition = Map::new();
        condition.insert("key".into(), random.pick(&TEXT_KEYS[..9]).into());
        field(random, &mut condition, "values", TEXTS);
        rule["when"] = json!([condition]);
    }
    rule
}

fn rule(random: &mut Random, port: u16) -> Value {
    let mut rule = Map::new();
    if random.percent(55) {
        let from: Vec<Value> = (0..1 + random.below(2)).map(|_| json!({"source": source(random)})).collect();
        rule.insert("from".into(), from.into());
    }
    if random.percent(65) {
        let to: Vec<Value> =
            (0..1 + random.below(2)).map(|_| json!({"operation": operation(random, port)})).collect();
        rule.insert("to".into(), to.into());
    }
    if random.percent(50) || rule.is_empty() {
        let when: Vec<Value> = (0..1 + random.below(2)).map(|_| condition(random, port)).collect();
        rule.insert("when".into(), when.into());
    }
    rule.into()
}

fn values(random: &mut Random, alphabet: &[&str]) -> Value {
    let values: Vec<&str> = (0..1 + random.below(3)).map(|_| random.pick(alphabet)).collect();
    values.into()
}

/// Adds a field, its `not` form, or both.
fn field(random: &mut Random, out: &mut Map<String, Value>, name: &str, alphabet: &[&str]) {
    let negative = random.percent(35);
    if !negative || random.percent(15) {
        out.insert(name.into(), values(random, alphabet));
    }
    if negative {
        let (first, rest) = name.split_at(1);
        out.insert(format!("not{}{rest}", first.to_uppercase()), values(random, alphabet));
    }
}

fn source(random: &mut Random) -> Value {
    let mut out = Map::new();
    for _ in 0..1 + random.below(2) {
        let accounts = out.keys().any(|k| k.contains("ervice"));
        let names = out.keys().any(|k| k.contains("rincipals") || k.contains("amespaces"));
        match random.below(8) {
            0 | 1 if !accounts => field(random, &mut out, "principals", PRINCIPALS),
            2 if !accounts => field(random, &mut out, "namespaces", NAMESPACES),
            3 if !names => field(random, &mut out, "serviceAccounts", ACCOUNTS),
            4 => field(random, &mut out, "trustDomains", DOMAINS),
            5 => field(random, &mut out, "ipBlocks", BLOCKS),
            6 => field(random, &mut out, "remoteIpBlocks", REMOTES),
            _ => field(random, &mut out, "requestPrincipals", REQUEST_PRINCIPALS),
        }
    }
    out.into()
}

fn operation(random: &mut Random, port: u16) -> Value {
    let mut out = Map::new();
    for _ in 0..1 + random.below(2) {
        match random.below(7) {
            0 | 1 => field(random, &mut out, "hosts", HOSTS),
            2 => field(random, &mut out, "methods", METHODS),
            3 => field(random, &mut out, "ports", &[&port.to_string(), "80", "0", "65535"]),
            _ => field(random, &mut out, "paths", PATHS),
        }
    }
    out.into()
}

fn condition(random: &mut Random, port: u16) -> Value {
    let port = port.to_string();
    let ports = [port.as_str(), "80", "443"];
    let (key, alphabet): (&str, &[&str]) = match random.below(22) {
        0 => ("source.ip", BLOCKS),
        1 => ("remote.ip", REMOTES),
        2 => ("destination.ip", BLOCKS),
        3 => ("destination.port", &ports),
        4 => ("source.namespace", NAMESPACES),
        5 => ("source.principal", PRINCIPALS),
        6 => ("source.serviceAccount", ACCOUNTS),
        7 => ("source.trustDomain", DOMAINS),
        8 => ("request.auth.principal", REQUEST_PRINCIPALS),
        9 => ("connection.sni", SNI),
        10 => ("request.headers[:path]", PATHS),
        11 => ("request.headers[host]", HOSTS),
        12 => ("request.headers[:authority]", HOSTS),
        13 | 14 => ("experimental.envoy.filters.m[k]", METADATA),
        _ => (random.pick(TEXT_KEYS), TEXTS),
    };
    let mut out = Map::new();
    out.insert("key".into(), key.into());
    field(random, &mut out, "values", alphabet);
    out.into()
}
