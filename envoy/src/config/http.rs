//! The HTTP connection manager: path normalization, filters, and a direct response.

use palisade::resource::istio::PathNormalization;
use serde_json::{Map, Value, json};

use super::types::TYPES;

/// The body of the response to a request that passes all filters.
pub const BODY: &str = "ok";

/// An HTTP filter chain.
#[derive(Clone, Debug, Default)]
pub struct Http {
    /// HTTP filters before the router, in order.
    pub filters: Vec<Value>,
    /// The path normalization before the filters.
    pub normalization: PathNormalization,
    /// Further fields of the connection manager, which override those of this type.
    pub extra: Map<String, Value>,
}

impl Http {
    /// Returns a filter chain with these filters and default settings.
    #[must_use]
    pub fn with_filters(filters: Vec<Value>) -> Self {
        Self { filters, ..Self::default() }
    }

    pub(super) fn network_filters(&self, name: &str, is_quic: bool) -> Vec<Value> {
        let mut filters = self.filters.clone();
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": format!("{TYPES}.extensions.filters.http.router.v3.Router")},
        }));
        let manager = json!({
            "@type": format!(
                "{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
            ),
            "stat_prefix": name,
            "http_filters": filters,
            "route_config": {"name": name, "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{
                    // A CONNECT has no path that a prefix could match.
                    "match": {"connect_matcher": {}},
                    "direct_response": answer(),
                }, {
                    "match": {"prefix": "/"},
                    "direct_response": answer(),
                }],
            }]},
        });
        let mut manager = match manager {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        if is_quic {
            manager.insert("codec_type".to_owned(), json!("HTTP3"));
        }
        manager.extend(normalization_fields(self.normalization));
        manager.extend(self.extra.clone());
        vec![json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": manager})]
    }
}

/// Returns the fields of the connection manager that istiod writes for `mode`.
fn normalization_fields(mode: PathNormalization) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("normalize_path".to_owned(), json!(mode != PathNormalization::None));
    if matches!(mode, PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes) {
        fields.insert("merge_slashes".to_owned(), json!(true));
    }
    if mode == PathNormalization::DecodeAndMergeSlashes {
        fields.insert("path_with_escaped_slashes_action".to_owned(), json!("UNESCAPE_AND_FORWARD"));
    }
    fields
}

fn answer() -> Value {
    json!({"status": 200, "body": {"inline_string": BODY}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(http: &Http) -> Value {
        http.network_filters("a", false)[0]["typed_config"].clone()
    }

    #[test]
    fn base_normalization_is_the_default() {
        let manager = manager(&Http::default());
        assert_eq!(manager["normalize_path"], true);
        assert!(manager.get("merge_slashes").is_none());
    }

    #[test]
    fn each_path_normalization_extends_the_previous_one() {
        let with = |normalization| manager(&Http { normalization, ..Http::default() });
        assert_eq!(with(PathNormalization::None)["normalize_path"], false);
        assert_eq!(with(PathNormalization::MergeSlashes)["merge_slashes"], true);
        let decode = with(PathNormalization::DecodeAndMergeSlashes);
        assert_eq!(decode["merge_slashes"], true);
        assert_eq!(decode["path_with_escaped_slashes_action"], "UNESCAPE_AND_FORWARD");
    }

    #[test]
    fn router_is_the_last_http_filter() {
        let http = Http::with_filters(vec![json!({"name": "mine"})]);
        let filters = manager(&http)["http_filters"].clone();
        assert_eq!(filters[0]["name"], "mine");
        assert_eq!(filters[1]["name"], "envoy.filters.http.router");
    }

    #[test]
    fn extra_fields_override_defaults() {
        let mut http = Http::default();
        http.extra.insert("normalize_path".to_owned(), json!(false));
        http.extra.insert("use_remote_address".to_owned(), json!(true));
        assert_eq!(manager(&http)["normalize_path"], false);
        assert_eq!(manager(&http)["use_remote_address"], true);
    }
}
