//! Outbound traffic: names in `:authority` and SNI.

use super::{shipped, status};
use palisade_envoy::{
    certs::{Authority, Names},
    client::Client,
    config::{Bootstrap, Http, Listener, Tcp, TrafficDirection, Transport, tls_inspector},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

fn plugin(module: &std::path::PathBuf) -> Plugin {
    let configuration = json!({
        "workload": "fromNode", "direction": "outbound",
        "resources": [{
            "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "names", "namespace": "foo"},
            "spec": {"endpointSelector": {"matchLabels": {"app": "sleep"}},
                     "egress": [{"toFQDNs": [{"matchPattern": "*.example.com"}]}]},
        }],
    });
    Plugin::new(module, configuration.to_string())
}

#[test]
fn workload_reaches_only_names_of_its_policies() {
    let Some(module) = shipped() else { return };
    let mesh = Authority::new("cluster.local").unwrap();
    let server = mesh.issue(&Names::workload("cluster.local", "foo", "sleep")).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut tcp = Tcp::to(listener.local_addr().unwrap().port());
    tcp.filters.push(plugin(&module).network_filter());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut byte = [0];
            let _ = stream.read(&mut byte).and_then(|_| stream.write_all(b"!"));
        }
    });
    let out = |mut listener: Listener| {
        listener.direction = TrafficDirection::Outbound;
        listener.listener_filters = vec![tls_inspector()];
        listener
    };
    let http = Http::with_filters(vec![plugin(&module).http_filter()]);
    let mut bootstrap = Bootstrap::new(vec![
        out(Listener::http("http", Transport::Plaintext, http)),
        out(Listener::tcp("tls", Transport::tls(&mesh, &server), tcp)),
    ]);
    let metadata = json!({"NAMESPACE": "foo", "LABELS": {"app": "sleep"}, "SERVICE_ACCOUNT": "sleep"});
    bootstrap.node_metadata = metadata.as_object().unwrap().clone();
    let envoy = Envoy::start(&bootstrap).unwrap();

    let client = Client::plaintext(envoy.port("http").unwrap());
    for (host, expected) in
        [("www.example.com", 200), ("WWW.Example.COM:8080", 200), ("example.com", 403), ("127.0.0.1", 403)]
    {
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(status(&client.request(request.as_bytes()).unwrap()), expected, "{host}");
    }

    let client = Client::tls(envoy.port("tls").unwrap(), &mesh, None).unwrap();
    let answers = |client: Client| {
        let mut connection = client.connect().unwrap();
        let mut byte = [0];
        let sent = connection.write_all(b"?").and_then(|()| connection.flush());
        sent.is_ok() && connection.read(&mut byte).is_ok_and(|len| len == 1)
    };
    assert!(answers(client.clone().with_server_name("api.example.com").unwrap()));
    assert!(!answers(client.clone().with_server_name("api.example.org").unwrap()));
    assert!(!answers(client));
}
