//! While a request waits for a provider, its upstream receives no byte, whatever the value of the plugin option
//! `allow_on_headers_stop_iteration`.

use super::{http, plugin, policy, shipped, status};
use core::time::Duration;
use palisade_envoy::{
    client::Client,
    config::{Bootstrap, Chain, Http, Listener, Transport, cluster},
    http2::{Http2, StreamRequest},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// The time in which a byte that must not arrive could arrive.
const SETTLE: Duration = Duration::from_millis(150);
const OPTION: &str = "allow_on_headers_stop_iteration";

/// State that the provider and the upstream share with the test.
#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of calls of the provider.
    asked: usize,
    /// The number of calls that it may answer, and the answer.
    answers: usize,
    status: u16,
    /// The bytes at the upstream.
    upstream: Vec<u8>,
}

impl Seen {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap();
        let limit = Duration::from_secs(20);
        let waited = self.changed.wait_timeout_while(state, limit, |state| !until(state)).unwrap();
        assert!(!waited.1.timed_out(), "the provider was not asked, or the upstream got nothing");
    }

    fn upstream(&self) -> Vec<u8> {
        self.state.lock().unwrap().upstream.clone()
    }

    /// Waits for the `nth` call of the provider and a little longer. No byte may reach the upstream.
    fn held(&self, nth: usize, case: &str) {
        self.wait(|state| state.asked >= nth);
        thread::sleep(SETTLE);
        let upstream = self.upstream();
        assert!(upstream.is_empty(), "{case}: {}", String::from_utf8_lossy(&upstream));
    }
}

fn serve(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let handle = Arc::new(handle);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), handle) = (stream, Arc::clone(&handle)) else { return };
            thread::spawn(move || handle(stream));
        }
    });
    port
}

/// Starts a server that answers `/gate` when the test allows it, and nothing else.
fn provider(seen: Arc<Seen>) -> u16 {
    serve(move |mut stream| {
        let head = read_until(&mut stream, |bytes| bytes.ends_with(b"\r\n\r\n"), |_| {});
        if head.is_empty() {
            return;
        }
        let mut nth = 0;
        seen.change(|state| {
            state.asked += 1;
            nth = state.asked;
        });
        if !head.starts_with(b"GET /gate ") {
            // Envoy reaches its timeout and closes the connection.
            let _ = stream.read(&mut [0]);
            return;
        }
        seen.wait(|state| state.answers >= nth);
        let status = seen.state.lock().unwrap().status;
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// Starts a server that records every byte, and answers a request at its end.
fn upstream(seen: Arc<Seen>) -> u16 {
    serve(move |mut stream| {
        let whole = |bytes: &[u8]| {
            let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
            let Some(head) = head else { return false };
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            match length {
                Some(length) => bytes.len() == head + length.parse::<usize>().unwrap(),
                None if text.contains("transfer-encoding: chunked") => bytes.ends_with(b"0\r\n\r\n"),
                None => true,
            }
        };
        let note = |bytes: &[u8]| seen.change(|state| state.upstream.extend_from_slice(bytes));
        if !read_until(&mut stream, whole, note).is_empty() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        }
    })
}

fn read_until(stream: &mut TcpStream, is_end: impl Fn(&[u8]) -> bool, note: impl Fn(&[u8])) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while !is_end(&bytes) {
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => {
                bytes.extend_from_slice(&buffer[..length]);
                note(&buffer[..length]);
            }
            _ => break,
        }
    }
    bytes
}

/// Returns `listener` with a route to the upstream and this value of the plugin's option.
fn forwarding(mut listener: Listener, option: bool) -> Listener {
    if let Chain::Http(http) = &mut listener.chain {
        http.filters[0]["typed_config"]["config"][OPTION] = json!(option);
        let route = json!({"match": {"prefix": "/"}, "route": {"cluster": "app", "timeout": "30s"}});
        let hosts = json!([{"name": "all", "domains": ["*"], "routes": [route]}]);
        http.extra.insert("route_config".into(), json!({"virtual_hosts": hosts}));
    }
    listener
}

fn listener(module: &PathBuf, name: &str, option: bool, provider: Value) -> Listener {
    let mut custom = policy("ask", "CUSTOM", json!([{"to": [{"operation": {"paths": ["/asked"]}}]}]));
    custom["spec"]["provider"] = json!({"name": "authz"});
    let further = json!({"resources": [custom], "provider": provider});
    forwarding(http(&format!("{name}-{option}"), &plugin(module, further)), option)
}

/// A module that returns `Pause`, as the filter did before, and never resumes.
const PAUSES: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1)))"#;

