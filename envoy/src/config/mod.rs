//! Envoy's bootstrap configuration: listeners on 127.0.0.1, each with its transport security and one filter chain.

mod http;
mod tcp;
mod transport;
mod types;
mod upstream;
mod waypoint;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

pub use self::http::{BODY, Http};
pub use self::tcp::{Tcp, TcpTarget};
pub use self::transport::Transport;
use self::types::TYPES;
pub use self::upstream::{UPSTREAM, cluster, named_by_request};
use self::upstream::{loopback, loopback_udp};

/// The bootstrap configuration of an Envoy.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// The listeners, with unique names.
    pub listeners: Vec<Listener>,
    /// Upstream clusters that filters name, in addition to those of TCP listeners.
    pub clusters: Vec<Value>,
    /// `node.metadata`, in which Istio stores `NAMESPACE` and `LABELS` of the workload.
    pub node_metadata: Map<String, Value>,
    /// A file with further listeners. Envoy reads it again when another file is moved to its path (see
    /// [`Listener::discovery`]).
    pub discovery: Option<PathBuf>,
}

/// A listener on a port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The name, by which its port can be found.
    pub name: String,
    /// The port, or 0 for a port that the system chooses.
    pub port: u16,
    /// The transport security.
    pub transport: Transport,
    /// The direction of the traffic, which a filter reads as `xds.listener_direction`.
    pub direction: TrafficDirection,
    /// Listener filters, such as [`tls_inspector`].
    pub listener_filters: Vec<Value>,
    /// The filter chain.
    pub chain: Chain,
}

/// The direction of a listener's traffic, from the view of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficDirection {
    /// Traffic to the workload.
    Inbound,
    /// Traffic from the workload.
    Outbound,
}

/// The filter chain of a listener.
#[derive(Clone, Debug)]
pub enum Chain {
    /// An HTTP filter chain. Envoy answers every request that passes the filters.
    Http(Http),
    /// A TCP filter chain, which ends at an upstream or an echo.
    Tcp(Tcp),
}

impl Bootstrap {
    /// Returns a bootstrap configuration with these listeners.
    #[must_use]
    pub fn new(listeners: Vec<Listener>) -> Self {
        Self { listeners, ..Self::default() }
    }

    /// Returns the configuration in the format of Envoy.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let own = self.listeners.iter().filter_map(Listener::cluster);
        let clusters: Vec<Value> = own.chain(self.clusters.iter().cloned()).collect();
        let mut bootstrap = json!({
            "node": {"id": "palisade", "cluster": "palisade", "metadata": self.node_metadata},
            "admin": {"address": loopback(0)},
            // As in Istio's bootstrap: Envoy removes a fragment instead of rejecting the request.
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
    /// Returns an inbound HTTP listener.
    pub fn http(name: impl Into<String>, transport: Transport, http: Http) -> Self {
        Self::inbound(name.into(), transport, Chain::Http(http))
    }

    /// Returns an inbound TCP listener.
    pub fn tcp(name: impl Into<String>, transport: Transport, tcp: Tcp) -> Self {
        Self::inbound(name.into(), transport, Chain::Tcp(tcp))
    }

    fn inbound(name: String, transport: Transport, chain: Chain) -> Self {
        Self {
            name,
            port: 0,
            transport,
            direction: TrafficDirection::Inbound,
            listener_filters: Vec::new(),
            chain,
        }
    }

    /// Returns the content of a file for [`Bootstrap::discovery`] with these listeners.
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

    /// Returns the listener, and the inner listener of a waypoint.
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
                TrafficDirection::Inbound => "INBOUND",
                TrafficDirection::Outbound => "OUTBOUND",
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

/// Returns the listener filter that reads the SNI before Envoy selects a filter chain.
#[must_use]
pub fn tls_inspector() -> Value {
    json!({
        "name": "envoy.filters.listener.tls_inspector",
        "typed_config": {"@type": format!("{TYPES}.extensions.filters.listener.tls_inspector.v3.TlsInspector")},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_loopback_with_port_zero() {
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
    fn listener_contains_its_direction_and_filters() {
        let mut listener = Listener::http("a", Transport::Plaintext, Http::default());
        listener.direction = TrafficDirection::Outbound;
        listener.listener_filters = vec![tls_inspector()];
        let json = listener.to_json();
        assert_eq!(json["traffic_direction"], "OUTBOUND");
        assert_eq!(json["listener_filters"][0]["name"], "envoy.filters.listener.tls_inspector");
        assert!(json["filter_chains"][0].get("transport_socket").is_none());
    }

    #[test]
    fn quic_listener_uses_udp_and_http3() {
        let mesh = crate::certs::Authority::new("cluster.local").unwrap();
        let server = mesh.issue(&crate::certs::Names::default()).unwrap();
        let json = Listener::http("a", Transport::quic(&mesh, &server), Http::default()).to_json();
        assert_eq!(json["address"]["socket_address"]["protocol"], "UDP");
        assert_eq!(json["filter_chains"][0]["filters"][0]["typed_config"]["codec_type"], "HTTP3");
    }

    #[test]
    fn bootstrap_contains_node_metadata() {
        let mut bootstrap = Bootstrap::default();
        bootstrap.node_metadata.insert("NAMESPACE".to_owned(), json!("foo"));
        assert_eq!(bootstrap.to_json()["node"]["metadata"]["NAMESPACE"], "foo");
    }
}
