//! Hostile HTTP/2 and gRPC streams to a real Envoy: trailers, resets, CONNECT and its extended form, and invalid headers.

use super::{Random, engine, in_envoy::Pair, native, policies};
use crate::corpus::print_uncaptured;
use palisade::{
    Options, PolicySet, Verdict,
    http::{NormalizationVersion, normalize_path},
    resource::istio::PathNormalization,
};
use palisade_envoy::{
    client::Client,
    http2::{Fields, Http2, StreamRequest, StreamResponse},
};
use std::collections::BTreeMap;

const REQUESTS: usize = 80_000;

/// Returns one hostile stream.
fn stream(random: &mut Random) -> StreamRequest {
    let mut fields = Fields::new();
    let mut push = |name: &[u8], value: &[u8]| fields.push((name.to_vec(), value.to_vec()));
    // A rejection by the codec ends the connection, so most streams reach the filters.
    let odd = random.below(8) == 0;
    let connect = random.below(12) == 0;
    let extended = connect && random.below(2) == 0;
    if random.below(100) > 0 {
        let methods: &[&[u8]] =
            if odd { &[b"get", b"G\xffT", b"", b"PUT", b"FOO"] } else { &[b"GET", b"POST", b"HEAD"] };
        push(b":method", if connect { b"CONNECT" } else { random.pick(methods) });
    }
    if extended {
        push(b":protocol", random.pick(&[b"websocket", b"websocket", b"connect-udp", b"\xff"]));
    }
    if (!connect || extended) && random.below(100) > 0 {
        push(b":scheme", b"http");
        let paths: &[&[u8]] = match odd {
            true => &[
                b"*",
                b"",
                b"/\xff",
                b"/secret\xff",
                b"/ ",
                b"/secret%00",
                b"/%",
                b"sample.foo:80",
                b"/a#/secret",
            ],
            false => &[
                b"/",
                b"/secret",
                b"//secret",
                b"/a/../b",
                b"/a/%2e%2e/b",
                b"/a/..%2fb",
                b"/grpc.Service/M",
                b"/secret?/../",
            ],
        };
        match random.below(400) {
            0 => push(b":path", &[b"/", &[b'a'; 64 << 10][..]].concat()),
            1 => push(b":path", &[b"/secret", &[0xff; 64 << 10][..]].concat()),
            _ => push(b":path", random.pick(paths)),
        }
    }
    if random.below(30) > 0 {
        let hosts: &[&[u8]] = match odd {
            true => &[b"\xff\xfe", b"", b"a b", b"u@evil.example", b"[::1]:80"],
            false => &[b"sample.foo", b"evil.example", b"EVIL.example", b"evil.example:80"],
        };
        push(b":authority", random.pick(hosts));
    }
    for _ in 0..random.below(4) {
        let names: &[&[u8]] = match odd {
            true => &[b"x-\xff", b"X-Role", b"x-role ", b"", b"connection", b"x_role", b"host"],
            false => &[b"x-role", b"x-other", b"cookie", b"x-rol"],
        };
        let values: &[&[u8]] = match odd {
            true => &[b"admin", b"\0", b"a\rb", b" admin", b"admin "],
            false => &[b"admin", b"user", b"\xff", b"", b"admin,user", b"\xff\xfe admin"],
        };
        push(random.pick(names), random.pick(values));
    }
    if random.below(4) == 0 {
        push(
            b"content-type",
            random.pick(&[b"application/grpc", b"application/grpc+proto", b"application/grpc-web"]),
        );
        push(b"te", b"trailers");
    }
    match random.below(2_000) {
        0 => (0..1024).for_each(|n| push(format!("x-{n}").as_bytes(), &[0xff; 8])),
        1 => push(b"x-large", &vec![0xff; 1 << 20]),
        2 => (0..64).for_each(|n| push(format!("x-{n}").as_bytes(), &[b'a'; 16 << 10])),
        _ => {}
    }
    match random.below(200) {
        0 => push(b":\xff", b"a"),
        1 => push(b"content-length", b"99"),
        2 => push(b":path", b"/secret"),
        _ => {}
    }
    let mut sent = StreamRequest { fields, ..StreamRequest::default() };
    match random.below(12) {
        0 => sent.body = random.bytes(40),
        1 => sent.trailers = vec![(b"x-trailer".to_vec(), b"\xff".to_vec())],
        2 => {
            sent.body = random.bytes(40);
            sent.trailers =
                vec![(random.pick(&[b"x-\xff", b"x-role", b":path"]).to_vec(), b"admin".to_vec())];
        }
        3 => {
            sent.body = random.bytes(40);
            sent.reset = true;
        }
        _ => {}
    }
    sent
}

