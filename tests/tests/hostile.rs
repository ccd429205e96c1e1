//! Requests that no client of good will sends: the module's VM lives through all of them, and answers each as the
//! engine in this process does, or in a real Envoy as Envoy's own RBAC filter does.

use crate::corpus::tell;
use palisade::{
    Cluster, Options, PolicySet, Request, Verdict, Workload,
    export::{Chain, envoy_rbac},
    resource::Resources,
};
use palisade_envoy::{
    client::{Client, Outcome},
    config::{Bootstrap, Http, Listener, Transport},
    process::Envoy,
};
use palisade_harness::{Conformance, HeaderMap, HttpOutcome, HttpRequest, Node, Stream};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    path::Path,
    sync::Arc,
};

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

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// The headers of one hostile request, as a filter would get them.
pub(crate) fn headers(random: &mut Random) -> HeaderMap {
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
        // No policy can name a header that is no text.
        .filter_map(|(name, value)| Some((core::str::from_utf8(name).ok()?, value.as_slice())))
        .collect();
    let request = Request {
        method: first(b":method"),
        path: first(b":path"),
        authority: first(b":authority"),
        headers: &lines,
        ..Request::default()
    };
    set.decide(&request).verdict
}

#[test]
fn a_hundred_thousand_hostile_requests_are_answered_as_the_engine_does() {
    const REQUESTS: usize = 100_000;
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/wasm/palisade_filter.wasm");
    let Ok(wasm) = std::fs::read(&module) else {
        assert!(std::env::var_os("PALISADE_REQUIRE_WASM").is_none(), "no {}", module.display());
        return tell("hostile requests: NOT RUN, there is no target/wasm/palisade_filter.wasm");
    };
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
    tell(&format!(
        "hostile requests in wasmtime: {REQUESTS}, {allowed} allowed, 0 restarts, VM {} KiB",
        plugin.vm().memory_size() >> 10
    ));
}

/// An Envoy with the module in the listener `wasm` and its own filter in `rbac`. Without module or Envoy `what` does not
/// run, and says so.
pub(crate) fn beside_rbac(what: &str) -> Option<Envoy> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/wasm/palisade_filter.wasm");
    if !module.is_file() || palisade_envoy::fetch::binary().is_err() {
        assert!(std::env::var_os("PALISADE_REQUIRE_WASM").is_none(), "no {} or no Envoy", module.display());
        tell(&format!("{what}: NOT RUN, there is no target/wasm/palisade_filter.wasm or no Envoy"));
        return None;
    }
    let policies = policies();
    let (cluster, workload) = engine(&policies);
    let rbac = envoy_rbac(&cluster, &workload, Chain::Http, &Options::default());
    let configuration =
        json!({"workload": {"namespace": "foo", "labels": {"app": "sample"}}, "resources": policies});
    let plugin = palisade_envoy::wasm::Plugin::new(module, configuration.to_string());
    let listener = |name: &str, filters: Vec<Value>| {
        let mut http = Http::with_filters(filters);
        http.extra.insert(
            "http_protocol_options".to_owned(),
            json!({"accept_http_10": true, "default_host_for_http_10": "old"}),
        );
        http.extra.insert(
            "upgrade_configs".to_owned(),
            json!([{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}]),
        );
        http.extra.insert("http2_protocol_options".to_owned(), json!({"allow_connect": true}));
        // A connection that is broken is closed at once, not after a second.
        http.extra.insert("delayed_close_timeout".to_owned(), json!("0.01s"));
        http.extra.insert("max_request_headers_kb".to_owned(), json!(96));
        Listener::http(name, Transport::Plaintext, http)
    };
    let envoy = Envoy::start(&Bootstrap::new(vec![
        listener("wasm", vec![plugin.http_filter()]),
        listener("rbac", rbac),
    ]))
    .expect("Envoy");
    Some(envoy)
}