fn start(module: &PathBuf, seen: &Arc<Seen>, folder: &tempfile::TempDir) -> Envoy {
    let pauses = folder.path().join("pauses.wasm");
    fs::write(&pauses, wat::parse_str(PAUSES).unwrap()).unwrap();
    let pauses = Plugin { name: "pauses".to_owned(), ..Plugin::new(pauses, "") };
    let control =
        Listener::http("control", Transport::Plaintext, Http::with_filters(vec![pauses.http_filter()]));
    let mut listeners = vec![forwarding(control, true)];
    for option in [false, true] {
        let ask = |path: &str, timeout: u32, open: bool| json!({"cluster": "authz", "path": path, "timeoutMs": timeout, "failOpen": open});
        listeners.push(listener(module, "gate", option, ask("/gate", 20_000, false)));
        listeners.push(listener(module, "gate-open", option, ask("/gate", 20_000, true)));
        listeners.push(listener(module, "late", option, ask("/late", 400, false)));
        listeners.push(listener(module, "late-open", option, ask("/late", 400, true)));
    }
    let mut bootstrap = Bootstrap::new(listeners);
    bootstrap.clusters =
        vec![cluster("authz", provider(Arc::clone(seen))), cluster("app", upstream(Arc::clone(seen)))];
    Envoy::start(&bootstrap).unwrap()
}

/// The same request in every form. The last part of each is its body.
fn http1_forms() -> [(&'static str, String, &'static str); 4] {
    let head =
        |method: &str, fields: &str| format!("{method} /asked HTTP/1.1\r\nhost: sample.foo\r\n{fields}\r\n");
    [
        ("no body", head("GET", ""), ""),
        ("length", head("POST", "content-length: 5\r\n"), "12345"),
        ("chunks", head("POST", "transfer-encoding: chunked\r\n"), "5\r\n12345\r\n0\r\n\r\n"),
        (
            "trailers",
            head("POST", "transfer-encoding: chunked\r\ntrailer: x\r\n"),
            "5\r\n12345\r\n0\r\nx: 1\r\n\r\n",
        ),
    ]
}

fn http2_forms() -> [(&'static str, StreamRequest); 4] {
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let fields = vec![
        field(":method", "POST"),
        field(":scheme", "http"),
        field(":authority", "sample.foo"),
        field(":path", "/asked"),
    ];
    let plain = StreamRequest::from(fields);
    let body = StreamRequest { body: b"12345".to_vec(), ..plain.clone() };
    let trailers = StreamRequest { trailers: vec![field("x", "1")], ..body.clone() };
    let trailers_only = StreamRequest { trailers: vec![field("x", "1")], ..plain.clone() };
    [("no body", plain), ("body", body), ("trailers", trailers), ("no body, trailers", trailers_only)]
}

struct Scene<'a> {
    envoy: &'a Envoy,
    seen: &'a Seen,
}

impl Scene<'_> {
    fn client(&self, listener: &str) -> Client {
        Client::plaintext(self.envoy.port(listener).unwrap())
    }

    /// Resets the state and returns the number of calls so far.
    fn clear(&self) -> usize {
        let mut asked = 0;
        self.seen.change(|state| {
            state.upstream.clear();
            asked = state.asked;
        });
        asked
    }

    fn answer(&self, nth: usize, status: u16) {
        self.seen.change(|state| (state.answers, state.status) = (nth, status));
    }

    /// Sends the head, then the body after the call of the provider, and lets the provider answer.
    fn http1(&self, listener: &str, form: &(&str, String, &str), answer: u16) -> u16 {
        let case = format!("{listener}, HTTP/1.1, {}", form.0);
        let nth = self.clear() + 1;
        let mut connection = self.client(listener).connect().unwrap();
        connection.write_all(form.1.as_bytes()).unwrap();
        self.seen.held(nth, &case);
        connection.write_all(form.2.as_bytes()).unwrap();
        self.seen.held(nth, &case);
        self.answer(nth, answer);
        status(&connection.request(b"").unwrap())
    }

    fn http2(&self, listener: &str, form: &(&str, StreamRequest), answer: u16) -> u16 {
        let case = format!("{listener}, HTTP/2, {}", form.0);
        let nth = self.clear() + 1;
        let mut http2 = Http2::new(self.client(listener).connect().unwrap()).unwrap();
        thread::scope(|scope| {
            let asking =
                scope.spawn(|| http2.exchange(core::slice::from_ref(&form.1)).unwrap().remove(0).status());
            self.seen.held(nth, &case);
            self.answer(nth, answer);
            asking.join().unwrap()
        })
    }

    fn forwarded(&self, what: &str) -> bool {
        let upstream = String::from_utf8_lossy(&self.seen.upstream()).into_owned();
        upstream.contains(" /asked HTTP/1.1\r\n") && upstream.contains(what)
    }
}

