//! A server that sends first reaches its client even under deny-all (`policies/istio-surprises/s17-server-first.yaml`).

use palisade::{
    Cluster, Options,
    export::{Chain, envoy_rbac},
    manifest,
    resource::Resources,
};
use palisade_envoy::{
    client::Client,
    config::{Bootstrap, Listener, Tcp, Transport},
    process::Envoy,
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread,
};

#[test]
fn tcp_deny_all_allows_server_greeting_and_blocks_client_bytes() {
    let mut resources = Resources::default();
    for file in ["base/cluster.yaml", "s17-server-first.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/istio-surprises").join(file);
        let text = fs::read_to_string(path).unwrap();
        assert!(manifest::load(file, &text, &mut resources).is_empty());
    }
    let (cluster, _) = Cluster::new(resources);
    let workload = cluster.workload("foo/sample").unwrap();
    let filters = envoy_rbac(&cluster, workload, Chain::Tcp, &Options::default());

    let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let upstream = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        stream.write_all(b"hello").unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    let tcp = Tcp { filters, ..Tcp::to(port) };
    let listener = Listener::tcp("tcp", Transport::Plaintext, tcp);
    let envoy = Envoy::start(&Bootstrap::new(vec![listener])).unwrap();
    let mut client = Client::plaintext(envoy.port("tcp").unwrap()).connect().unwrap();
    let mut greeting = [0; 5];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello");
    client.write_all(b"secret").unwrap();
    client.flush().unwrap();
    assert!(client.read_exact(&mut [0]).is_err(), "the connection is closed");
    assert_eq!(upstream.join().unwrap(), b"", "bytes of the client arrived");
}
