//! The shipped module in a real Envoy. `cargo xtask wasm` builds it. Without it, these tests are skipped, or fail if
//! `PALISADE_REQUIRE_WASM` is set.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of a test fail it"
)]

mod custom;
mod egress;
mod failure;
mod held;
mod http3;
mod identity;
mod reload;
mod tcp;
mod telemetry;
mod waypoint;

use palisade_envoy::{
    client::{Client, Reply},
    config::{Http, Listener, Transport},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Returns the path of a build of the module for one test.
fn module(name: &str) -> Option<PathBuf> {
    palisade_test_support::built_module(name)
}

fn shipped() -> Option<PathBuf> {
    palisade_test_support::filter_module()
}

fn policy(name: &str, action: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "foo"},
        "spec": {"action": action, "rules": rules},
    })
}

fn get_only() -> Value {
    policy("get-only", "ALLOW", json!([{"to": [{"operation": {"methods": ["GET"]}}]}]))
}

/// Returns the plugin of `foo/sample` with these additional fields of its configuration.
fn plugin(module: &PathBuf, further: Value) -> Plugin {
    let mut configuration = json!({"workload": {"namespace": "foo", "labels": {"app": "sample"}}});
    configuration.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    Plugin::new(module, configuration.to_string())
}

/// Returns a plaintext HTTP listener with the filter.
fn http(name: &str, plugin: &Plugin) -> Listener {
    Listener::http(name, Transport::Plaintext, Http::with_filters(vec![plugin.http_filter()]))
}

fn send(envoy: &Envoy, listener: &str, request: &str) -> Reply {
    let answer = Client::plaintext(envoy.port(listener).unwrap()).request(request.as_bytes());
    answer.unwrap_or_else(|error| panic!("{listener}: {error}\n{}", envoy.log().unwrap()))
}

/// Returns the status of an answer.
fn status(outcome: &Reply) -> u16 {
    match outcome {
        Reply::Response(response) => response.status,
        Reply::Closed(reason) => panic!("closed: {reason}"),
    }
}

/// Returns a request head with this method and path.
fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: sample.foo\r\ncontent-length: 0\r\n\r\n")
}