#[test]
fn upstream_gets_no_byte_before_the_provider_allows() {
    let Some(module) = shipped() else { return };
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::new(Seen::default());
    let envoy = start(&module, &seen, &folder);
    let scene = Scene { envoy: &envoy, seen: &seen };

    // The upstream would notice a filter that pauses only at the headers.
    let mut control = scene.client("control").connect().unwrap();
    let [_, (_, head, body), ..] = http1_forms();
    control.write_all(head.as_bytes()).unwrap();
    control.write_all(body.as_bytes()).unwrap();
    assert_eq!(status(&control.request(b"").unwrap()), 200);
    assert!(scene.forwarded("12345"));

    for option in [false, true] {
        let gate = format!("gate-{option}");
        for form in &http1_forms() {
            let body = if form.2.is_empty() { "" } else { "12345" };
            assert_eq!(scene.http1(&gate, form, 200), 200, "{gate}, {}", form.0);
            assert!(scene.forwarded(body), "{gate}, {}", form.0);
            assert_eq!(scene.http1(&gate, form, 401), 401, "{gate}, {}", form.0);
            assert!(seen.upstream().is_empty(), "{gate}, {}", form.0);
        }
        for form in &http2_forms() {
            let body = if form.1.body.is_empty() { "" } else { "12345" };
            assert_eq!(scene.http2(&gate, form, 200), 200, "{gate}, {}", form.0);
            assert!(scene.forwarded(body), "{gate}, {}", form.0);
            assert_eq!(scene.http2(&gate, form, 403), 403, "{gate}, {}", form.0);
            assert!(seen.upstream().is_empty(), "{gate}, {}", form.0);
        }
        failing(&scene, option);
        reset(&scene, &gate);
        large(&scene, &gate);
    }
    assert!(!envoy.log().unwrap().contains("VM failed"), "{}", envoy.log().unwrap());
}

/// The provider fails, or does not answer in time.
fn failing(scene: &Scene<'_>, option: bool) {
    let [_, form, ..] = http1_forms();
    let [_, form2, ..] = http2_forms();
    for (listener, answer, expected) in [("gate", 503, 503), ("gate-open", 503, 200), ("late", 200, 504)] {
        let listener = format!("{listener}-{option}");
        let statuses = [scene.http1(&listener, &form, answer), scene.http2(&listener, &form2, answer)];
        assert_eq!(statuses, [expected; 2], "{listener}");
        assert_eq!(scene.forwarded("12345"), expected == 200, "{listener}");
    }
    // The provider's timeout determines the waiting time, so only the outcome is certain.
    scene.clear();
    let request = form.1 + form.2;
    let client = scene.client(&format!("late-open-{option}"));
    assert_eq!(status(&client.request(request.as_bytes()).unwrap()), 200);
    assert!(scene.forwarded("12345"));
}

/// The client cancels the request during the call of the provider.
fn reset(scene: &Scene<'_>, gate: &str) {
    let nth = scene.clear() + 1;
    let [_, (_, body), ..] = http2_forms();
    let mut http2 = Http2::new(scene.client(gate).connect().unwrap()).unwrap();
    http2.exchange(&[StreamRequest { reset: true, ..body }]).unwrap();
    scene.seen.held(nth, gate);
    scene.answer(nth, 200);
    thread::sleep(SETTLE);
    assert!(scene.seen.upstream().is_empty(), "{gate}");

    let nth = scene.clear() + 1;
    let [_, (_, head, _), ..] = http1_forms();
    let mut connection = scene.client(gate).connect().unwrap();
    connection.write_all(head.as_bytes()).unwrap();
    scene.seen.held(nth, gate);
    drop(connection);
    scene.answer(nth, 200);
    thread::sleep(SETTLE);
    assert!(scene.seen.upstream().is_empty(), "{gate}");
}

/// A body larger than Envoy's buffer is neither rejected nor truncated.
fn large(scene: &Scene<'_>, gate: &str) {
    let nth = scene.clear() + 1;
    let length = 3 << 20;
    let head = format!("POST /asked HTTP/1.1\r\nhost: sample.foo\r\ncontent-length: {length}\r\n\r\n");
    let mut connection = scene.client(gate).connect().unwrap();
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            connection.write_all(head.as_bytes()).unwrap();
            connection.write_all(&vec![b'a'; length]).unwrap();
            status(&connection.request(b"").unwrap())
        });
        scene.seen.held(nth, gate);
        scene.answer(nth, 200);
        assert_eq!(sending.join().unwrap(), 200, "{gate}");
    });
    let upstream = scene.seen.upstream();
    assert!(upstream.ends_with(&vec![b'a'; length]), "{gate}");
}