/// Sends streams to one listener, over a connection that is reused until it ends.
struct StreamClient<'c> {
    client: &'c Client,
    open: Option<Http2>,
}

impl<'c> StreamClient<'c> {
    fn new(client: &'c Client) -> Self {
        Self { client, open: None }
    }

    fn send(&mut self, sent: &StreamRequest) -> StreamResponse {
        let mut http2 = self
            .open
            .take()
            .unwrap_or_else(|| Http2::new(self.client.connect().expect("a connection")).expect("HTTP/2"));
        let answer = http2.exchange(core::slice::from_ref(sent)).expect("HTTP/2").remove(0);
        self.open = Some(http2).filter(Http2::is_open);
        answer
    }
}

/// Returns the comparable part of an answer.
fn comparable(answer: &StreamResponse) -> StreamResponse {
    let mut answer = answer.clone();
    answer.fields.retain(|(name, _)| name != b"date");
    answer
}

/// Returns the decision of the engine about a request that reaches the filters.
fn decided(set: &PolicySet, sent: &StreamRequest) -> Verdict {
    let mut fields = sent.fields.clone();
    // Envoy's codec turns an extended CONNECT into an HTTP/1 upgrade.
    let extended = fields.iter().any(|(name, _)| name == b":protocol");
    for (name, value) in &mut fields {
        match name.as_slice() {
            b":method" if extended => *value = b"GET".to_vec(),
            b":path" => {
                let normal = normalize_path(value, PathNormalization::Base, NormalizationVersion::default());
                *value = normal.unwrap_or_else(|| panic!("{} is refused", String::from_utf8_lossy(value)));
            }
            b"host" => *name = b":authority".to_vec(),
            _ => {}
        }
    }
    native(set, &fields)
}

#[test]
fn hostile_http2_streams_are_decided_as_by_native_rbac_and_engine() {
    let Some(pair) = Pair::start() else { return };
    let (cluster, workload) = engine(&policies());
    let set = PolicySet::compile(&cluster, &workload, &Options::default());
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut ours, mut native) = (StreamClient::new(&pair.wasm), StreamClient::new(&pair.rbac));
    let mut seen = BTreeMap::<String, usize>::new();
    let mut denials_of_grpc = 0;

    for number in 0..REQUESTS {
        let sent = stream(&mut random);
        let (ours, native) = (ours.send(&sent), native.send(&sent));
        if sent.reset {
            // An answer may arrive before the reset or not, so only the number of denials is compared at the end.
            *seen.entry("reset by the client".into()).or_default() += 1;
            continue;
        }
        let shown = || {
            let short = |bytes: &[u8]| bytes[..bytes.len().min(40)].escape_ascii().to_string();
            let fields: Vec<_> = sent.fields.iter().take(9).map(|(n, v)| (short(n), short(v))).collect();
            format!("number {number}: {fields:?} {} trailers", sent.trailers.len())
        };
        assert_eq!(comparable(&ours), comparable(&native), "{}", shown());
        let grpc = ours.field("grpc-status");
        let verdict = match (ours.status(), grpc) {
            (200, Some("7")) | (403, _) => Some(Verdict::Deny),
            (200, None) => Some(Verdict::Allow),
            _ => None,
        };
        if let Some(verdict) = verdict {
            assert_eq!(decided(&set, &sent), verdict, "{}", shown());
        }
        denials_of_grpc += usize::from(grpc == Some("7"));
        *seen.entry(ours.status().to_string()).or_default() += 1;
    }
    assert!(["200", "403", "0"].iter().all(|status| seen.contains_key(*status)), "{seen:?}");
    assert!(denials_of_grpc > REQUESTS / 100, "{denials_of_grpc}");
    pair.lives();
    print_uncaptured(&format!(
        "hostile HTTP/2 in Envoy: {REQUESTS} to each filter, answers {seen:?}, {denials_of_grpc} gRPC denials, 0 restarts"
    ));
}