/// The bytes of one hostile request on the wire.
fn wire(random: &mut Random) -> Vec<u8> {
    let method = random.pick(&[b"GET", b"POST", b"CONNECT", b"HEAD", b"get", b"G\xffT"]);
    let path = match random.below(60) {
        0 => [b"/".to_vec(), vec![b'a'; 50 << 10]].concat(),
        1 => [b"/".to_vec(), vec![b'a'; 64 << 10]].concat(),
        _ => random
            .pick(&[
                b"/",
                b"/secret",
                b"/secret%2f",
                b"//secret",
                b"/a/../b",
                b"/a/%2e%2e/b",
                b"*",
                b"/grpc.Service/M",
                b"/\xff",
                b"http://evil.example/",
                b"sample.foo:80",
            ])
            .to_vec(),
    };
    let version = random.pick(&[b"1.1", b"1.1", b"1.1", b"1.0", b"2.0"]);
    let mut bytes = [method, b" ", &path, b" HTTP/", version, b"\r\n"].concat();
    if random.below(10) > 0 {
        let host = random.pick(&[b"sample.foo", b"evil.example", b"EVIL.example", b"\xff\xfe", b"", b"a b"]);
        bytes.extend([b"host: ", host, b"\r\n"].concat());
    }
    for _ in 0..random.below(4) {
        let name = random.pick(&[b"x-role", b"X-Role", b"x-\xff", b"cookie", b"x_role"]);
        let value = random.pick(&[b"admin", b"user", b"\xff", b"", b"admin,user", b" admin "]);
        bytes.extend([name, b": ", value, b"\r\n"].concat());
    }
    match random.below(40) {
        0 => (0..90).for_each(|number| bytes.extend(format!("x-{number}: \u{ff}\r\n").bytes())),
        1 => (0..1024).for_each(|number| bytes.extend(format!("x-{number}: a\r\n").bytes())),
        2 => bytes.extend([b"x-large: ", &vec![b'a'; 1 << 20][..], b"\r\n"].concat()),
        3 => bytes.extend(b"connection: upgrade\r\nupgrade: websocket\r\n"),
        4 => bytes.extend(b"content-type: application/grpc\r\nte: trailers\r\n"),
        5 => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-trailer: \xff\r\n\r\n");
            return bytes;
        }
        6 => {
            // The body never comes: the client resets in the middle of the stream.
            bytes.extend(b"content-length: 99\r\n\r\nabc");
            return bytes;
        }
        _ => {}
    }
    bytes.extend(b"connection: close\r\n\r\n");
    bytes
}

/// The status line's code, 0 where the connection ends without one.
fn answer(client: &Client, bytes: &[u8]) -> u16 {
    let Ok(mut connection) = client.connect() else { return 0 };
    let _ = connection.write_all(bytes).and_then(|()| connection.flush());
    let mut head = [0; 12];
    match connection.read_exact(&mut head) {
        Ok(()) => String::from_utf8_lossy(&head[9..12]).parse().unwrap_or_default(),
        Err(_) => 0,
    }
}

#[test]
fn hostile_bytes_are_answered_as_envoys_own_filter_does() {
    const REQUESTS: usize = 4_000;
    let Some(envoy) = beside_rbac("hostile bytes in Envoy") else { return };
    let client = |name: &str| Client::plaintext(envoy.port(name).expect("a port"));
    let (wasm, rbac) = (client("wasm"), client("rbac"));
    let mut random = Random(0x5851_f42d_4c95_7f2d);
    let mut seen = std::collections::BTreeMap::<u16, usize>::new();

    for number in 0..REQUESTS {
        let bytes = wire(&mut random);
        let (ours, native) = (answer(&wasm, &bytes), answer(&rbac, &bytes));
        assert_eq!(
            ours,
            native,
            "number {number}: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(300)])
        );
        *seen.entry(ours).or_default() += 1;
    }
    assert!(
        matches!(wasm.request(b"GET / HTTP/1.1\r\nhost: sample.foo\r\n\r\n"), Ok(Outcome::Response(r)) if r.status == 200)
    );
    assert!(seen.contains_key(&200) && seen.contains_key(&403) && seen.contains_key(&400), "{seen:?}");
    let log = envoy.log().expect("a log");
    assert!(!log.contains("VM failed") && !log.contains("panicked"), "{log}");
    tell(&format!("hostile bytes in Envoy: {REQUESTS} to each filter, statuses {seen:?}, 0 restarts"));
}
