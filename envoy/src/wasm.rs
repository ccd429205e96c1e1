//! The configuration of a proxy-wasm plugin in Envoy, for an HTTP or a network filter chain.

use std::path::PathBuf;

use serde_json::{Value, json};

const TYPES: &str = "type.googleapis.com/envoy";

/// A plugin with a local module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// The name in Envoy's log and statistics.
    pub name: String,
    /// The name of the root context; empty for a module with only one.
    pub root_id: String,
    /// The path of the `.wasm` file.
    pub module: PathBuf,
    /// The plugin configuration.
    pub configuration: String,
    /// The fail policy.
    pub failure_policy: FailurePolicy,
}

/// The fail policy: Envoy's treatment of traffic after the plugin's VM has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Traffic is denied.
    #[default]
    Closed,
    /// Traffic passes without the plugin.
    Open,
    /// Traffic is denied until a new VM has started. Each new stream tries to start one.
    Reload,
}

impl Plugin {
    /// Returns a plugin with the fail policy `FAIL_CLOSED`.
    pub fn new(module: impl Into<PathBuf>, configuration: impl Into<String>) -> Self {
        Self {
            name: "palisade".to_owned(),
            root_id: String::new(),
            module: module.into(),
            configuration: configuration.into(),
            failure_policy: FailurePolicy::default(),
        }
    }

    /// Returns the configuration of the HTTP filter.
    #[must_use]
    pub fn http_filter(&self) -> Value {
        self.filter("http")
    }

    /// Returns the configuration of the network filter.
    #[must_use]
    pub fn network_filter(&self) -> Value {
        self.filter("network")
    }

    fn filter(&self, level: &str) -> Value {
        json!({
            "name": self.name,
            "typed_config": {
                "@type": format!("{TYPES}.extensions.filters.{level}.wasm.v3.Wasm"),
                "config": {
                    "name": self.name,
                    "root_id": self.root_id,
                    "failure_policy": match self.failure_policy {
                        FailurePolicy::Closed => "FAIL_CLOSED",
                        FailurePolicy::Open => "FAIL_OPEN",
                        FailurePolicy::Reload => "FAIL_RELOAD",
                    },
                    "vm_config": {
                        "vm_id": self.name,
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": self.module.to_string_lossy()}},
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": self.configuration,
                    },
                },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_fails_closed_and_has_string_configuration() {
        let config = Plugin::new("a.wasm", "{}").http_filter()["typed_config"]["config"].clone();
        assert_eq!(config["failure_policy"], "FAIL_CLOSED");
        assert_eq!(config["configuration"]["value"], "{}");
        assert_eq!(config["vm_config"]["code"]["local"]["filename"], "a.wasm");
    }

    #[test]
    fn plugin_type_depends_on_filter_level() {
        let plugin = Plugin::new("a.wasm", "");
        let kind = |filter: Value| filter["typed_config"]["@type"].as_str().unwrap().to_owned();
        assert!(kind(plugin.http_filter()).contains("filters.http.wasm"));
        assert!(kind(plugin.network_filter()).contains("filters.network.wasm"));
    }
}
