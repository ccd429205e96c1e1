//! Clusters of upstream endpoints, and addresses of loopback.

use serde_json::{Value, json};

/// Returns a cluster with one endpoint: this port of 127.0.0.1.
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

/// Returns a cluster whose endpoint each request names in the header [`UPSTREAM`].
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

/// The header with the address `127.0.0.1:PORT` of the endpoint.
pub const UPSTREAM: &str = "x-envoy-original-dst-host";

/// Returns the TCP address 127.0.0.1 with this port.
pub(super) fn loopback(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

/// Returns the UDP address 127.0.0.1 with this port.
pub(super) fn loopback_udp(port: u16) -> Value {
    json!({"socket_address": {"protocol": "UDP", "address": "127.0.0.1", "port_value": port}})
}
