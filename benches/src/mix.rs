//! Policies like those of a large mesh, drawn by a seeded generator: exact names, prefixes, suffixes, presence, path
//! templates, address blocks, `not` fields, conditions on headers and claims, several rules a policy, ALLOW and DENY,
//! for the workload's namespace and for the whole mesh.

use crate::{
    Random,
    requests::{OwnedRequest, policy},
};
use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];
const ROOT: &str = "istio-system";

fn principal(i: usize) -> String {
    format!("cluster.local/ns/ns{}/sa/sa{i}", i % 97)
}

fn source(random: &mut Random, n: usize) -> Value {
    let i = random.below(n);
    let mut source = Map::new();
    match random.below(100) {
        0..60 => {
            let count = 1 + random.below(3);
            let names: Vec<String> = (0..count).map(|_| principal(random.below(n))).collect();
            source.insert("principals".into(), json!(names));
        }
        60..75 => {
            source.insert("namespaces".into(), json!([format!("ns{}-{i}", i % 97)]));
        }
        75..85 => {
            let block = format!("10.{}.{}.0/24", i / 256 % 256, i % 256);
            source.insert("ipBlocks".into(), json!([block]));
        }
        85..95 => {
            source.insert("requestPrincipals".into(), json!([format!("https://issuer.example/user{i}")]));
        }
        _ => {
            source.insert("principals".into(), json!([format!("*/ns/ns{}/sa/robot{i}", i % 97)]));
        }
    }
    if random.percent(10) {
        source.insert("notIpBlocks".into(), json!([format!("192.168.{}.0/24", i % 256)]));
    }
    Value::Object(source)
}

fn operation(random: &mut Random, n: usize) -> Value {
    let i = random.below(n);
    let mut operation = Map::new();
    match random.below(100) {
        0..50 => operation.insert("paths".into(), json!([format!("/api/v{}/res{i}/*", i % 3)])),
        50..70 => {
            operation.insert("paths".into(), json!([format!("/res{i}/list"), format!("/res{i}/status")]))
        }
        70..80 => operation.insert("paths".into(), json!([format!("/tenants/{{*}}/res{i}")])),
        80..90 => operation.insert("hosts".into(), json!([format!("svc{i}.example.com")])),
        90..95 => operation.insert("hosts".into(), json!([format!("*.team{i}.example.com")])),
        _ => operation.insert("paths".into(), json!([format!("*/file{i}.png")])),
    };
    if random.percent(60) {
        let method = METHODS[random.below(METHODS.len())];
        let methods = if random.percent(70) { json!([method]) } else { json!([method, "GET"]) };
        operation.insert("methods".into(), methods);
    }
    if random.percent(10) {
        operation.insert("notPaths".into(), json!([format!("/api/v{}/res{i}/admin*", i % 3)]));
    }
    Value::Object(operation)
}

fn condition(random: &mut Random, n: usize) -> Value {
    let i = random.below(n);
    match random.below(4) {
        0 => json!({"key": "request.headers[x-tenant]", "values": [format!("tenant{i}")]}),
        1 => json!({"key": "request.headers[x-version]", "values": ["*"]}),
        2 => json!({"key": "request.auth.claims[groups]", "values": [format!("group{}", i % 50)]}),
        _ => json!({"key": "request.headers[x-debug]", "notValues": ["on"]}),
    }
}

fn rule(random: &mut Random, n: usize) -> Value {
    let mut rule = Map::new();
    if random.percent(85) {
        rule.insert("from".into(), json!([{"source": source(random, n)}]));
    }
    rule.insert("to".into(), json!([{"operation": operation(random, n)}]));
    if random.percent(25) {
        rule.insert("when".into(), json!([condition(random, n)]));
    }
    Value::Object(rule)
}

/// Returns policies with `n` rules in total, the same for the same `n`.
pub fn policies(n: usize) -> Vec<Value> {
    let mut random = Random::new(n as u64);
    let mut policies = Vec::new();
    let mut rules = 0;
    while rules < n {
        let count = (1 + random.below(4)).min(n - rules);
        let list: Vec<Value> = (0..count).map(|_| rule(&mut random, n)).collect();
        let namespace = if random.percent(20) { ROOT } else { "foo" };
        let action = if random.percent(15) { "DENY" } else { "ALLOW" };
        policies.push(policy(namespace, &format!("p{rules}"), action, Value::Array(list)));
        rules += count;
    }
    policies
}

/// Returns `count` requests; about half of them are built from a rule of the set with `n` rules.
pub fn requests(n: usize, count: usize) -> Vec<OwnedRequest> {
    let policies = policies(n);
    let rules: Vec<&Value> =
        policies.iter().filter_map(|p| p["spec"]["rules"].as_array()).flatten().collect();
    let mut random = Random::new(7);
    (0..count)
        .map(|_| {
            let aimed = random.percent(60).then(|| rules[random.below(rules.len())]);
            request(&mut random, n, aimed)
        })
        .collect()
}

fn request(random: &mut Random, n: usize, aimed: Option<&Value>) -> OwnedRequest {
    let i = random.below(n);
    let text = |at: &str| {
        let value = aimed?.pointer(at)?.as_str()?;
        Some(value.replace("{*}", "acme").replacen("*/file", "/static/file", 1).replace('*', "x"))
    };
    let principal = text("/from/0/source/principals/0")
        .or_else(|| {
            Some(text("/from/0/source/namespaces/0")?).map(|ns| format!("cluster.local/ns/{ns}/sa/x"))
        })
        .unwrap_or_else(|| principal(i))
        .replacen("x/ns", "cluster.local/ns", 1);
    let subject = text("/from/0/source/requestPrincipals/0")
        .and_then(|p| p.rsplit_once('/').map(|(_, user)| user.to_owned()))
        .unwrap_or_else(|| format!("user{i}"));
    let block =
        text("/from/0/source/ipBlocks/0").and_then(|b| b.strip_suffix("0/24").map(|b| format!("{b}7")));
    let address = block.unwrap_or_else(|| format!("10.{}.{}.7", i / 256 % 256, i % 256));
    let mut headers: Vec<(String, String)> = ["accept", "user-agent", "x-request-id", "x-forwarded-proto"]
        .map(|name| (name.to_owned(), format!("value of {name}")))
        .into();
    headers.push(("x-tenant".into(), text("/when/0/values/0").unwrap_or_else(|| format!("tenant{i}"))));
    if random.percent(50) {
        headers.push(("x-version".into(), "7".into()));
    }
    OwnedRequest {
        method: text("/to/0/operation/methods/0").unwrap_or_else(|| "GET".into()),
        path: text("/to/0/operation/paths/0").unwrap_or_else(|| format!("/api/v{}/res{i}/items", i % 3)),
        host: text("/to/0/operation/hosts/0").unwrap_or_else(|| format!("svc{i}.example.com")),
        identities: vec![format!("spiffe://{principal}")],
        headers,
        source: address.parse().ok(),
        claims: Some(json!({
            "iss": "https://issuer.example", "sub": subject,
            "groups": [text("/when/0/values/0").unwrap_or_else(|| format!("group{}", i % 50))],
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::{RequestParts, compile};
    use palisade::Verdict;

    #[test]
    fn requests_include_both_verdicts() {
        let set = compile(policies(1000));
        let requests = requests(1000, 500);
        let allowed = requests
            .iter()
            .filter(|request| RequestParts::new(request).decide(&set) == Verdict::Allow)
            .count();
        assert!(allowed > 50 && allowed < 450, "{allowed} of 500 are allowed");
    }
}
