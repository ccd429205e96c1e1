//! Enforces the policies of one workload in an HTTP server. The policies read only the attributes that they need.
//!
//! ```console
//! $ cargo run --example enforce_http
//! GET /public: 200, read: method path
//! GET /orders with x-team: shop: 200, read: method path x-team
//! GET /orders with x-team: test: 403, read: method path x-team
//! POST /orders with x-team: shop: 403, read: method path
//! ```

use core::cell::RefCell;
use core::error::Error;
use core::net::IpAddr;
use std::io::Write;

use palisade::{Attributes, ClaimName, Options, Policies, PolicySet, Read, Shape, Verdict, Visit, Workload};

const POLICY: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: shop, namespace: foo}
spec:
  rules:
  - to: [{operation: {paths: [/public]}}]
  - to: [{operation: {paths: [/orders], methods: [GET]}}]
    when: [{key: 'request.headers[x-team]', values: [shop]}]
";

/// A request of the server. It records the names of the attributes that the policies read.
struct ServerRequest {
    method: &'static str,
    path: &'static str,
    team: &'static str,
    read: RefCell<Vec<String>>,
}

impl ServerRequest {
    fn record(&self, name: &str) {
        let mut read = self.read.borrow_mut();
        if !read.iter().any(|known| known == name) {
            read.push(name.to_owned());
        }
    }
}

impl Attributes for ServerRequest {
    fn method(&self) -> Read<Option<&[u8]>> {
        self.record("method");
        Ok(Some(self.method.as_bytes()))
    }

    fn path(&self) -> Read<Option<&[u8]>> {
        self.record("path");
        Ok(Some(self.path.as_bytes()))
    }

    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()> {
        self.record(name);
        if name == "x-team" {
            let _ = visit(self.team.as_bytes());
        }
        Ok(())
    }

    // The server has no proxy, no tokens and no client certificates.
    fn authority(&self) -> Read<Option<&[u8]>> {
        Ok(None)
    }
    fn claim(&self, _: &[ClaimName], _: Shape, _: Visit<'_>) -> Read<()> {
        Ok(())
    }
    fn metadata(&self, _: &str, _: &str, _: Shape, _: Visit<'_>) -> Read<()> {
        Ok(())
    }
    fn identities(&self, _: Visit<'_>) -> Read<()> {
        Ok(())
    }
    fn source_ip(&self) -> Read<Option<IpAddr>> {
        Ok(None)
    }
    fn remote_ip(&self) -> Read<Option<IpAddr>> {
        Ok(None)
    }
    fn destination_ip(&self) -> Read<Option<IpAddr>> {
        Ok(None)
    }
    fn destination_port(&self) -> Read<Option<u16>> {
        Ok(Some(8000))
    }
    fn server_name(&self) -> Read<Option<&[u8]>> {
        Ok(None)
    }
}

/// Returns the status with which the server answers.
fn status(policies: &PolicySet, request: &ServerRequest) -> u16 {
    // Every other verdict than allow denies: an error, a provider that this server does not call.
    match policies.http().verdict(request) {
        Verdict::Allow => 200,
        _ => 403,
    }
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let policies = Policies::from_yaml("policy.yaml", POLICY)?.validate(&Options::default())?;
    let set = policies.policy_set(&Workload::new("foo", [("app", "shop")], "shop"));
    for (method, path, team) in [
        ("GET", "/public", ""),
        ("GET", "/orders", "shop"),
        ("GET", "/orders", "test"),
        ("POST", "/orders", "shop"),
    ] {
        let request = ServerRequest { method, path, team, read: RefCell::default() };
        let status = status(&set, &request);
        let with = if team.is_empty() { String::new() } else { format!(" with x-team: {team}") };
        writeln!(out, "{method} {path}{with}: {status}, read: {}", request.read.borrow().join(" "))?;
    }
    Ok(())
}

// The test of the examples calls `run`.
#[cfg(not(test))]
fn main() -> Result<(), Box<dyn Error>> {
    run(&mut std::io::stdout())
}
