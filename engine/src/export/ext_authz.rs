//! The Envoy filter that calls an external authorization service.

use crate::lower::istio::{
    Chain,
    ext_authz::{AuthorizationService, HttpSettings, ServiceTransport},
};
use alloc::{format, string::String, vec::Vec};
use serde_json::{Map, Value, json};

const TYPES: &str = "type.googleapis.com/envoy.extensions.filters";

/// Returns the filter that calls `service` if a shadow rule whose name starts with `prefix` matches.
pub(super) fn filter(service: &AuthorizationService, chain: Chain, prefix: &str) -> Value {
    let rbac = match chain {
        Chain::Http => "envoy.filters.http.rbac",
        Chain::Tcp => "envoy.filters.network.rbac",
    };
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.into(), value);
    set("transportApiVersion", "V3".into());
    set(
        "filterEnabledMetadata",
        json!({
            "filter": rbac,
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
            "value": {"stringMatch": {"prefix": prefix}},
        }),
    );
    if service.settings.fail_open {
        set("failureModeAllow", true.into());
    }
    match chain {
        Chain::Tcp => {
            set("@type", format!("{TYPES}.network.ext_authz.v3.ExtAuthz").into());
            set("statPrefix", "tcp.".into());
            set("grpcService", grpc(service));
            json!({"name": "envoy.filters.network.ext_authz", "typedConfig": fields})
        }
        Chain::Http => {
            set("@type", format!("{TYPES}.http.ext_authz.v3.ExtAuthz").into());
            if let Some(status) = service.status_on_error {
                set("statusOnError", json!({"code": status}));
            }
            if service.settings.clear_route_cache {
                set("clearRouteCache", true.into());
            }
            if let Some(body) = service.settings.include_request_body_in_check {
                let mut limits = Map::new();
                limits.insert("maxRequestBytes".into(), body.max_request_bytes.into());
                let flags = [
                    ("allowPartialMessage", body.allow_partial_message),
                    ("packAsBytes", body.pack_as_bytes),
                ];
                limits.extend(flags.into_iter().filter(|f| f.1).map(|(name, on)| (name.into(), on.into())));
                set("withRequestBody", limits.into());
            }
            match &service.transport {
                ServiceTransport::Grpc => {
                    set("grpcService", grpc(service));
                }
                ServiceTransport::Http(http) => {
                    set("httpService", http_service(service, http));
                    if let Some(headers) = headers(http.headers_in_check()) {
                        set("allowedHeaders", headers);
                    }
                }
            }
            json!({"name": "envoy.filters.http.ext_authz", "typedConfig": fields})
        }
    }
}

impl AuthorizationService {
    fn timeout(&self) -> &str {
        self.settings.timeout.as_deref().unwrap_or("600s")
    }
}

impl HttpSettings {
    fn headers_in_check(&self) -> &[String] {
        let newer = &self.include_request_headers_in_check;
        if newer.is_empty() { &self.include_headers_in_check } else { newer }
    }
}

fn grpc(service: &AuthorizationService) -> Value {
    json!({
        "envoyGrpc": {"authority": service.hostname, "clusterName": service.cluster()},
        "timeout": service.timeout(),
    })
}

fn http_service(service: &AuthorizationService, http: &HttpSettings) -> Value {
    let mut fields = Map::new();
    fields.insert(
        "serverUri".into(),
        json!({
            "cluster": service.cluster(),
            "timeout": service.timeout(),
            "uri": format!("http://{}", service.hostname),
        }),
    );
    if !http.path_prefix.is_empty() {
        fields.insert("pathPrefix".into(), http.path_prefix.as_str().into());
    }
    if !http.include_additional_headers_in_check.is_empty() {
        let added = http.include_additional_headers_in_check.iter();
        let added: Vec<Value> = added.map(|(key, value)| json!({"key": key, "value": value})).collect();
        fields.insert("authorizationRequest".into(), json!({"headersToAdd": added}));
    }
    let lists = [
        ("allowedUpstreamHeaders", &http.headers_to_upstream_on_allow),
        ("allowedClientHeaders", &http.headers_to_downstream_on_deny),
        ("allowedClientHeadersOnSuccess", &http.headers_to_downstream_on_allow),
    ];
    let response: Map<String, Value> =
        lists.into_iter().filter_map(|(name, list)| Some((name.into(), headers(list)?))).collect();
    if !response.is_empty() {
        fields.insert("authorizationResponse".into(), response.into());
    }
    fields.into()
}

/// Returns matchers for header names, each with an optional star at one end, or `None` for an empty list.
fn headers(names: &[String]) -> Option<Value> {
    let pattern = |name: &String| match (name.strip_prefix('*'), name.strip_suffix('*')) {
        (Some(suffix), _) => json!({"suffix": suffix, "ignoreCase": true}),
        (None, Some(prefix)) => json!({"prefix": prefix, "ignoreCase": true}),
        (None, None) => json!({"exact": name, "ignoreCase": true}),
    };
    let patterns: Vec<Value> = names.iter().map(pattern).collect();
    (!patterns.is_empty()).then(|| json!({"patterns": patterns}))
}
