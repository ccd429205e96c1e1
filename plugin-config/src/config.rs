//! The whole plugin configuration.

use crate::{ConfigError, MeshSettings, Provider, Service, Telemetry, WorkloadSource};
use palisade::Profile;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The whole configuration. An unknown field is an error, because the filter would ignore a restriction.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The workload whose policies the filter enforces.
    pub workload: WorkloadSource,
    /// Settings of the mesh.
    #[serde(default)]
    pub mesh: MeshSettings,
    /// The direction of the listener's traffic.
    #[serde(default)]
    pub direction: TrafficDirection,
    /// Whether the filter blocks denied streams.
    #[serde(default)]
    pub mode: Mode,
    /// Whether the filter closes documented traps of Envoy's semantics.
    #[serde(default)]
    pub profile: Profile,
    /// The provider of CUSTOM rules whose provider has no entry in [`Self::providers`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// The providers of CUSTOM rules, by the name in the policy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, Provider>,
    /// Metrics, filter state and log lines about decisions.
    #[serde(default, skip_serializing_if = "Telemetry::is_default")]
    pub telemetry: Telemetry,
    /// The service whose requests reach the filter of a waypoint; `None` means any service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Accepted policies that the filter cannot enforce exactly, as `Kind/namespace/name`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accept_inexact: BTreeSet<String>,
    /// Kubernetes objects.
    #[serde(default)]
    pub resources: Vec<Value>,
    /// Kubernetes objects that the filter evaluates only to report different verdicts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow_resources: Vec<Value>,
}

/// The direction of a listener's traffic, as seen from the workload.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrafficDirection {
    /// Traffic to the workload; the filter enforces AuthorizationPolicies.
    #[default]
    Inbound,
    /// Traffic from the workload; the filter enforces Cilium's egress policies.
    Outbound,
}

/// Whether the filter blocks denied streams.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The filter blocks them.
    #[default]
    Enforce,
    /// The filter only counts and logs them.
    Shadow,
}

impl Config {
    /// Creates a configuration without policies, with the default of every other field.
    pub fn new(workload: WorkloadSource) -> Self {
        Self {
            workload,
            mesh: MeshSettings::default(),
            direction: TrafficDirection::default(),
            mode: Mode::default(),
            profile: Profile::default(),
            provider: None,
            providers: BTreeMap::new(),
            telemetry: Telemetry::default(),
            service: None,
            accept_inexact: BTreeSet::new(),
            resources: Vec::new(),
            shadow_resources: Vec::new(),
        }
    }

    /// Reads the configuration from JSON.
    ///
    /// # Errors
    ///
    /// The text is not JSON, has an unknown field or an invalid value. The error has line and column, and the expected
    /// value.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(ConfigError::new(
                "the plugin configuration is empty; it needs at least `workload` and `resources` \
                 (`palisade bundle` writes it)",
            ));
        }
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|error| ConfigError::new(format!("the plugin configuration cannot be read: {error}")))?;
        for provider in config.provider.iter().chain(config.providers.values()) {
            provider.check()?;
        }
        Ok(config)
    }

    /// Returns the configuration as JSON.
    pub fn to_json(&self) -> Value {
        // Maps with keys of text and numbers without fractions always have a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Returns whether the configuration names `provider`.
    pub fn has_provider(&self, provider: &str) -> bool {
        self.provider.is_some() || self.providers.contains_key(provider)
    }
}

#[cfg(test)]
mod tests;
