//! HTTP/3: Envoy derives the connection ID of an HTTP/3 connection from the ID that the client chooses, so one client can get
//! the ID of another. Native RBAC on its own listeners gives the expected results.

use super::{plugin, policy, send, shipped, status};
use core::time::Duration;
use palisade_envoy::{
    certs::{Authority, Identity, Names},
    config::{Bootstrap, Http, Listener, TrafficDirection, Transport},
    http2::StreamRequest,
    http3::{Connection, Http3, Target},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::UdpSocket, path::PathBuf, thread, time::Instant};

/// If set to 1, the test runs that waits until Envoy has forgotten a closed connection.
const LONG: &str = "PALISADE_LONG";

/// Paths, each allowed by one attribute of the connection.
const PATHS: [&str; 3] = ["/identity", "/port", "/server-name"];

/// Statuses of [`PATHS`] for `sa/good` on the first listener, and for `sa/bad` on the second.
const GOOD: [u16; 3] = [200, 200, 200];
const BAD: [u16; 3] = [403, 403, 403];

struct Mesh {
    authority: Authority,
    server: Identity,
    good: Identity,
    bad: Identity,
}

impl Mesh {
    fn new() -> Self {
        let authority = Authority::new("cluster.local").unwrap();
        let issue =
            |account: &str| authority.issue(&Names::workload("cluster.local", "foo", account)).unwrap();
        let (server, good, bad) = (issue("sample"), issue("good"), issue("bad"));
        Self { authority, server, good, bad }
    }

    /// Returns how `sa/good` or `sa/bad` connects to a port.
    fn client<'a>(&'a self, is_good: bool, port: u16, id: &'a [u8]) -> Target<'a> {
        let (identity, name) =
            if is_good { (&self.good, "good.example") } else { (&self.bad, "bad.example") };
        Target { server_name: Some(name), id, ..Target::new(port).with_identity(identity) }
    }
}

/// An Envoy with two QUIC listeners of each filter, and two listeners for egress. Both listeners of a filter have the same
/// configuration, which contains the port of the first one.
struct Proxy {
    envoy: Envoy,
    ports: BTreeMap<(&'static str, usize), u16>,
}

impl Proxy {
    fn start(mesh: &Mesh) -> Option<Self> {
        let module = shipped()?;
        let mut listeners = Vec::new();
        let mut ports = BTreeMap::new();
        for filter in ["native", "palisade"] {
            let first = free_port();
            let http_filter = match filter {
                "native" => native(first),
                _ => {
                    plugin(&module, json!({"resources": [policy("p", "ALLOW", rules(first))]})).http_filter()
                }
            };
            for (index, port) in [first, free_port()].into_iter().enumerate() {
                let http = Http::with_filters(vec![http_filter.clone()]);
                let transport = Transport::quic(&mesh.authority, &mesh.server);
                listeners
                    .push(Listener { port, ..Listener::http(format!("{filter}-{index}"), transport, http) });
                ports.insert((filter, index), port);
            }
        }
        let egress = egress(&module).http_filter();
        let quic = Transport::quic(&mesh.authority, &mesh.server);
        for (name, transport) in [("egress-quic", quic), ("egress-tcp", Transport::Plaintext)] {
            let http = Http::with_filters(vec![egress.clone()]);
            let direction = TrafficDirection::Outbound;
            listeners.push(Listener { direction, ..Listener::http(name, transport, http) });
        }
        Some(Self { envoy: Envoy::start(&Bootstrap::new(listeners)).unwrap(), ports })
    }

    fn port(&self, filter: &'static str, index: usize) -> u16 {
        self.ports[&(filter, index)]
    }
}

/// Returns a free UDP port. The policies contain it, so Envoy cannot choose it.
fn free_port() -> u16 {
    UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn rules(port: u16) -> Value {
    json!([
        {"from": [{"source": {"principals": ["cluster.local/ns/foo/sa/good"]}}],
         "to": [{"operation": {"paths": ["/identity"]}}]},
        {"to": [{"operation": {"paths": ["/port"], "ports": [port.to_string()]}}]},
        {"to": [{"operation": {"paths": ["/server-name"]}}],
         "when": [{"key": "connection.sni", "values": ["good.example"]}]},
    ])
}

/// Returns the same rules for native RBAC.
fn native(port: u16) -> Value {
    let path = |path: &str| json!({"url_path": {"path": {"exact": path}}});
    let any = json!([{"any": true}]);
    let both = |path: Value, other: Value| json!([{"and_rules": {"rules": [path, other]}}]);
    let good =
        json!({"authenticated": {"principal_name": {"exact": "spiffe://cluster.local/ns/foo/sa/good"}}});
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {
                "identity": {"permissions": [path("/identity")], "principals": [good]},
                "port": {"permissions": both(path("/port"), json!({"destination_port": port})), "principals": any},
                "server-name": {
                    "permissions":
                        both(path("/server-name"), json!({"requested_server_name": {"exact": "good.example"}})),
                    "principals": any,
                },
            }},
        },
    })
}

