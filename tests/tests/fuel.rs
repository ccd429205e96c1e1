//! The WebAssembly fuel of ten decisions in the shipped module, compared with the committed figures.

use crate::corpus::{print_uncaptured, wasm_module};
use core::fmt::Write;
use palisade_benches::decisions;
use palisade_harness::{Conformance, Connection, HttpRequest, Node, Stream, Verdict};
use serde_json::json;
use std::{collections::BTreeMap, env, fs, path::Path};

/// The largest accepted increase over the committed fuel, as a fraction.
const TOLERANCE: f64 = 0.05;

fn fuel(conformance: &Conformance) -> Vec<(&'static str, u64)> {
    decisions::all()
        .iter()
        .map(|decision| {
            let configuration = json!({
                "workload": {"namespace": "foo", "labels": {"app": "sample"}, "serviceAccount": "sample"},
                "resources": decision.policies(),
            });
            let mut plugin =
                conformance.plugin(configuration.to_string().as_bytes(), Node::default()).expect("a plugin");
            let owned = decision.request();
            let pseudo = [(":method", &owned.method), (":path", &owned.path), (":authority", &owned.host)];
            let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.clone()));
            let headers = pseudo.chain(owned.headers.iter().cloned());
            let request = HttpRequest {
                headers: headers.map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect(),
                ..HttpRequest::default()
            };
            let stream = || {
                let connection = Connection {
                    id: 1,
                    tls: true,
                    mtls: true,
                    uri_sans: owned.identities.clone(),
                    dns_sans: Vec::new(),
                    subject: String::new(),
                    server_name: String::new(),
                    source: (owned.source.unwrap_or([192, 0, 2, 1].into()), 40000).into(),
                    forwarded: None,
                    destination: ([192, 0, 2, 2], 8080).into(),
                };
                let mut stream = Stream { connection, ..Stream::default() };
                if let Some(claims) = &owned.claims {
                    stream.metadata.insert("envoy.filters.http.jwt_authn".into(), json!({"payload": claims}));
                }
                stream
            };
            // The first request grows memory, which later requests reuse.
            Conformance::http(&mut plugin, stream(), &request);
            let answer = Conformance::http(&mut plugin, stream(), &request);
            assert_eq!(answer.verdict == Verdict::Allow, decision.is_allowed(), "{}", decision.name);
            (decision.name, answer.fuel)
        })
        .collect()
}

#[test]
fn decisions_stay_within_committed_fuel() {
    let Some(module) = wasm_module() else { return };
    let counts = fuel(&Conformance::new(&module).expect("a module"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/fuel.toml");
    if env::var_os("PALISADE_UPDATE_FUEL").is_some() {
        let mut text = String::from(
            "# Fuel of each decision in the module: PALISADE_UPDATE_FUEL=1 cargo test -p palisade-tests fuel\n",
        );
        for (name, count) in &counts {
            writeln!(text, "\"{name}\" = {count}").expect("a string grows");
        }
        fs::write(&file, text).expect("benches/fuel.toml can be written");
    }
    let text = fs::read_to_string(&file).expect("benches/fuel.toml");
    let committed: BTreeMap<String, u64> = toml::from_str(&text).expect("a table of counts");
    let mut worse = Vec::new();
    for (name, now) in counts {
        let before = committed.get(name).copied().unwrap_or_default();
        let change = now as f64 / before.max(1) as f64 - 1.0;
        print_uncaptured(&format!("fuel: {name:<32} {before:>10} {now:>10} {:>+7.1} %", change * 100.0));
        if change > TOLERANCE {
            worse.push(name);
        }
    }
    assert!(worse.is_empty(), "more fuel than committed: {worse:?}");
}

/// The policies must fit into the memory limit of the module. The time is printed, not asserted.
#[test]
fn module_holds_ten_thousand_policies() {
    let Some(module) = wasm_module() else { return };
    let conformance = Conformance::new(&module).expect("a module");
    let policies: Vec<_> = (0..10_000).map(palisade_benches::principal::one).collect();
    let configuration = json!({"workload": {"namespace": "foo"}, "resources": policies}).to_string();
    let start = std::time::Instant::now();
    conformance.plugin(configuration.as_bytes(), Node::default()).expect("a plugin");
    print_uncaptured(&format!(
        "10,000 policies from JSON text to ready in the module: {:?}",
        start.elapsed()
    ));
}
