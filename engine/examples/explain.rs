//! Explains why a request is denied: the rule that came nearest to a match, and the field that failed.
//!
//! ```console
//! $ cargo run --example explain
//! deny by authorization-policy: no ALLOW rule matched
//! nearest rule: AuthorizationPolicy/foo/read#0
//!   spec.rules[0].from[0].source.namespaces: required bar, actual spiffe://cluster.local/ns/foo/sa/sleep
//! ```

use core::error::Error;
use std::io::Write;

use palisade::{Options, Policies, Request, Workload, nearest_miss};
use serde_json::json;

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let policies = Policies::from_json(json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "read", "namespace": "foo"},
        "spec": {"rules": [{
            "from": [{"source": {"namespaces": ["bar"]}}],
            "to": [{"operation": {"methods": ["GET"], "paths": ["/v1/*"]}}],
        }]},
    }))?;
    let sample = Workload::new("foo", [("app", "sample")], "sample");
    let set = policies.validate(&Options::default())?.policy_set(&sample);

    let identities: [&[u8]; 1] = [b"spiffe://cluster.local/ns/foo/sa/sleep"];
    let request = Request {
        method: Some(b"GET"),
        path: Some(b"/v1/orders"),
        identities: &identities,
        ..Request::default()
    };
    let decision = set.http().decide(&request);
    writeln!(out, "{} by {}: {}", decision.verdict, decision.layer, decision.by)?;
    let traces = set.http().explain(&request);
    if let Some(rule) = nearest_miss(&traces) {
        writeln!(out, "nearest rule: {}", rule.id)?;
        for test in &rule.failures {
            let (path, required, actual) =
                (test.path(&rule.id), test.required.join(", "), test.actual.join(", "));
            writeln!(out, "  {path}: required {required}, actual {actual}")?;
        }
    }
    Ok(())
}

// The test of the examples calls `run`.
#[cfg(not(test))]
fn main() -> Result<(), Box<dyn Error>> {
    run(&mut std::io::stdout())
}
