//! Matches of names and decisions on lookups, compared with the results of Cilium's own code. The tests count the rows of the
//! corpus.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed setup must fail the test")]

use palisade::{
    Cluster, CompileSwitches, CompiledRules, FqdnPattern, Options, PolicyRef, Protocol, Request, RuleId,
    flow::{DnsCode, DnsRequest, DnsVerdict, EndpointRef, Simulation},
    ir::{Clause, Effect, Group, NameAttribute, NamePattern, Rule, Section, Test},
    resource::Resources,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};

fn corpus(file: &str) -> Option<Value> {
    let text = fs::read_to_string(palisade_test_support::corpus("cilium")?.join(file)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn rows<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn canonical(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    if name.ends_with('.') { name } else { format!("{name}.") }
}

/// Returns whether `pattern`, compiled into a set, matches `name` without normalization.
fn matches(attribute: NameAttribute, pattern: Option<NamePattern>, name: &str) -> bool {
    let policy = PolicyRef { kind: "CiliumNetworkPolicy", namespace: "foo".into(), name: "p".into() };
    let test = Test::name(attribute, pattern);
    let clause = Clause { tests: vec![test], index: 0 };
    let groups = vec![Group { section: Section::Peer, clauses: vec![clause] }];
    let rule = Rule { id: RuleId::new(policy, 0), effect: Effect::Allow, groups };
    let rules = CompiledRules::new(&[rule], CompileSwitches::default());
    let names = [name];
    let request = Request { dns_query: Some(name), peer_names: &names, ..Request::default() };
    rules.first_match(&request, 0).unwrap() == Some(0)
}

/// Returns the pattern of a row, in `toFQDNs` or in a DNS rule. An empty field is the root in `toFQDNs`, and no pattern in
/// a DNS rule.
fn pattern(row: &Value, dns_rule: bool) -> Option<NamePattern> {
    let written = text(row, "pattern");
    match (row["field"].as_str().unwrap_or("matchPattern"), written) {
        (_, "") => (!dns_rule).then(|| NamePattern::Name(".".into())),
        ("matchName", _) => Some(NamePattern::Name(canonical(written).into())),
        _ => Some(NamePattern::Wildcard {
            pattern: canonical(written).into(),
            subdomains: true,
            any_bytes: dns_rule,
        }),
    }
}

fn check_match_rows(file: &str, expected: usize) {
    let Some(corpus) = corpus(file) else { return };
    let (mut wrong, mut counted, mut yes) = (Vec::new(), 0, 0);
    for row in rows(&corpus, "match") {
        let name = canonical(text(row, "name"));
        let as_selector = matches(NameAttribute::Peer, pattern(row, false), &name);
        let as_rule = matches(NameAttribute::DnsQuery, pattern(row, true), &name);
        let rule = row.get("matchesAsDnsRule").unwrap_or(&row["matches"]);
        let mut fits = as_selector == row["matches"] && as_rule == *rule;
        if row["field"].as_str().is_none_or(|field| field == "matchPattern")
            && !text(row, "pattern").is_empty()
        {
            let one = FqdnPattern::new(text(row, "pattern"), &Options::default()).unwrap();
            fits &= one.matches(text(row, "name")) == row["matches"];
            fits &= one.mismatch(text(row, "name")).is_none() == row["matches"];
        }
        if !fits {
            wrong.push(row.to_string());
        }
        counted += 1;
        yes += usize::from(as_selector);
    }
    println!("{file}: {counted} rows, {yes} match");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(counted, expected);
}

#[test]
fn random_name_matches_as_in_cilium() {
    check_match_rows("fqdn-random.json", 10_000);
}

#[test]
fn hand_written_name_matches_as_in_cilium() {
    check_match_rows("fqdn-cases.json", 154);
}

/// The test compares raw names, which no code converts to canonical form.
#[test]
fn raw_name_matches_as_in_the_matcher() {
    let Some(corpus) = corpus("fqdn-cases.json") else { return };
    for row in rows(&corpus, "raw") {
        let found = matches(NameAttribute::Peer, pattern(row, false), text(row, "rawName"));
        assert_eq!(found, row["matches"], "{row}");
    }
    assert_eq!(rows(&corpus, "raw").len(), 29);
    for row in rows(&corpus, "canonical") {
        // Cilium does not change a pattern of stars. A final dot does not change its meaning.
        let stars = text(row, "pattern").trim_end_matches('.').chars().all(|c| c == '*');
        assert!(stars || canonical(text(row, "pattern")) == text(row, "canonical"), "{row}");
    }
    assert_eq!(rows(&corpus, "canonical").len(), 6);
}

/// The test uses the patterns that have the same meaning for server names and for names.
#[test]
fn server_name_matches_as_in_the_proxy() {
    let Some(corpus) = corpus("fqdn-cases.json") else { return };
    let (mut counted, mut skipped) = (0, BTreeSet::new());
    for row in rows(&corpus, "sni") {
        let (written, name) = (text(row, "pattern"), text(row, "serverName"));
        if row.get("matches").is_none() {
            skipped.insert(format!("{written}: the test compares matches, not validity"));
            continue;
        }
        let inner = written.strip_prefix("**.").unwrap_or(written);
        if inner.contains("**") && !written.chars().all(|c| c == '*') {
            skipped.insert(format!("{written}: the agent writes one star for a run of them"));
            continue;
        }
        if written.is_empty() || name.is_empty() {
            skipped.insert(format!("`{written}` and `{name}`: without a name no pattern matches"));
            assert_eq!(row["matches"], false);
            continue;
        }
        // A server name has no final dot: a final dot in the handshake adds an empty label.
        let name = format!("{}.", name.to_ascii_lowercase());
        let found = matches(NameAttribute::Peer, pattern(row, false), &name);
        assert_eq!(found, row["matches"], "{row}");
        counted += 1;
    }
    println!("{counted} server names of {}", rows(&corpus, "sni").len());
    skipped.iter().for_each(|reason| println!("skipped: {reason}"));
    assert!(counted >= 50, "{counted}");
}

const SELECTOR: &str = "io.kubernetes.pod.namespace";

/// Returns a cluster with a pod for each endpoint and server of `table`, and a policy for each row.
fn cluster(table: &[Value], case: &Value) -> Cluster {
    let mut resources = Resources::default();
    let ends = table.iter().chain([case]).flat_map(|row| [text(row, "endpoint"), text(row, "server")]);
    for end in ends.filter(|end| *end != "*").collect::<BTreeSet<_>>() {
        let name = end.to_ascii_lowercase();
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "foo", "labels": {"end": end}}});
        resources.add(pod, Default::default()).unwrap();
        // Every endpoint has default deny, even without a DNS rule.
        let closed = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": {"name": format!("closed-{name}"), "namespace": "foo"},
            "spec": {"endpointSelector": {"matchLabels": {"end": end}}, "egress": [{}]}});
        resources.add(closed, Default::default()).unwrap();
    }
    for (number, row) in table.iter().enumerate() {
        let server = match text(row, "server") {
            "*" => json!({SELECTOR: "foo"}),
            server => json!({"end": server}),
        };
        let mut ports = json!({"ports": [{"port": row["port"].to_string(), "protocol": "UDP"}]});
        if let Value::String(pattern) = &row["matchPattern"] {
            ports["rules"] = json!({"dns": [{"matchPattern": pattern}]});
        }
        let policy = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
        "metadata": {"name": format!("row-{number}"), "namespace": "foo"},
        "spec": {"endpointSelector": {"matchLabels": {"end": row["endpoint"]}}, "egress": [{
            "toEndpoints": [{"matchLabels": server}],
            "toPorts": [ports],
        }]}});
        resources.add(policy, Default::default()).unwrap();
    }
    Cluster::new(resources).0
}

#[test]
fn lookup_is_decided_as_by_the_table_of_the_proxy() {
    let Some(decisions) = corpus("decisions.json") else { return };
    let proxy = &decisions["dnsProxy"];
    for case in rows(proxy, "cases") {
        let table = rows(&proxy["tables"], text(case, "rules"));
        assert!(!table.is_empty(), "{case}");
        let cluster = cluster(table, case);
        let simulation = Simulation::new(cluster, Options::default());
        let name = |key: &str| format!("foo/{}", text(case, key).to_ascii_lowercase());
        let request = DnsRequest {
            from: name("endpoint"),
            server: Some(EndpointRef::Workload(name("server"))),
            port: case["port"].as_u64().unwrap() as u16,
            protocol: Protocol::Udp,
            questions: vec![text(case, "qname").to_owned()],
        };
        let verdict = simulation.authorize_lookup(&request).verdict;
        match case["allow"].as_bool().unwrap() {
            true => assert!(matches!(verdict, DnsVerdict::Forward { .. }), "{case}: {verdict:?}"),
            false => assert_eq!(verdict, DnsVerdict::Refuse(DnsCode::Refused), "{case}"),
        }
    }
    assert_eq!(rows(proxy, "cases").len(), 12);
}
