//! Random clusters, compared with the verdicts of Cilium's own policy code in each layer.

use palisade::{
    Cluster, Layer, Options, Outcome,
    flow::{EndpointRef, Flow, FlowSource, History, Simulation},
    manifest,
    resource::Resources,
};
use palisade_cases::{Access, CaseResult, InProcess, find, run};
use palisade_test_support::corpus;
use serde_json::Value;
use std::fs;

/// A flow whose result lacks the aggregate identities of Cilium's agent (`faults/cilium-15`): with these identities, the
/// selector `reserved:world-ipv4 DoesNotExist` selects an outside address in a block of another policy.
const WITHOUT_AGGREGATES: &str = "s0316.cases.yaml: 29 prod/web-0 > 10.96.4.4 TCP/8081:";

#[test]
fn random_cluster_is_decided_as_by_cilium() {
    let Some(folder) = corpus("cilium/random") else { return };
    let files = find(&[folder], &Access::default()).unwrap();
    let report = run(&files, &InProcess, &|_| ());
    let mut wrong = Vec::new();
    let mut decided = 0;
    for file in &report.files {
        wrong.extend(file.errors.iter().map(ToString::to_string));
        for case in &file.cases {
            let found = match &case.result {
                CaseResult::Flow(_, found) | CaseResult::Load(_, found) => found.clone(),
                CaseResult::Skipped(reason) | CaseResult::Failed(reason) => {
                    wrong.push(format!("{}: {}: {reason}", file.file.display(), case.case.name));
                    continue;
                }
                CaseResult::Invalid(error) => {
                    wrong.push(error.to_string());
                    continue;
                }
            };
            decided += 1;
            let name = file.file.file_name().unwrap_or_default().to_string_lossy();
            wrong.extend(found.iter().map(|f| format!("{name}: {}: {f}", case.case.name)));
        }
    }
    println!("{decided} cases");
    wrong.retain(|line| !line.starts_with(WITHOUT_AGGREGATES));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(decided >= 10_000, "only {decided} cases");
}

#[test]
fn endpoint_is_selected_as_by_cilium() {
    let Some(folder) = corpus("cilium/random") else { return };
    let selected: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("selected.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut ends = 0;
    for (scenario, expected) in selected.as_object().unwrap() {
        let text = fs::read_to_string(folder.join(format!("{scenario}.yaml"))).unwrap();
        let dual =
            fs::read_to_string(folder.join(format!("{scenario}.cases.yaml"))).unwrap().contains("ipv6: true");
        let mut resources = Resources::default();
        manifest::load(scenario, &text, &mut resources);
        let cluster = Cluster::new(resources).0;
        let mut options = Options::default();
        options.cilium.ipv6 = dual;
        let simulation = Simulation::new(cluster, options);
        for (name, flags) in expected.as_object().unwrap() {
            let own = match name.contains('/') {
                true => EndpointRef::Workload(name.clone()),
                false => EndpointRef::Entity { name: name.clone(), node: None },
            };
            let world = EndpointRef::Ip("192.0.2.77".parse().unwrap());
            let flow = |from: &EndpointRef, to: &EndpointRef| Flow {
                from: FlowSource { endpoint: from.clone(), mtls: Some(false), certificate: None, mesh: None },
                to: to.clone(),
                ..Flow::new("", "", 1)
            };
            let is_selected = |from: &EndpointRef, to: &EndpointRef, layer: Layer| {
                let answer = simulation.decide(&flow(from, to), &History::default()).unwrap();
                let (_, decision) = answer.layers.into_iter().find(|(l, _)| *l == layer).unwrap();
                decision.outcome != Outcome::NotSelected
            };
            let egress = if is_selected(&own, &world, Layer::CiliumEgress) { 'E' } else { '-' };
            let ingress = if is_selected(&world, &own, Layer::CiliumIngress) { 'I' } else { '-' };
            ends += 1;
            if flags.as_str() != Some(&format!("{egress}{ingress}")) {
                wrong.push(format!("{scenario} {name}: {flags}, got {egress}{ingress}"));
            }
        }
    }
    println!("{ends} ends");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
