//! PeerAuthentication, as written.

use super::WorkloadSelector;
use alloc::{collections::BTreeMap, string::String};
use serde::Deserialize;

/// `spec` of a PeerAuthentication.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PeerAuthenticationSpec {
    /// The workloads it applies to.
    pub selector: Option<WorkloadSelector>,
    /// Mode of the workload.
    pub mtls: Option<MutualTls>,
    /// Modes of single workload ports, by number.
    pub port_level_mtls: Option<BTreeMap<String, Option<MutualTls>>>,
}

/// `mtls`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MutualTls {
    /// The mode; UNSET when absent.
    pub mode: Option<MutualTlsMode>,
}

/// `mode`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum MutualTlsMode {
    /// Inherits from the wider scope.
    #[default]
    Unset,
    /// Mutual TLS is not terminated.
    Disable,
    /// Plaintext and mutual TLS are both accepted.
    Permissive,
    /// Only mutual TLS is accepted.
    Strict,
}
