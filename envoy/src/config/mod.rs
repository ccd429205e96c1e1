//! Envoy's bootstrap: listeners on 127.0.0.1, each with its transport security and one chain of filters.

mod http;
mod tcp;
mod transport;
mod waypoint;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

pub use self::http::{BODY, Http, PathNormalization};
pub use self::tcp::{End, Tcp};
pub use self::transport::Transport;

const TYPES: &str = "type.googleapis.com/envoy";

/// Everything Envoy is told at start.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// The ports that Envoy opens, told apart by name.
    pub listeners: Vec<Listener>,
    /// Upstreams that filters name, beside those of TCP listeners.
    pub clusters: Vec<Value>,
    /// `node.metadata`, where Istio puts `NAMESPACE` and `LABELS` of the workload.
    pub node_metadata: Map<String, Value>,
    /// A file from which Envoy takes further listeners, and takes them again when another file is moved there (see
    /// [`Listener::discovery`]).
    pub discovery: Option<PathBuf>,
}

/// A port of 127.0.0.1 that the system chooses.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The name by which its port is found again.
    pub name: String,
    /// Its port; 0 lets the system choose.
    pub port: u16,
    /// How a connection is secured.
    pub transport: Transport,
    /// Which way the traffic goes, as a filter sees it in `xds.listener_direction`.
    pub direction: Direction,
    /// Listener filters, such as [`tls_inspector`].
    pub listener_filters: Vec<Value>,
    /// What happens to a connection.
    pub chain: Chain,
}

/// Which way a listener's traffic goes, seen from the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the workload.
    Inbound,
    /// From the workload.
    Outbound,
}

/// The filters of a listener.
#[derive(Clone, Debug)]
pub enum Chain {
    /// HTTP, every request that passes the filters answered by Envoy itself.
    Http(Http),
    /// Bytes, passed on to an upstream.
    Tcp(Tcp),
}

impl Bootstrap {
    /// A bootstrap with these listeners.
    #[must_use]
    pub fn new(listeners: Vec<Listener>) -> Self {
        Self { listeners, ..Self::default() }
    }

    /// The bootstrap as Envoy reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let own = self.listeners.iter().filter_map(Listener::cluster);
        let clusters: Vec<Value> = own.chain(self.clusters.iter().cloned()).collect();
        let mut bootstrap = json!({
            "node": {"id": "palisade", "cluster": "palisade", "metadata": self.node_metadata},
            "admin": {"address": loopback(0)},
            // As in Istio's bootstrap: a fragment is cut off, not refused.
            "layered_runtime": {"layers": [{"name": "istio", "static_layer": {
                "envoy.reloadable_features.http_reject_path_with_fragment": false,
            }}]},
            "static_resources": {
                "listeners": self.listeners.iter().flat_map(Listener::all_to_json).collect::<Vec<_>>(),
                "clusters": clusters,
            },
        });
        if let (true, Some(fields)) =
            (self.listeners.iter().any(|l| l.transport.is_waypoint()), bootstrap.as_object_mut())
        {
            fields.insert("bootstrap_extensions".to_owned(), json!([waypoint::bootstrap_extension()]));
        }
        if let (Some(file), Some(fields)) = (&self.discovery, bootstrap.as_object_mut()) {
            let source = json!({"resource_api_version": "V3", "path_config_source": {"path": file}});
            fields.insert("dynamic_resources".to_owned(), json!({"lds_config": source}));
        }
        bootstrap
    }
}

impl Listener {
    /// An inbound HTTP listener.
    pub fn http(name: impl Into<String>, transport: Transport, http: Http) -> Self {
        Self::inbound(name.into(), transport, Chain::Http(http))
    }

    /// An inbound TCP listener.
    pub fn tcp(name: impl Into<String>, transport: Transport, tcp: Tcp) -> Self {
        Self::inbound(name.into(), transport, Chain::Tcp(tcp))
    }

    fn inbound(name: String, transport: Transport, chain: Chain) -> Self {
        Self { name, port: 0, transport, direction: Direction::Inbound, listener_filters: Vec::new(), chain }
    }

    /// These listeners as a file for [`Bootstrap::discovery`].
    #[must_use]
    pub fn discovery(version: &str, listeners: &[Self]) -> Value {
        let resource = |listener: &Self| {
            let mut resource = listener.to_json();
            if let Some(fields) = resource.as_object_mut() {
                fields.insert("@type".to_owned(), json!(format!("{TYPES}.config.listener.v3.Listener")));
            }
            resource
        };
        json!({"version_info": version, "resources": listeners.iter().map(resource).collect::<Vec<_>>()})
    }

