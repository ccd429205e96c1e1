//! Metrics, filter state and log lines about decisions.

use serde::{Deserialize, Serialize};

/// The metrics, filter state and log lines that the filter writes about its decisions.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Telemetry {
    /// The number of policies with separate counters; 0 disables these counters.
    pub policy_counters: usize,
    /// Whether the filter records a histogram of decision times, at the cost of three host calls a stream.
    pub decision_time: bool,
    /// The streams whose decision is in the filter state `wasm.palisade`, which access logs print.
    pub filter_state: FilterStateScope,
    /// Whether the filter logs the nearest miss of each denial, at debug level. The cost grows with the number of rules.
    pub explain_denials: bool,
    /// Whether that line has the values of headers, claims and metadata.
    pub show_values: bool,
}

impl Telemetry {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            policy_counters: 100,
            decision_time: false,
            filter_state: FilterStateScope::default(),
            explain_denials: false,
            show_values: false,
        }
    }
}

/// The streams whose decision is in the filter state.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterStateScope {
    /// No stream.
    Off,
    /// Denied streams, and streams that shadow mode, a dry run or `shadowResources` would deny.
    #[default]
    Denied,
    /// Every stream.
    All,
}
