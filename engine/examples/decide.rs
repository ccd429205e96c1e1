//! Decides one flow of a cluster by all layers.
//!
//! ```console
//! $ cargo run --example decide
//! foo/sleep -> foo/sample:8000 GET /: allow (AuthorizationPolicy/foo/get-only#0)
//! foo/sleep -> foo/sample:8000 POST /: deny (no ALLOW rule matched)
//! ```

use core::error::Error;
use std::io::Write;

use palisade::flow::{Flow, History, HttpRequest};
use palisade::{Options, Policies};

const MANIFESTS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: sleep, namespace: foo}
---
apiVersion: v1
kind: Pod
metadata: {name: sample, namespace: foo, labels: {app: sample}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: get-only, namespace: foo}
spec:
  selector: {matchLabels: {app: sample}}
  rules:
  - to: [{operation: {methods: [GET]}}]
";

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let policies = Policies::from_yaml("manifests.yaml", MANIFESTS)?.validate(&Options::default())?;
    let simulation = policies.simulation();
    for method in ["GET", "POST"] {
        let mut flow = Flow::new("foo/sleep", "foo/sample", 8000);
        flow.http = Some(HttpRequest::new(method, "/", "sample.foo"));
        let decision = simulation.decide(&flow, &History::default())?;
        let (_, by) = &decision.decided_by;
        writeln!(out, "foo/sleep -> foo/sample:8000 {method} /: {} ({by})", decision.verdict)?;
    }
    Ok(())
}

// The test of the examples calls `run`.
#[cfg(not(test))]
fn main() -> Result<(), Box<dyn Error>> {
    run(&mut std::io::stdout())
}
