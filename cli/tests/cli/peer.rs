//! Rules on `ipBlocks` in the output of `palisade bundle`, in a real Envoy. They use the address of the socket's peer, whatever
//! `X-Forwarded-For` contains.

use crate::folder::Folder;
use palisade_envoy::{
    client::{Client, Reply},
    config::{Bootstrap, Http, Listener, Transport},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::Value;

fn manifests(block: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: sample, namespace: foo, labels: {{app: sample}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: peers, namespace: foo}}
spec: {{rules: [{{from: [{{source: {{ipBlocks: ['{block}']}}}}]}}]}}
"
    )
}

/// Returns the HTTP filters of each format, by name.
fn forms(block: &str, module: &str) -> Vec<(&'static str, Vec<Value>)> {
    let folder = Folder::new(&[("manifests.yaml", manifests(block).as_bytes())]);
    let form = |name: &str| -> Value {
        let arguments = format!("--workload foo/sample --format {name} --module {module}");
        let ran = folder.run(&format!("bundle -f manifests.yaml {arguments}"));
        ran.assert_error(0, &[]);
        serde_json::from_str(&ran.out).expect("JSON")
    };
    let values = |filter: &Value| -> Vec<Value> {
        let patches = filter["spec"]["configPatches"].as_array().expect("patches");
        patches.iter().map(|patch| patch["patch"]["value"].clone()).collect()
    };
    let filter = form("istio-envoy-filter");
    // istiod creates a filter from the WasmPlugin, and inserts the filter of the EnvoyFilter before all others.
    let plugin = form("istio-wasm-plugin");
    assert_eq!(plugin["items"][0]["spec"]["configPatches"][0]["patch"]["operation"], "INSERT_FIRST");
    let wasm = |configuration: &Value| Plugin::new(module, configuration.to_string()).http_filter();
    let configured = wasm(&plugin["items"][1]["spec"]["pluginConfig"]);
    let beside = [values(&plugin["items"][0]), vec![configured.clone()]].concat();
    let listener = &form("envoy-listener")["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let mut listed = listener["http_filters"].as_array().expect("filters").clone();
    // The fixture adds its own router.
    listed.pop();
    vec![
        ("envoy-filter", values(&filter)),
        ("wasm-plugin", beside),
        ("listener", listed),
        ("alone", vec![configured]),
    ]
}

#[test]
fn address_in_header_is_never_the_peer_address() {
    let Some(module) = palisade_test_support::filter_module() else { return };
    if let Err(error) = palisade_envoy::fetch::binary() {
        return palisade_test_support::skip_unless_required(&format!("no Envoy: {error:#}"));
    }
    let mut listeners = Vec::new();
    for (place, block) in [("here", "127.0.0.0/8"), ("there", "10.0.0.0/8")] {
        for (form, filters) in forms(block, &module.display().to_string()) {
            let name = format!("{form}-{place}");
            listeners.push(Listener::http(name, Transport::Plaintext, Http::with_filters(filters)));
        }
    }
    let envoy = Envoy::start(&Bootstrap::new(listeners)).expect("Envoy");
    let send = |name: &str, forwarded: &str| {
        let request = format!("GET / HTTP/1.1\r\nhost: sample.foo\r\n{forwarded}\r\n");
        let client = Client::plaintext(envoy.port(name).expect("a port"));
        match client.request(request.as_bytes()).expect("an answer") {
            Reply::Response(response) => response.status,
            Reply::Closed(reason) => panic!("{name}: {reason}"),
        }
    };
    const FORWARDED: &str = "x-forwarded-for: 10.0.0.1\r\n";

    for form in ["envoy-filter", "wasm-plugin", "listener"] {
        let answers = ["here", "there"].map(|place| {
            let name = format!("{form}-{place}");
            (send(&name, ""), send(&name, FORWARDED))
        });
        assert_eq!(answers, [(200, 200), (403, 403)], "{form}");
    }
    // Without the address of the peer, both rules deny a request with the header.
    assert_eq!((send("alone-here", ""), send("alone-here", FORWARDED)), (200, 403));
    assert_eq!((send("alone-there", ""), send("alone-there", FORWARDED)), (403, 403));
}
