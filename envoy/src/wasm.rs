//! A proxy-wasm plugin as Envoy is told about it, for an HTTP or a network filter chain.

use std::path::PathBuf;

use serde_json::{Value, json};

const TYPES: &str = "type.googleapis.com/envoy";

/// A plugin from a local module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Its name in Envoy's log and statistics.
    pub name: String,
    /// The root context to ask for; a module with one has it under the empty name.
    pub root_id: String,
    /// The `.wasm` file.
    pub module: PathBuf,
    /// What the plugin reads in its configure call.
    pub configuration: String,
    /// What Envoy does with traffic when the plugin's VM is dead.
    pub failure_policy: FailurePolicy,
}

/// What happens to traffic once a plugin's VM has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It is refused.
    #[default]
    Closed,
    /// It passes as if the plugin were not there.
    Open,
    /// It is refused until a new VM was started, which the next stream tries.
    Reload,
}

impl Plugin {
    /// A plugin that fails closed.
    pub fn new(module: impl Into<PathBuf>, configuration: impl Into<String>) -> Self {
        Self {
            name: "palisade".to_owned(),
            root_id: String::new(),
            module: module.into(),
            configuration: configuration.into(),
            failure_policy: FailurePolicy::default(),
        }
    }

    /// The plugin as an HTTP filter.
    #[must_use]
    pub fn http_filter(&self) -> Value {
        self.filter("http")
    }

    /// The plugin as a network filter.
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
    fn fails_closed_and_passes_the_configuration_as_a_string() {
        let config = Plugin::new("a.wasm", "{}").http_filter()["typed_config"]["config"].clone();
        assert_eq!(config["failure_policy"], "FAIL_CLOSED");
        assert_eq!(config["configuration"]["value"], "{}");
        assert_eq!(config["vm_config"]["code"]["local"]["filename"], "a.wasm");
    }

    #[test]
    fn the_level_is_in_the_type() {
        let plugin = Plugin::new("a.wasm", "");
        let kind = |filter: Value| filter["typed_config"]["@type"].as_str().unwrap().to_owned();
        assert!(kind(plugin.http_filter()).contains("filters.http.wasm"));
        assert!(kind(plugin.network_filter()).contains("filters.network.wasm"));
    }
}
