//! The plugin configuration inside the objects that Envoy, Istio and Envoy Gateway take.
//!
//! All fail closed: a filter that lets traffic pass when it is broken is no policy.

use super::set;
use palisade::Workload;
use serde_json::{Value, json};

/// Where Envoy finds the module, unless told otherwise.
const FILE: &str = "/etc/palisade/palisade_filter.wasm";
/// Where Istio and Envoy Gateway find it.
const IMAGE: &str = "oci://registry.example/palisade-filter:0.1.0";

/// What the filter stands in front of.
pub(super) struct Subject<'a> {
    pub(super) workload: Option<&'a Workload>,
    pub(super) tcp: bool,
    pub(super) outbound: bool,
}

impl Subject<'_> {
    fn name(&self) -> String {
        self.workload.map_or("palisade".to_owned(), |workload| format!("palisade-{}", workload.name))
    }

    /// The namespace is the root one where the filter serves the whole mesh.
    fn metadata(&self) -> Value {
        let namespace = self.workload.map_or("istio-system", |workload| workload.namespace.as_str());
        json!({"name": self.name(), "namespace": namespace})
    }

    /// `extensions.istio.io/v1alpha1`, which stands after authentication. Beside it, where a rule on requests asks for
    /// the socket's peer, an EnvoyFilter with what tells of it: a WasmPlugin cannot hold that.
    pub(super) fn wasm_plugin(&self, module: Option<&str>, configuration: Value) -> Value {
        let peer = !self.tcp && !self.outbound && asks_for_peer(&configuration);
        let mut spec = json!({
            "url": module.unwrap_or(IMAGE),
            "phase": "AUTHZ",
            "failStrategy": "FAIL_CLOSE",
            "type": if self.tcp { "NETWORK" } else { "HTTP" },
            "match": [{"mode": if self.outbound { "CLIENT" } else { "SERVER" }}],
            "pluginConfig": configuration,
        });
        if let Some(workload) = self.workload {
            set(&mut spec, "selector", json!({"matchLabels": workload.labels}));
        }
        let plugin = json!({
            "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
            "metadata": self.metadata(), "spec": spec,
        });
        match peer {
            true => {
                let peer = self.patches("INSERT_FIRST", vec![self.peer()]);
                json!({"apiVersion": "v1", "kind": "List", "items": [peer, plugin]})
            }
            false => plugin,
        }
    }

    /// `networking.istio.io/v1alpha3`: the filter, and before it the one that says who the socket's peer is.
    pub(super) fn envoy_filter(&self, module: Option<&str>, configuration: &Value) -> Value {
        self.patches("INSERT_BEFORE", self.filters(module, configuration))
    }

    /// An EnvoyFilter that puts in these filters, at the beginning or before the last one.
    fn patches(&self, operation: &str, filters: Vec<Value>) -> Value {
        let context = if self.outbound { "SIDECAR_OUTBOUND" } else { "SIDECAR_INBOUND" };
        let (kind, last) = match self.tcp {
            true => ("NETWORK_FILTER", "envoy.filters.network.tcp_proxy"),
            false => ("HTTP_FILTER", "envoy.filters.http.router"),
        };
        let manager = "envoy.filters.network.http_connection_manager";
        let filter_chain = match (self.tcp, operation) {
            (true, _) => json!({"filter": {"name": last}}),
            (false, "INSERT_FIRST") => json!({"filter": {"name": manager}}),
            (false, _) => json!({"filter": {"name": manager, "subFilter": {"name": last}}}),
        };
        let patch = |filter: Value| {
            json!({
                "applyTo": kind,
                "match": {"context": context, "listener": {"filterChain": filter_chain}},
                "patch": {"operation": operation, "value": filter},
            })
        };
        let patches: Vec<Value> = filters.into_iter().map(patch).collect();
        let mut spec = json!({"configPatches": patches});
        if let Some(workload) = self.workload {
            set(&mut spec, "workloadSelector", json!({"labels": workload.labels}));
        }
        json!({
            "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
            "metadata": self.metadata(), "spec": spec,
        })
    }

    /// A file for Envoy's listener discovery: a listener in plaintext whose streams go to the cluster `app`.
    pub(super) fn listener(&self, module: Option<&str>, port: u16, configuration: &Value) -> Value {
        let mut filters = self.filters(module, configuration);
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
                    // As Istio does by default.
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

    /// `gateway.envoyproxy.io/v1alpha1`, for the gateway that the workload is.
    pub(super) fn extension_policy(&self, module: Option<&str>, configuration: Value) -> Value {
        let gateway = self.workload.map_or("gateway", |workload| workload.name.as_str());
        let url = module.unwrap_or(IMAGE);
        json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyExtensionPolicy",
            "metadata": self.metadata(),
            "spec": {
                "targetRefs": [
                    {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway},
                ],
                "wasm": [{
                    "name": "palisade",
                    "failOpen": false,
                    "code": {"type": "Image", "image": {"url": url.strip_prefix("oci://").unwrap_or(url)}},
                    "config": configuration,
                }],
            },
        })
    }

    fn level(&self) -> &'static str {
        if self.tcp { "network" } else { "http" }
    }

    /// The filter that tells ours who the socket's peer is.
    fn peer(&self) -> Value {
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

    /// The filters in their order.
    fn filters(&self, module: Option<&str>, configuration: &Value) -> Vec<Value> {
        let level = self.level();
        let module = module.unwrap_or(FILE);
        let code = match module.split_once("://") {
            Some(("file", path)) => json!({"local": {"filename": path}}),
            _ => json!({"local": {"filename": module}}),
        };
        let wasm = json!({
            "name": "palisade",
            "typed_config": {
                "@type": typed(&format!("filters.{level}.wasm.v3.Wasm")),
                "config": {
                    "name": "palisade",
                    "failure_policy": "FAIL_CLOSED",
                    "vm_config": {"vm_id": "palisade", "runtime": "envoy.wasm.runtime.v8", "code": code},
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": configuration.to_string(),
                    },
                },
            },
        });
        vec![self.peer(), wasm]
    }
}

/// Ends with the decision where it denies.
const ACCESS_LOG: &str = "%START_TIME% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% \
                          %FILTER_STATE(wasm.palisade:PLAIN)%\n";

/// Whether a policy, or a candidate, looks at the address of the socket's peer.
fn asks_for_peer(configuration: &Value) -> bool {
    match configuration {
        Value::Array(items) => items.iter().any(asks_for_peer),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            ["ipBlocks", "notIpBlocks"].contains(&name.as_str())
                || name == "key" && value == "source.ip"
                || asks_for_peer(value)
        }),
        _ => false,
    }
}

fn typed(name: &str) -> String {
    // Access loggers and filters are extensions alike.
    format!("type.googleapis.com/envoy.extensions.{name}")
}
