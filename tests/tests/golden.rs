//! The export equals istiod's output in every case of Istio's builder test in the conformance corpus.

use crate::corpus::print_uncaptured;
use palisade::{Cluster, Options, Workload, export, manifest, resource::Resources};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// The content of `golden/manifest.json`.
#[derive(Debug, Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    case: String,
    protocol: String,
    input: String,
    outputs: Vec<String>,
    extended_outputs: Vec<String>,
    trust_domains: Vec<String>,
    extension_providers: Vec<Value>,
    proxy: Proxy,
    root_namespace: String,
}

#[derive(Debug, Deserialize)]
struct Proxy {
    namespace: String,
    labels: BTreeMap<String, String>,
}

impl Case {
    fn export(&self, folder: &Path) -> Vec<Value> {
        let mut resources = Resources::default();
        let text = fs::read_to_string(folder.join(&self.input)).expect("input");
        let findings = manifest::load(&self.input, &text, &mut resources);
        assert!(findings.is_empty(), "{}: {findings:?}", self.case);
        let mut domains = self.trust_domains.iter().cloned();
        resources.mesh.root_namespace = self.root_namespace.clone();
        resources.mesh.trust_domain = domains.next().unwrap_or_default();
        resources.mesh.trust_domain_aliases = domains.collect();
        let providers = Value::from(self.extension_providers.clone());
        resources.mesh.extension_providers = serde_json::from_value(providers).expect("providers");
        let labels = self.proxy.labels.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let workload = Workload::new(&self.proxy.namespace, labels, "");
        let chain = if self.protocol == "tcp" { export::Chain::Tcp } else { export::Chain::Http };
        let (cluster, _) = Cluster::new(resources);
        export::envoy_rbac(&cluster, &workload, chain, &Options::default())
    }
}

fn read(folder: &Path, files: &[String]) -> Vec<Value> {
    let read = |file: &String| {
        let text = fs::read_to_string(folder.join(file)).expect("output");
        serde_saphyr::from_str::<Value>(&text).expect("a filter")
    };
    files.iter().map(read).collect()
}

/// Returns the paths at which the two values differ.
fn differences(path: &str, ours: &Value, theirs: &Value, out: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differences(&format!("{path}.{key}"), a, b, out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{i}]"), a, b, out);
            }
        }
        _ if ours == theirs => {}
        _ => out.push(format!("{path}: ours {ours}, istiod's {theirs}")),
    }
}

#[test]
fn export_equals_output_of_istiod() {
    let Some(folder) = palisade_test_support::corpus("istio/golden") else { return };
    let text = fs::read_to_string(folder.join("manifest.json")).expect("manifest");
    let golden: Golden = serde_json::from_str(&text).expect("cases");
    let (mut cases, mut filters, mut wrong) = (0, 0, Vec::new());
    for case in &golden.cases {
        let ours = case.export(&folder);
        for outputs in [&case.outputs, &case.extended_outputs] {
            if outputs.is_empty() && !case.outputs.is_empty() {
                continue;
            }
            let theirs = Value::from(read(&folder, outputs));
            differences(&case.case, &Value::from(ours.clone()), &theirs, &mut wrong);
            filters += outputs.len();
        }
        cases += 1;
    }
    print_uncaptured(&format!(
        "export: {cases} cases of istiod's, {filters} filters, {} differences",
        wrong.len()
    ));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 21, "the corpus has lost cases");
}
