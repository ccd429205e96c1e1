//! Policies and requests that are chosen to make a decision expensive.

use crate::requests::{OwnedRequest, policy};
use serde_json::{Value, json};

/// A case: its name, its policies and its request.
pub type Case = (&'static str, Vec<Value>, OwnedRequest);

fn policies(n: usize, rule: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..n).map(|i| policy("foo", &format!("p{i}"), "ALLOW", json!([rule(i)]))).collect()
}

/// Returns all cases with `n` rules each.
pub fn cases(n: usize) -> Vec<Case> {
    let get = |path: String| OwnedRequest {
        method: "GET".into(),
        path,
        host: "one.example.com".into(),
        identities: vec!["spiffe://cluster.local/ns/a/sa/b".into()],
        ..OwnedRequest::default()
    };
    let ladder = |depth: usize| "/a".repeat(depth);
    let one_host = policies(
        n,
        |i| json!({"to": [{"operation": {"hosts": ["one.example.com"], "paths": [format!("/svc{i}/*")]}}]}),
    );
    let steps = |methods: [&str; 2]| {
        policies(n.min(1000), |i| {
            let operation = json!({"methods": [methods[i % 2]], "paths": [format!("{}/*", ladder(i + 1))]});
            json!({"to": [{"operation": operation}]})
        })
    };
    let not_paths = policies(n, |i| {
        let operation = json!({"paths": [format!("/svc{i}/*")], "notPaths": [format!("/svc{i}/admin/*")]});
        json!({"to": [{"operation": operation}]})
    });
    let header = policies(
        n,
        |i| json!({"when": [{"key": "request.headers[x-user]", "values": [format!("user{i}")]}]}),
    );
    let principal = policies(n, crate::principal::one_rule);
    let many = (0..1000).map(|i| (format!("x-header-{i}"), "value".to_owned()));
    let user = |name: String| vec![("x-user".to_owned(), name)];
    vec![
        ("rules that share a host", one_host, get(format!("/svc{}/x", n - 1))),
        ("a ladder of paths", steps(["POST"; 2]), get(ladder(1000))),
        ("a ladder with the method at every other step", steps(["POST", "GET"]), get(ladder(1000))),
        ("every rule has notPaths", not_paths, get(format!("/svc{}/admin/x", n - 1))),
        (
            "one header, a value a rule",
            header.clone(),
            OwnedRequest { headers: user(format!("user{}", n - 1)), ..get("/".into()) },
        ),
        ("a path of 64 KiB", principal.clone(), get(format!("/{}", "a/".repeat(32 << 10)))),
        (
            "an identity of 64 KiB",
            principal,
            OwnedRequest { identities: vec!["a/ns/".repeat(13_000)], ..get("/".into()) },
        ),
        ("1,000 headers", header, OwnedRequest { headers: many.collect(), ..get("/".into()) }),
    ]
}