fn get(authority: &str, path: &str) -> StreamRequest {
    let fields = [(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", path)];
    let fields = fields.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    StreamRequest::from(fields.to_vec())
}

/// Requests all [`PATHS`] concurrently and returns the statuses.
fn statuses(http3: &mut Http3, connection: Connection) -> [u16; 3] {
    let answers = http3.exchange(connection, &PATHS.map(|path| get("sample.foo", path))).unwrap();
    [0, 1, 2].map(|index| answers[index].status())
}

#[test]
fn http3_request_is_decided_by_its_own_connection_and_protocol() {
    let mesh = Mesh::new();
    let Some(proxy) = Proxy::start(&mesh) else { return };
    let mut http3 = Http3::start().unwrap();
    for filter in ["native", "palisade"] {
        let ports = [0, 1].map(|index| proxy.port(filter, index));

        // Both connections are open, and their requests alternate.
        let good = http3.connect(&mesh.client(true, ports[0], b"chosen-1")).unwrap().unwrap();
        assert_eq!(statuses(&mut http3, good), GOOD, "{filter}");
        let bad = http3.connect(&mesh.client(false, ports[1], b"chosen-1")).unwrap().unwrap();
        assert_eq!(statuses(&mut http3, bad), BAD, "{filter}");
        assert_eq!(statuses(&mut http3, good), GOOD, "{filter}");

        // The first connection is closed. For a while, Envoy rejects its ID on the same listener, but not on the other one.
        let id = b"chosen-by-a-client-2";
        let good = http3.connect(&mesh.client(true, ports[0], id)).unwrap().unwrap();
        assert_eq!(statuses(&mut http3, good), GOOD, "{filter}");
        http3.close(good).unwrap();
        let bad = http3.connect(&mesh.client(false, ports[1], id)).unwrap().unwrap();
        assert_eq!(statuses(&mut http3, bad), BAD, "{filter}");
        let timeout = Duration::from_millis(300);
        let again = Target { timeout, ..mesh.client(false, ports[0], id) };
        assert_eq!(http3.connect(&again).unwrap(), None, "{filter}");
    }
    many_clients(&mesh, &proxy, &mut http3);
    egress_protocols(&mesh, &proxy, &mut http3);
    assert!(!proxy.envoy.log().unwrap().contains("VM failed"), "{}", proxy.envoy.log().unwrap());
}

/// Connects pairs of clients that share an ID, and as many with random IDs, concurrently.
fn many_clients(mesh: &Mesh, proxy: &Proxy, http3: &mut Http3) {
    let ports = [0, 1].map(|index| proxy.port("palisade", index));
    let mut connections = Vec::new();
    for pair in 0..12u8 {
        // Envoy's own IDs have 8 bytes; Envoy hashes longer ones to this length.
        let shared: Vec<u8> = (0..8 + pair).map(|byte| byte ^ pair).collect();
        for is_good in [pair % 2 == 0, pair % 2 == 1] {
            for id in [shared.as_slice(), &[]] {
                let port = ports[usize::from(!is_good)];
                let connection = http3.connect(&mesh.client(is_good, port, id)).unwrap();
                connections.push((connection.unwrap(), is_good));
            }
        }
    }
    for round in 0..2 {
        for (connection, is_good) in &connections {
            let expected = if *is_good { GOOD } else { BAD };
            assert_eq!(statuses(http3, *connection), expected, "round {round}, {connection:?}");
        }
    }
}

/// Envoy keeps the ID of a closed connection for some minutes. Only then can it be used again on the same listener.
#[test]
fn connection_id_of_a_forgotten_connection_does_not_give_its_identity() {
    if std::env::var_os(LONG).is_none_or(|long| long != "1") {
        return palisade_test_support::skip("takes minutes: only `cargo xtask test --long` runs it");
    }
    let mesh = Mesh::new();
    let Some(proxy) = Proxy::start(&mesh) else { return };
    let mut http3 = Http3::start().unwrap();
    let id = b"forgotten";
    let filters = ["native", "palisade"];
    for filter in filters {
        let good = http3.connect(&mesh.client(true, proxy.port(filter, 0), id)).unwrap().unwrap();
        assert_eq!(statuses(&mut http3, good), GOOD, "{filter}");
        http3.close(good).unwrap();
    }
    let start = Instant::now();
    for filter in filters {
        let port = proxy.port(filter, 0);
        let again = Target { timeout: Duration::from_secs(1), ..mesh.client(false, port, id) };
        let bad = loop {
            assert!(start.elapsed() < Duration::from_secs(600), "Envoy has not forgotten the connection");
            match http3.connect(&again).unwrap() {
                Some(bad) => break bad,
                None => thread::sleep(Duration::from_secs(4)),
            }
        };
        // This is the first listener, so the port is allowed.
        assert_eq!(statuses(&mut http3, bad), [403, 200, 403], "{filter} after {:?}", start.elapsed());
    }
}

/// Returns the plugin of a workload that may reach some names over TCP and others over UDP.
fn egress(module: &PathBuf) -> Plugin {
    let names = |pattern: &str, protocol: &str| {
        json!({"toFQDNs": [{"matchPattern": pattern}],
               "toPorts": [{"ports": [{"port": "443", "protocol": protocol}]}]})
    };
    let policy = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "names", "namespace": "foo"},
        "spec": {"endpointSelector": {"matchLabels": {"app": "sample"}},
                 "egress": [names("*.tcp.example", "TCP"), names("*.udp.example", "UDP")]},
    });
    plugin(module, json!({"direction": "outbound", "resources": [policy]}))
}

/// An HTTP/3 request needs a rule for UDP, any other request one for TCP.
fn egress_protocols(mesh: &Mesh, proxy: &Proxy, http3: &mut Http3) {
    let hosts = ["a.tcp.example:443", "a.udp.example:443"];
    let port = proxy.envoy.port("egress-quic").unwrap();
    let connection = http3.connect(&Target::new(port).with_identity(&mesh.good)).unwrap().unwrap();
    let answers = http3.exchange(connection, &hosts.map(|host| get(host, "/"))).unwrap();
    assert_eq!([answers[0].status(), answers[1].status()], [403, 200]);
    let http1 = |host: &str| {
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n");
        status(&send(&proxy.envoy, "egress-tcp", &request))
    };
    assert_eq!(hosts.map(http1), [200, 403]);
}
