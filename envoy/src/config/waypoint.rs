//! The two listeners of a waypoint: the outer one terminates mutual TLS, the inner one receives the plain bytes.
//!
//! Istio's outer listener also terminates a CONNECT tunnel (HBONE). Here, the inner listener gets the same connection without
//! the tunnel: its addresses come from filter state.

use serde_json::{Value, json};

use super::types::TYPES;

/// Returns the name of the inner listener of the listener `name`, and of the cluster that leads to it.
fn inner_name(name: &str) -> String {
    format!("{name}-inner")
}

/// Returns the filters of the outer listener `name`.
pub(super) fn outer_filters(name: &str) -> Value {
    let state = |side: &str, value: &str| {
        let key = format!("envoy.filters.listener.original_dst.{side}_ip");
        json!({
            "object_key": key,
            "format_string": {"text_format_source": {"inline_string": value}},
            "shared_with_upstream": "ONCE",
        })
    };
    json!([
        {"name": "addresses", "typed_config": {
            "@type": format!("{TYPES}.extensions.filters.network.set_filter_state.v3.Config"),
            "on_new_connection": [
                state("local", "%DOWNSTREAM_LOCAL_ADDRESS%"),
                state("remote", "%DOWNSTREAM_REMOTE_ADDRESS%"),
            ],
        }},
        {"name": "envoy.filters.network.tcp_proxy", "typed_config": {
            "@type": format!("{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy"),
            "stat_prefix": name,
            "cluster": inner_name(name),
        }},
    ])
}

/// Returns the inner listener with this filter chain.
pub(super) fn inner_listener(name: &str, filter_chain: Value) -> Value {
    json!({
        "name": inner_name(name),
        "internal_listener": {},
        "traffic_direction": "INBOUND",
        "listener_filters": [{
            "name": "envoy.filters.listener.original_dst",
            "typed_config": {
                "@type": format!("{TYPES}.extensions.filters.listener.original_dst.v3.OriginalDst"),
            },
        }],
        "filter_chains": [filter_chain],
    })
}

/// Returns the cluster from the listener `name` to its inner listener.
pub(super) fn cluster(name: &str) -> Value {
    let raw = json!({
        "name": "envoy.transport_sockets.raw_buffer",
        "typed_config": {"@type": format!("{TYPES}.extensions.transport_sockets.raw_buffer.v3.RawBuffer")},
    });
    json!({
        "name": inner_name(name),
        "type": "STATIC",
        "load_assignment": {"cluster_name": inner_name(name), "endpoints": [{"lb_endpoints": [{"endpoint": {
            "address": {"envoy_internal_address": {"server_listener_name": inner_name(name)}},
        }}]}]},
        "transport_socket": {
            "name": "envoy.transport_sockets.internal_upstream",
            "typed_config": {
                "@type": format!(
                    "{TYPES}.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport"
                ),
                "transport_socket": raw,
            },
        },
    })
}

/// Returns the extension of the bootstrap that inner listeners need.
pub(super) fn bootstrap_extension() -> Value {
    json!({
        "name": "envoy.bootstrap.internal_listener",
        "typed_config": {"@type": format!("{TYPES}.extensions.bootstrap.internal_listener.v3.InternalListener")},
    })
}
