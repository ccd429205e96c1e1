//! The objects of Envoy and Envoy Gateway that contain the plugin configuration.
//!
//! All fail closed, because a filter that allows traffic after an error enforces nothing.

use palisade::{MeshRole, Workload};
use palisade_plugin_config::Config;
use serde_json::{Value, json};

/// The proxy and the filter chain of a bundle.
pub(super) struct Subject<'a> {
    pub(super) workload: Option<&'a Workload>,
    pub(super) tcp: bool,
    pub(super) outbound: bool,
}

impl Subject<'_> {
    fn name(&self) -> String {
        self.workload.map_or("palisade".to_owned(), |workload| format!("palisade-{}", workload.name))
    }

    /// Returns a file for Envoy's listener discovery: a plaintext listener whose upstream is the cluster `app`.
    pub(super) fn listener(&self, module: &str, port: u16, config: &Config) -> Value {
        let mut filters = vec![self.peer(), self.wasm(module, config)];
        let chain = if self.tcp {
            filters.push(json!({
                "name": "envoy.filters.network.tcp_proxy",
                "typed_config": {
                    "@type": typed("filters.network.tcp_proxy.v3.TcpProxy"),
                    "stat_prefix": "palisade", "cluster": "app",
                },
            }));
            filters
        } else {
            filters.push(json!({
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": typed("filters.http.router.v3.Router")},
            }));
            vec![json!({
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": typed("filters.network.http_connection_manager.v3.HttpConnectionManager"),
                    "stat_prefix": "palisade",
                    // Istio's default.
                    "normalize_path": true,
                    "access_log": [{
                        "name": "envoy.access_loggers.stdout",
                        "typed_config": {
                            "@type": typed("access_loggers.stream.v3.StdoutAccessLog"),
                            "log_format": {"text_format_source": {"inline_string": ACCESS_LOG}},
                        },
                    }],
                    "http_filters": filters,
                    "route_config": {"virtual_hosts": [{
                        "name": "app", "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}],
                    }]},
                },
            })]
        };
        let listener = json!({
            "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            "name": self.name(),
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "traffic_direction": if self.outbound { "OUTBOUND" } else { "INBOUND" },
            "listener_filters": [{
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": {"@type": typed("filters.listener.tls_inspector.v3.TlsInspector")},
            }],
            "filter_chains": [{"filters": chain}],
        });
        json!({"resources": [listener]})
    }

    /// Returns an EnvoyExtensionPolicy (`gateway.envoyproxy.io/v1alpha1`) for the gateway `workload`.
    pub(super) fn extension_policy(workload: &Workload, code: Value, config: &Config) -> Value {
        let gateway = match &workload.role {
            MeshRole::GatewayApi(name) | MeshRole::Waypoint(name) => name,
            MeshRole::Proxy => &workload.name,
        };
        json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyExtensionPolicy",
            "metadata": {"name": format!("palisade-{}", workload.name), "namespace": workload.namespace},
            "spec": {
                "targetRefs": [
                    {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway},
                ],
                "wasm": [{
                    "name": "palisade",
                    "failOpen": false,
                    "code": code,
                    "config": config.to_json(),
                }],
            },
        })
    }

    fn level(&self) -> &'static str {
        if self.tcp { "network" } else { "http" }
    }

    /// Returns the filter that writes the address of the socket's peer to the filter state.
    pub(super) fn peer(&self) -> Value {
        let level = self.level();
        json!({
            "name": format!("envoy.filters.{level}.set_filter_state"),
            "typed_config": {
                "@type": typed(&format!("filters.{level}.set_filter_state.v3.Config")),
                (if self.tcp { "on_new_connection" } else { "on_request_headers" }): [{
                    "object_key": "palisade.source_address",
                    "factory_key": "envoy.string",
                    "format_string": {"text_format_source": {"inline_string": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"}},
                }],
            },
        })
    }

    /// Returns the Palisade filter.
    pub(super) fn wasm(&self, module: &str, config: &Config) -> Value {
        let level = self.level();
        let code = json!({"local": {"filename": module}});
        json!({
            "name": "palisade",
            "typed_config": {
                "@type": typed(&format!("filters.{level}.wasm.v3.Wasm")),
                "config": {
                    "name": "palisade",
                    "failure_policy": "FAIL_CLOSED",
                    "vm_config": {"vm_id": "palisade", "runtime": "envoy.wasm.runtime.v8", "code": code},
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": config.to_json().to_string(),
                    },
                },
            },
        })
    }
}

/// The format of the access log. It ends with the decision of a denied request.
const ACCESS_LOG: &str = "%START_TIME% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% \
                          %FILTER_STATE(wasm.palisade:PLAIN)%\n";

/// Returns whether a policy of the configuration uses the address of the socket's peer.
pub(super) fn reads_peer_address(config: &Config) -> bool {
    config.resources.iter().chain(&config.shadow_resources).any(has_peer_address)
}

fn has_peer_address(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_peer_address),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            ["ipBlocks", "notIpBlocks"].contains(&name.as_str())
                || name == "key" && value == "source.ip"
                || has_peer_address(value)
        }),
        _ => false,
    }
}

/// Returns the type URL of an extension.
fn typed(name: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.{name}")
}