    /// The listener, and the inner one of a waypoint.
    fn all_to_json(&self) -> Vec<Value> {
        let mut outer = self.to_json();
        if !self.transport.is_waypoint() {
            return vec![outer];
        }
        let filters = outer
            .pointer_mut("/filter_chains/0/filters")
            .map(|filters| core::mem::replace(filters, waypoint::outer_filters(&self.name)));
        let inner = waypoint::inner_listener(&self.name, json!({"filters": filters}));
        vec![outer, inner]
    }

    fn to_json(&self) -> Value {
        let filters = match &self.chain {
            Chain::Http(http) => http.network_filters(&self.name, self.transport.is_quic()),
            Chain::Tcp(tcp) => tcp.network_filters(&self.name),
        };
        let mut filter_chain = Map::new();
        filter_chain.insert("filters".to_owned(), Value::Array(filters));
        if let Some(socket) = self.transport.socket() {
            filter_chain.insert("transport_socket".to_owned(), socket);
        }
        let mut listener = json!({
            "name": self.name,
            "address": if self.transport.is_quic() { loopback_udp(self.port) } else { loopback(self.port) },
            "traffic_direction": match self.direction {
                Direction::Inbound => "INBOUND",
                Direction::Outbound => "OUTBOUND",
            },
            "listener_filters": self.listener_filters,
            "filter_chains": [filter_chain],
        });
        if let (true, Some(fields)) = (self.transport.is_quic(), listener.as_object_mut()) {
            fields.insert("udp_listener_config".to_owned(), json!({"quic_options": {}}));
        }
        listener
    }

    fn cluster(&self) -> Option<Value> {
        match &self.chain {
            _ if self.transport.is_waypoint() => Some(waypoint::cluster(&self.name)),
            Chain::Http(_) => None,
            Chain::Tcp(tcp) => tcp.cluster(&self.name),
        }
    }
}

/// The listener filter that reads SNI before the chain is chosen.
#[must_use]
pub fn tls_inspector() -> Value {
    json!({
        "name": "envoy.filters.listener.tls_inspector",
        "typed_config": {"@type": format!("{TYPES}.extensions.filters.listener.tls_inspector.v3.TlsInspector")},
    })
}

/// An upstream on this port of 127.0.0.1.
#[must_use]
pub fn cluster(name: &str, port: u16) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{
            "lb_endpoints": [{"endpoint": {"address": loopback(port)}}],
        }]},
    })
}

/// An upstream whose address each request says in [`UPSTREAM`].
#[must_use]
pub fn named_by_request(name: &str) -> Value {
    json!({
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "5s",
        "original_dst_lb_config": {"use_http_header": true, "http_header_name": UPSTREAM},
    })
}

/// The header that says `127.0.0.1:PORT`.
pub const UPSTREAM: &str = "x-envoy-original-dst-host";

fn loopback(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn loopback_udp(port: u16) -> Value {
    json!({"socket_address": {"protocol": "UDP", "address": "127.0.0.1", "port_value": port}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_loopback_with_a_port_of_the_systems_choice() {
        let listeners = vec![
            Listener::http("a", Transport::Plaintext, Http::default()),
            Listener::tcp("b", Transport::Plaintext, Tcp::to(9)),
        ];
        let json = Bootstrap::new(listeners).to_json();
        let any = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
        assert_eq!(json["admin"]["address"], any);
        assert_eq!(json["static_resources"]["listeners"][0]["address"], any);
        assert_eq!(json["static_resources"]["listeners"][1]["address"], any);
        assert_eq!(json["static_resources"]["clusters"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_listener_carries_its_direction_and_filters() {
        let mut listener = Listener::http("a", Transport::Plaintext, Http::default());
        listener.direction = Direction::Outbound;
        listener.listener_filters = vec![tls_inspector()];
        let json = listener.to_json();
        assert_eq!(json["traffic_direction"], "OUTBOUND");
        assert_eq!(json["listener_filters"][0]["name"], "envoy.filters.listener.tls_inspector");
        assert!(json["filter_chains"][0].get("transport_socket").is_none());
    }

    #[test]
    fn quic_listener_is_on_udp_and_speaks_http3() {
        let mesh = crate::certs::Authority::new("cluster.local").unwrap();
        let server = mesh.issue(&crate::certs::Names::default()).unwrap();
        let json = Listener::http("a", Transport::quic(&mesh, &server), Http::default()).to_json();
        assert_eq!(json["address"]["socket_address"]["protocol"], "UDP");
        assert_eq!(json["filter_chains"][0]["filters"][0]["typed_config"]["codec_type"], "HTTP3");
    }

    #[test]
    fn node_metadata_is_passed_on() {
        let mut bootstrap = Bootstrap::default();
        bootstrap.node_metadata.insert("NAMESPACE".to_owned(), json!("foo"));
        assert_eq!(bootstrap.to_json()["node"]["metadata"]["NAMESPACE"], "foo");
    }
}
