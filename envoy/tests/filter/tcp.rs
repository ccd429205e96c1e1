//! The network filter closes a denied connection before a byte reaches the upstream.

use super::{plugin, policy, shipped};
use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use palisade_envoy::{
    certs::{Authority, Names},
    client::Client,
    config::{Bootstrap, Listener, Tcp, Transport, tls_inspector},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

/// Starts a server that sends first, then echoes, and counts the bytes. Returns its port.
fn upstream(got: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), got) = (stream, Arc::clone(&got)) else { return };
            thread::spawn(move || {
                let _ = stream.write_all(b"hello ");
                let mut buffer = [0; 64];
                while let Ok(len @ 1..) = stream.read(&mut buffer) {
                    got.fetch_add(len, Ordering::Relaxed);
                    let _ = stream.write_all(&buffer[..len]);
                }
            });
        }
    });
    port
}

fn tcp(name: &str, transport: Transport, plugin: &Plugin, upstream: u16) -> Listener {
    let mut tcp = Tcp::to(upstream);
    tcp.filters.push(plugin.network_filter());
    let plaintext = matches!(transport, Transport::Plaintext);
    let mut listener = Listener::tcp(name, transport, tcp);
    // The server would wait for more bytes of a client that sends less than a handshake.
    listener.listener_filters.extend((!plaintext).then(tls_inspector));
    listener
}

/// Sends `ping` and returns the answer, up to `enough` bytes.
fn talk(client: &Client, enough: usize) -> String {
    let mut connection = client.connect().unwrap();
    let _ = connection.write_all(b"ping").and_then(|()| connection.flush());
    let mut heard = Vec::new();
    let mut buffer = [0; 64];
    while heard.len() < enough {
        match connection.read(&mut buffer) {
            Ok(len @ 1..) => heard.extend_from_slice(&buffer[..len]),
            _ => break,
        }
    }
    String::from_utf8(heard).unwrap()
}

#[test]
fn tcp_connection_is_decided_by_principal_address_port_and_sni() {
    let Some(module) = shipped() else { return };
    let got = Arc::new(AtomicUsize::new(0));
    let port = upstream(Arc::clone(&got));
    let mesh = Authority::new("cluster.local").unwrap();
    let issue = |account| mesh.issue(&Names::workload("cluster.local", "foo", account)).unwrap();
    let (sample, sleep, other) = (issue("sample"), issue("sleep"), issue("other"));
    let with = |rules: Value| plugin(&module, json!({"resources": [policy("allow", "ALLOW", rules)]}));
    let mutual = || Transport::mutual_tls(&mesh, &sample);
    let principal = with(json!([{"from": [{"source": {"principals": ["cluster.local/ns/foo/sa/sleep"]}}]}]));
    let server_name = with(json!([{"when": [{"key": "connection.sni", "values": ["sample.foo"]}]}]));
    let here = with(json!([{"from": [{"source": {"ipBlocks": ["127.0.0.0/8"]}}]}]));
    let elsewhere = with(json!([{"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}]));
    let custom = |kind: &str| {
        let mut ask = policy("ask", "CUSTOM", json!([{"to": [{"operation": {"paths": ["/asked"]}}]}]));
        ask["spec"]["provider"] = json!({"name": "authz"});
        let service = json!({"service": "authz.foo.svc.cluster.local", "port": 9000});
        let providers = json!({"extensionProviders": [{"name": "authz", kind: service}]});
        let mesh = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio"},
                          "data": {"mesh": providers.to_string()}});
        plugin(&module, json!({"resources": [ask, mesh]}))
    };
    // HTTP-only fields are ignored on TCP, so the rule matches every connection, and an HTTP provider cannot decide about it.
    let (asks, guards_nothing) = (custom("envoyExtAuthzGrpc"), custom("envoyExtAuthzHttp"));
    let no_port = with(json!([{"to": [{"operation": {"ports": ["1"]}}]}]));
    let envoy = Envoy::start(&Bootstrap::new(vec![
        tcp("principal", mutual(), &principal, port),
        tcp("sni", mutual(), &server_name, port),
        tcp("here", Transport::Plaintext, &here, port),
        tcp("elsewhere", Transport::Plaintext, &elsewhere, port),
        tcp("port", Transport::Plaintext, &no_port, port),
        tcp("custom-grpc", Transport::Plaintext, &asks, port),
        tcp("custom-http", Transport::Plaintext, &guards_nothing, port),
    ]))
    .unwrap();
    let plain = |name: &str| Client::plaintext(envoy.port(name).unwrap());
    let tls = |name: &str, identity| Client::tls(envoy.port(name).unwrap(), &mesh, Some(identity)).unwrap();
    let named = |name: &str| tls("sni", &sleep).with_server_name(name).unwrap();

    // Denied: the client receives nothing, not even from an upstream that sends first, and no byte reaches the upstream.
    for client in [
        plain("elsewhere"),
        plain("port"),
        plain("custom-grpc"),
        named("other.foo"),
        tls("sni", &sleep),
        tls("principal", &other),
    ] {
        let heard = talk(&client, 64);
        let early = if client.is_tls() { "hello " } else { "" };
        assert!(heard.is_empty() || heard == early, "{heard}");
    }
    thread::sleep(Duration::from_millis(200));
    assert_eq!(got.load(Ordering::Relaxed), 0);

    for client in [
        plain("here"),
        plain("custom-http"),
        named("sample.foo"),
        named("SAMPLE.foo"),
        tls("principal", &sleep),
    ] {
        assert_eq!(talk(&client, 10), "hello ping", "{client:?} {}", envoy.log().unwrap());
    }
    assert!(!envoy.log().unwrap().contains("VM failed"), "{}", envoy.log().unwrap());
}
