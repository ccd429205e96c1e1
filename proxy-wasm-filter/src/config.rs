//! The plugin configuration: what it says, and clear errors where it says something else.

mod workload;

use palisade::Profile;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub use workload::{Identity, Role, Service, ServiceKind, Whom};

/// The whole configuration. A field that is not known is an error: it may be one that denies.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Whom the policies are compiled for.
    pub workload: Whom,
    /// Settings of the mesh.
    #[serde(default)]
    pub mesh: Mesh,
    /// Which side of the workload the listener is on.
    #[serde(default)]
    pub direction: Direction,
    /// Whether a denial denies.
    #[serde(default)]
    pub mode: Mode,
    /// Whether documented traps of Envoy's semantics are closed.
    #[serde(default)]
    pub profile: Profile,
    /// Who is asked where a CUSTOM rule matches whose provider [`Self::providers`] does not name.
    pub provider: Option<Provider>,
    /// Who is asked where a CUSTOM rule matches, by the provider's name in the policy.
    #[serde(default)]
    pub providers: BTreeMap<String, Provider>,
    /// What is told of decisions.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// The service whose requests reach the filter, where the workload is a waypoint. Absent means any service.
    pub service: Option<Service>,
    /// Policies that the filter cannot enforce exactly and that are accepted nevertheless, as `Kind/namespace/name`.
    #[serde(default)]
    pub accept_inexact: BTreeSet<String>,
    /// Kubernetes objects.
    #[serde(default)]
    pub resources: Vec<serde_json::Value>,
    /// Kubernetes objects that are decided beside the others and never deny.
    #[serde(default)]
    pub shadow_resources: Vec<serde_json::Value>,
}

/// Settings of the mesh; what is absent keeps Istio's default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mesh {
    /// Where policies for the whole mesh are.
    pub root_namespace: Option<String>,
    /// The mesh's own trust domain.
    pub trust_domain: Option<String>,
    /// Other names of it.
    #[serde(default)]
    pub trust_domain_aliases: Vec<String>,
    /// How the proxy normalizes paths before this filter runs.
    pub path_normalization: Option<PathNormalization>,
}

/// `meshConfig.pathNormalization`. The proxy does it; the filter only accepts the names.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are Istio's")]
pub enum PathNormalization {
    None,
    Base,
    MergeSlashes,
    DecodeAndMergeSlashes,
}

/// Which side of the workload the listener is on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards it.
    #[default]
    Inbound,
    /// Away from it.
    Outbound,
}

/// A server that decides for a CUSTOM rule. It is asked with `GET path`; its answer 200 allows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// The proxy's cluster.
    pub cluster: String,
    /// The path to ask for, query included.
    #[serde(default = "root_path")]
    pub path: String,
    /// How long the answer may take, in milliseconds.
    #[serde(default = "quarter")]
    pub timeout_ms: u32,
    /// Whether a request passes where there is no answer, or one of 500 and above.
    #[serde(default)]
    pub fail_open: bool,
    /// The request headers to send along, in lower case; absent are all that are not about the connection.
    pub headers: Option<Vec<String>>,
}

fn root_path() -> String {
    "/".to_owned()
}

fn quarter() -> u32 {
    250
}

/// What is told of decisions.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Telemetry {
    /// Of how many policies decisions are counted one by one; 0 is of none.
    pub policy_counters: usize,
    /// Whether the histogram of decision times is kept, at the cost of three host calls a stream.
    pub decision_time: bool,
    /// Whose decision is put into the filter state `wasm.palisade`, which access logs print.
    pub filter_state: FilterState,
    /// Whether each denial logs, at debug level, the rule that came nearest to a match. Costs time in proportion to
    /// the number of rules.
    pub explain_denials: bool,
    /// Whether that line shows the values of headers, claims and metadata.
    pub show_values: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            policy_counters: 100,
            decision_time: false,
            filter_state: FilterState::default(),
            explain_denials: false,
            show_values: false,
        }
    }
}

/// Whose decision is put into the filter state.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum FilterState {
    /// No stream's.
    Off,
    /// That of a denied stream, or one that would be denied.
    #[default]
    Denied,
    /// Every stream's.
    All,
}

/// Whether a denial denies.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It is only logged and counted.
    Shadow,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// A message with line, column and what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err("the plugin configuration is empty; it needs at least `workload` and `resources` \
                        (`palisade bundle` writes it)"
                .to_owned());
        }
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("the plugin configuration cannot be read: {error}"))?;
        for provider in config.provider.iter().chain(config.providers.values()) {
            provider.check()?;
        }
        Ok(config)
    }
}

impl Provider {
    fn check(&self) -> Result<(), String> {
        let refuse = |why: &str| Err(format!("the provider of cluster `{}`: {why}", self.cluster));
        if self.cluster.is_empty() {
            return refuse("`cluster` is empty; name a cluster of the proxy");
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("`path` has to start with `/` and hold no blanks");
        }
        if self.timeout_ms == 0 {
            return refuse("`timeoutMs` is 0, which no answer can keep");
        }
        let lower = |name: &String| !name.is_empty() && *name == name.to_ascii_lowercase();
        if !self.headers.iter().flatten().all(lower) {
            return refuse("`headers` are names in lower case");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
