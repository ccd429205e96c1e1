//! Requests of a malicious client: the VM of the module survives all of them, and its decisions equal those of the engine in this
//! process or, in a real Envoy, those of native RBAC.

mod http1;
mod http2;
mod in_envoy;

use crate::corpus::print_uncaptured;
use palisade::{Cluster, Options, PolicySet, Request, Verdict, Workload, resource::Resources};
use palisade_harness::{Conformance, HeaderMap, HttpOutcome, HttpRequest, Node, Stream};
use serde_json::{Value, json};
use std::sync::Arc;

fn policies() -> Value {
    let policy = |name: &str, action: &str, rules: Value| {
        json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": name, "namespace": "foo"},
            "spec": {"action": action, "rules": rules},
        })
    };
    json!([
        policy(
            "no-admins",
            "DENY",
            json!([
                {"when": [{"key": "request.headers[x-role]", "values": ["admin"]}]},
                {"to": [{"operation": {"paths": ["*/../*"]}}]},
            ])
        ),
        policy(
            "reads",
            "ALLOW",
            json!([
                {"to": [{"operation": {"methods": ["GET", "HEAD", "CONNECT"], "notPaths": ["/secret*"], "notHosts": ["evil.*"]}}]},
                {"to": [{"operation": {"methods": ["POST"], "paths": ["/grpc.Service/*"]}}]},
            ])
        ),
    ])
}

fn engine(policies: &Value) -> (Cluster, Workload) {
    let mut resources = Resources::default();
    for policy in policies.as_array().expect("a list") {
        resources.add(policy.clone(), Default::default()).expect("a policy");
    }
    (Cluster::new(resources).0, Workload::new("foo", [("app", "sample")], "sample"))
}

/// Random numbers that are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    pub(crate) fn pick<'t>(&mut self, from: &[&'t [u8]]) -> &'t [u8] {
        from[self.below(from.len())]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// Returns the headers of one hostile request, as a filter receives them.
fn headers(random: &mut Random) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut push = |name: &[u8], value: Vec<u8>| headers.push((name.to_vec(), value));
    if random.below(20) > 0 {
        push(b":method", random.pick(&[b"GET", b"POST", b"CONNECT", b"get", b"\xff", b"", b"HEAD"]).to_vec());
    }
    if random.below(10) > 0 {
        let path = match random.below(200) {
            0 => [b"/".to_vec(), vec![b'a'; 64 << 10]].concat(),
            1 => [b"/secret/".to_vec(), vec![0xff; 64 << 10]].concat(),
            2..60 => [b"/".to_vec(), random.bytes(20)].concat(),
            _ => random
                .pick(&[
                    b"/",
                    b"/secret",
                    b"/secret%00",
                    b"//secret",
                    b"/a/../b",
                    b"*",
                    b"",
                    b"/grpc.Service/M",
                    b"/?\xff#",
                ])
                .to_vec(),
        };
        push(b":path", path);
    }
    if random.below(10) > 0 {
        let host = random.pick(&[
            b"sample.foo",
            b"evil.example",
            b"EVIL.example",
            b"\xff\xfe",
            b"",
            b"a:b:c",
            b"[::1]:80",
        ]);
        push(b":authority", host.to_vec());
    }
    for _ in 0..random.below(4) {
        let name = random.pick(&[b"x-role", b"x-\xff", b"", b"cookie", b"x-role ", b"X-ROLE"]);
        let value = random.pick(&[b"admin", b"user", b"\xff", b"", b"admin,user", b"\0", b" admin"]);
        push(name, value.to_vec());
    }
    if random.below(5) == 0 {
        push(
            b"content-type",
            random.pick(&[b"application/grpc", b"application/grpc+proto", b"\xff"]).to_vec(),
        );
    }
    match random.below(2000) {
        0 => (0..1024).for_each(|number| push(format!("x-{number}").as_bytes(), vec![0xff; 8])),
        1 => push(b"x-large", random.bytes(1 << 20)),
        _ => {}
    }
    headers
}

fn native(set: &PolicySet, headers: &HeaderMap) -> Verdict {
    let first =
        |name: &[u8]| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
    let lines: Vec<(&str, &[u8])> = headers
        .iter()
        .filter(|(name, _)| !name.starts_with(b":"))
        // A policy cannot name a header that is not text.
        .filter_map(|(name, value)| Some((core::str::from_utf8(name).ok()?, value.as_slice())))
        .collect();
    let request = Request {
        method: first(b":method"),
        path: first(b":path"),
        authority: first(b":authority"),
        headers: &lines,
        ..Request::default()
    };
    let verdict = set.http().decide(&request).verdict;
    assert_eq!(set.http().verdict(&request), verdict);
    verdict
}

#[test]
fn hostile_requests_are_decided_as_by_the_engine() {
    const REQUESTS: usize = 100_000;
    let Some(wasm) = crate::corpus::wasm_module() else { return };
    let policies = policies();
    let (cluster, workload) = engine(&policies);
    let set = PolicySet::compile(&cluster, &workload, &Options::default());
    let configuration =
        json!({"workload": {"namespace": "foo", "labels": {"app": "sample"}}, "resources": policies});
    let conformance = Conformance::new(&wasm).expect("a module");
    let mut plugin =
        conformance.plugin(configuration.to_string().as_bytes(), Node::default()).expect("configured");
    let stream = Arc::new(Stream::default());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut allowed = 0;

    for number in 0..REQUESTS {
        let mut request = HttpRequest { headers: headers(&mut random), ..HttpRequest::default() };
        if random.below(4) == 0 {
            request.body = random.bytes(16);
            request.trailers = vec![(b"x-\xff".to_vec(), b"\xff".to_vec())];
        }
        let expected = native(&set, &request.headers);
        let seen = match plugin.http(&stream, &request).outcome {
            HttpOutcome::Continue(_) => Verdict::Allow,
            HttpOutcome::Reply(reply) if reply.status == 403 => Verdict::Deny,
            other => panic!("number {number}: {other:?} {:?}", plugin.logs().last()),
        };
        assert_eq!(
            seen,
            expected,
            "number {number}: {:?}",
            request.headers.iter().take(8).collect::<Vec<_>>()
        );
        allowed += usize::from(seen == Verdict::Allow);
    }
    assert!(!plugin.vm().is_dead());
    assert!(allowed > REQUESTS / 10 && allowed < REQUESTS * 9 / 10, "{allowed} allowed");
    print_uncaptured(&format!(
        "hostile requests in wasmtime: {REQUESTS}, {allowed} allowed, 0 restarts, VM {} KiB",
        plugin.vm().memory_size() >> 10
    ));
}
