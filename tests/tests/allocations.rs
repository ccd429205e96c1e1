//! Decisions allocate no memory.

use palisade::{
    Cluster, CompileSwitches, CompiledRules, Options, PolicySet, Request, Verdict, Workload, ir::Rule,
    resource::Resources,
};
use palisade_tests::{generate, reference, sample::Sample};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::json;

/// Draws one value, always the same.
fn draw<S: Strategy>(strategy: S) -> S::Value {
    strategy.new_tree(&mut TestRunner::deterministic()).expect("a value").current()
}

#[test]
fn first_match_allocates_no_memory() {
    let rules: Vec<Rule> = draw(generate::narrow_rules(600..700));
    let samples: Vec<Sample> = draw(proptest::collection::vec(generate::sample(), 50));
    let (mut hits, mut misses) = (0, 0);
    for index in [true, false] {
        let compiled = CompiledRules::new(&rules, CompileSwitches { index, ..CompileSwitches::default() });
        for (n, sample) in samples.iter().enumerate() {
            for request in [sample.clone(), generate::aim(sample, &rules[n * 10 % rules.len()], n)] {
                for floor in [0, rules.len() as u32 - 3] {
                    let mut found = None;
                    let measured = allocation_counter::measure(|| {
                        found = compiled.first_match(&request, floor).expect("readable");
                    });
                    assert_eq!(found, reference::first_match(&rules, &request, floor).expect("readable"));
                    if found.is_some() {
                        hits += 1
                    } else {
                        misses += 1
                    }
                    assert_eq!(measured.count_total, 0, "floor {floor}, {request:#?}");
                }
            }
        }
    }
    assert!(hits > 20 && misses > 20, "{hits} hits and {misses} misses are too few to mean anything");
}

/// The decision of a workload's policies: a match of a DENY rule, a match of an ALLOW rule, and the default.
#[test]
fn decide_allocates_no_memory() {
    let mut resources = Resources::default();
    for n in 0..300 {
        let action = if n % 3 == 0 { "DENY" } else { "ALLOW" };
        let policy = json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": format!("p{n}"), "namespace": "foo"},
            "spec": {"action": action, "rules": [{
                "from": [{"source": {"principals": [format!("cluster.local/ns/n{n}/sa/s")], "notIpBlocks": ["10.0.0.0/8"]}}],
                "to": [{"operation": {"methods": ["GET"], "paths": [format!("/svc{n}/*"), "/x/{*}/y"], "hosts": ["*.foo"]}}],
                "when": [{"key": "request.headers[x-user]", "values": ["a*"]},
                         {"key": "request.auth.claims[groups]", "notValues": ["blocked"]}],
            }]},
        });
        resources.add(policy, Default::default()).expect("a valid policy");
    }
    let (cluster, _) = Cluster::new(resources);
    let set = PolicySet::compile(&cluster, &Workload::new("foo", [], "sample"), &Options::default());
    let headers: [(&str, &[u8]); 2] = [("accept", b"*/*"), ("x-user", b"alice")];
    let claims = json!({"iss": "i", "sub": "s", "groups": ["admin", "dev"]});
    for (n, path, expected) in [
        (3, "/svc3/a", Verdict::Deny),
        (4, "/svc4/a?x=1", Verdict::Allow),
        (4, "/x/1/y", Verdict::Allow),
        (4, "/other", Verdict::Deny),
        (999, "/svc4/a", Verdict::Deny),
    ] {
        let identity = format!("spiffe://cluster.local/ns/n{n}/sa/s");
        let identities = [identity.as_bytes()];
        let request = Request {
            method: Some(b"GET"),
            path: Some(path.as_bytes()),
            authority: Some(b"Sample.FOO"),
            headers: &headers,
            claims: claims.as_object(),
            identities: &identities,
            source_ip: Some([192, 0, 2, 1].into()),
            ..Request::default()
        };
        let mut verdict = None;
        let alone = allocation_counter::measure(|| assert_eq!(set.http().verdict(&request), expected));
        assert_eq!(alone.count_total, 0, "{path}");
        let measured = allocation_counter::measure(|| verdict = Some(set.http().decide(&request).verdict));
        assert_eq!(verdict, Some(expected), "{n} {path}");
        assert_eq!(measured.count_total, 0, "{n} {path}");
    }
}
