//! The results of the agent and of the schema for names and patterns
//! (docs/semantics/cilium.md#cilium-agent-and-schema).
#![expect(clippy::unwrap_used, reason = "a failed setup must fail the test")]

use palisade::{Authority, Cluster, Options, Severity, lint, resource::Resources};
use palisade_test_support::corpus;
use serde_json::{Value, json};
use std::fs;

/// Returns whether the agent and the schema accept `{field: text}` in `toFQDNs`.
fn verdicts(field: &str, text: &str) -> (bool, bool) {
    let policy = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"endpointSelector": {}, "egress": [{"toFQDNs": [{field: text}]}]},
    });
    let mut resources = Resources::default();
    resources.add(policy, Default::default()).unwrap();
    let findings = lint::check(&Cluster::new(resources).0, &Options::default());
    let agent = findings.iter().all(|f| f.severity != Severity::Error);
    let schema = findings.iter().all(|f| !f.refused_by.contains(&Authority::Crd));
    (agent, schema)
}

fn check(rows: &[Value], field: impl Fn(&Value) -> String) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        let (field, text) = (field(row), row["pattern"].as_str().unwrap_or_default());
        let (agent, schema) = verdicts(&field, text);
        if row["valid"] != agent {
            wrong.push(format!("{field} `{text}`: expected the agent to return {}", row["valid"]));
        }
        // The table has no result of the schema for an empty field, because no API server stores one.
        if row["validForCRD"].as_bool().is_some_and(|valid| valid != schema) {
            wrong.push(format!("{field} `{text}`: expected the schema to return {}", row["validForCRD"]));
        }
    }
    wrong
}

#[test]
fn name_or_pattern_is_valid_as_for_agent_and_schema() {
    let Some(folder) = corpus("cilium") else { return };
    let read = |name: &str| -> Vec<Value> {
        let table: Value = serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        table["valid"].as_array().cloned().unwrap_or_default()
    };
    let (made, random) = (read("fqdn-cases.json"), read("fqdn-random.json"));
    println!("{} names and patterns, {} random patterns", made.len(), random.len());
    assert!(made.len() >= 57 && random.len() >= 500, "the tables are not whole");
    let mut wrong = check(&made, |row| row["field"].as_str().unwrap_or_default().to_owned());
    wrong.extend(check(&random, |_| "matchPattern".to_owned()));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_file_of_the_corpus_has_a_result() {
    let Some(folder) = corpus("cilium") else { return };
    let decisions: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("decisions.json")).unwrap()).unwrap();
    let listed: Vec<&str> = decisions["fileValidity"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|r| r["file"].as_str())
        .collect();
    for (part, count) in [("examples/", 74), ("cilium-cli/", 98)] {
        assert_eq!(listed.iter().filter(|f| f.starts_with(part)).count(), count, "{part}");
    }
    assert!(decisions["validation"].as_array().is_some_and(|samples| samples.len() >= 55));
}
