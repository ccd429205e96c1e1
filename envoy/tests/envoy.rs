//! A real Envoy with and without mutual TLS, without the filter.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use palisade_envoy::certs::{Authority, Identity, Names};
use palisade_envoy::client::{Client, Reply};
use palisade_envoy::config::{BODY, Bootstrap, Http, Listener, Tcp, Transport, tls_inspector};
use palisade_envoy::dynamic::DynamicEnvoy;
use palisade_envoy::process::Envoy;
use palisade_envoy::wasm::Plugin;
use serde_json::json;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: sample.foo\r\n\r\n";

struct Mesh {
    authority: Authority,
    sleep: Identity,
    sample: Identity,
}

impl Mesh {
    fn new() -> anyhow::Result<Self> {
        let authority = Authority::new("cluster.local")?;
        let issue = |account| authority.issue(&Names::workload("cluster.local", "foo", account));
        let (sleep, sample) = (issue("sleep")?, issue("sample")?);
        Ok(Self { authority, sleep, sample })
    }
}

fn expect_response(outcome: &Reply, status: u16, body: &str) {
    let expected = matches!(
        outcome,
        Reply::Response(response) if response.status == status && response.body == body.as_bytes()
    );
    assert!(expected, "wanted {status} {body}, got {outcome}");
}

fn expect_closed(outcome: &Reply) {
    assert!(matches!(outcome, Reply::Closed(_)), "{outcome}");
}

#[test]
fn mutual_tls_listener_accepts_only_clients_with_certificates() {
    let mesh = Mesh::new().unwrap();
    let mut strict =
        Listener::http("strict", Transport::mutual_tls(&mesh.authority, &mesh.sample), Http::default());
    strict.listener_filters = vec![tls_inspector()];
    let gateway = Listener::http("gateway", Transport::tls(&mesh.authority, &mesh.sample), Http::default());
    let envoy = Envoy::start(&Bootstrap::new(vec![strict, gateway])).unwrap();
    let (strict, gateway) = (envoy.port("strict").unwrap(), envoy.port("gateway").unwrap());

    let sleep = Client::tls(strict, &mesh.authority, Some(&mesh.sleep)).unwrap();
    expect_response(&sleep.request(GET).unwrap(), 200, BODY);
    let named = sleep.with_server_name("sample.foo").unwrap();
    expect_response(&named.request(GET).unwrap(), 200, BODY);
    expect_closed(&Client::plaintext(strict).request(GET).unwrap());
    let anonymous = Client::tls(strict, &mesh.authority, None).unwrap();
    expect_closed(&anonymous.request(GET).unwrap());
    let anonymous = Client::tls(gateway, &mesh.authority, None).unwrap();
    expect_response(&anonymous.request(GET).unwrap(), 200, BODY);

    let stats = envoy.stats().unwrap();
    assert_eq!(stats.get("http.strict.downstream_rq_2xx"), Some(&2));
}

#[test]
fn native_rbac_decides_each_request_of_a_connection() {
    let rbac = json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {"get": {
                "permissions": [{"header": {"name": ":method", "string_match": {"exact": "GET"}}}],
                "principals": [{"any": true}],
            }}},
        },
    });
    let listener = Listener::http("plain", Transport::Plaintext, Http::with_filters(vec![rbac]));
    let envoy = Envoy::start(&Bootstrap::new(vec![listener])).unwrap();

    let mut connection = Client::plaintext(envoy.port("plain").unwrap()).connect().unwrap();
    expect_response(&connection.request(GET).unwrap(), 200, BODY);
    let post = b"POST / HTTP/1.1\r\nhost: sample.foo\r\ncontent-length: 0\r\n\r\n";
    expect_response(&connection.request(post).unwrap(), 403, "RBAC: access denied");
    let head = b"HEAD / HTTP/1.1\r\nhost: sample.foo\r\n\r\n";
    expect_response(&connection.request(head).unwrap(), 403, "");
    expect_response(&connection.request(GET).unwrap(), 200, BODY);
}

#[test]
fn tcp_chain_passes_bytes_to_its_upstream() {
    let upstream = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = upstream.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = upstream.accept().unwrap();
        let mut seen = [0; 4];
        stream.read_exact(&mut seen).unwrap();
        seen.reverse();
        stream.write_all(&seen).unwrap();
    });
    let mesh = Mesh::new().unwrap();
    let transport = Transport::mutual_tls(&mesh.authority, &mesh.sample);
    let envoy = Envoy::start(&Bootstrap::new(vec![Listener::tcp("tcp", transport, Tcp::to(port))])).unwrap();

    let client = Client::tls(envoy.port("tcp").unwrap(), &mesh.authority, Some(&mesh.sleep)).unwrap();
    let mut connection = client.connect().unwrap();
    connection.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"gnip");
}

#[test]
fn error_of_rejected_configuration_contains_reason() {
    let filters = vec![Plugin::new("no-such.wasm", "{}").http_filter()];
    let listener = Listener::http("plain", Transport::Plaintext, Http::with_filters(filters));
    let error = Envoy::start(&Bootstrap::new(vec![listener])).unwrap_err();
    assert!(error.to_string().contains("no-such.wasm"), "{error}");
}

#[test]
fn listeners_open_and_close_while_envoy_runs() {
    let envoy = DynamicEnvoy::start(Vec::new()).unwrap();
    let open = |filters| {
        envoy.open(vec![Listener::http("plain", Transport::Plaintext, Http::with_filters(filters))])
    };
    let get = |port| Client::plaintext(port).request(GET);
    let first = open(vec![]).unwrap();
    let error = open(vec![Plugin::new("no-such.wasm", "{}").http_filter()]).unwrap_err();
    assert!(error.to_string().contains("no-such.wasm"), "{error}");
    // The rejected group has no effect on others, and no group closes another.
    let second = open(vec![]).unwrap();
    let [one, other] = [&first, &second].map(|group| group.port("plain").unwrap());
    assert_ne!(one, other);
    for port in [one, other] {
        expect_response(&get(port).unwrap(), 200, BODY);
    }
    assert!(second.port("other").is_err());

    drop(first);
    envoy.open(Vec::new()).unwrap();
    let start = Instant::now();
    while get(one).is_ok_and(|outcome| matches!(outcome, Reply::Response(_))) {
        assert!(start.elapsed() < Duration::from_secs(60), "a group that was dropped stays open");
        thread::sleep(Duration::from_millis(20));
    }
    expect_response(&get(other).unwrap(), 200, BODY);
}
