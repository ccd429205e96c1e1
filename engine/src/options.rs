//! Which semantics are meant: versions of Istio, Envoy and Cilium, the agent's switches, the profile.

use crate::compile::CompileSwitches;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Serialize};

/// How documented traps are decided, and what a platform refuses besides.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// As Istio, Envoy and Cilium do.
    #[default]
    Compat,
    /// Never more permissive than compat, and closed where compat is a documented trap.
    Strict,
    /// As compat; policies that Azure's advanced container networking services refuse are errors.
    #[serde(rename = "azure-acns")]
    AzureAcns,
}

/// `advancedNetworkPolicies` of Azure's advanced container networking services: which policies a cluster takes. Only the
/// profile `azure-acns` asks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub enum AdvancedNetworkPolicies {
    /// Neither names nor requests.
    None,
    /// `toFQDNs` and DNS rules.
    #[default]
    #[serde(rename = "FQDN")]
    Fqdn,
    /// Rules about requests too.
    L7,
}

/// A Cilium release line whose semantics are meant.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum CiliumVersion {
    /// 1.17 and earlier.
    #[serde(rename = "1.17")]
    V1_17,
    /// 1.18.
    #[serde(rename = "1.18")]
    V1_18,
    /// 1.19.
    #[serde(rename = "1.19")]
    V1_19,
    /// 1.20.
    #[default]
    #[serde(rename = "1.20")]
    V1_20,
}

/// Cilium's `policy-enforcement-mode`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum EnforcementMode {
    /// A direction is armed by the policies that select the endpoint.
    #[default]
    Default,
    /// Both directions are always armed.
    Always,
    /// Nothing is enforced.
    Never,
}

/// Cilium's `allow-localhost`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Localhost {
    /// The local host may reach its pods: Kubernetes mode.
    #[default]
    Always,
    /// Only as policies say.
    Policy,
}

/// Cilium's `tofqdns-dns-reject-response-code`: what a refused lookup gets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum DnsRefusal {
    /// `REFUSED`, at which musl and some stub resolvers stop.
    #[default]
    Refused,
    /// `NXDOMAIN`, behind which a resolver goes on with its next search domain.
    NameError,
}

/// `options:` of a case file; the defaults are those of Cilium 1.20, Istio 1.31 and Envoy 1.40.
///
/// ```
/// use palisade::{CiliumVersion, Options};
///
/// let options: Options = serde_json::from_str(r#"{"ciliumVersion": "1.19"}"#).unwrap();
/// assert_eq!(options.cilium_version, CiliumVersion::V1_19);
/// assert!(options.default_local_cluster());
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Options {
    /// How documented traps are decided.
    pub profile: Profile,
    /// Cilium release line.
    pub cilium_version: CiliumVersion,
    /// Name of the local cluster.
    pub cluster_name: String,
    /// `policy-default-local-cluster`; by default on since 1.19.
    pub policy_default_local_cluster: Option<bool>,
    /// `policy-enforcement-mode`.
    pub mode: EnforcementMode,
    /// `enable-node-selector-labels`.
    pub node_labels: bool,
    /// Dual stack.
    pub ipv6: bool,
    /// `allow-localhost`.
    pub localhost: Localhost,
    /// `enable-host-firewall`.
    pub host_firewall: bool,
    /// `enable-non-default-deny-policies`.
    pub non_default_deny: bool,
    /// Whether a peer that says only which namespaces it is not in must be in some
    /// (docs/semantics/cilium.md#cilium-negative-namespace). No release asks for it yet; it is proposed upstream
    /// (cilium#46996).
    pub namespace_must_exist: bool,
    /// `enable-extended-ip-protocols`.
    pub extended: bool,
    /// Whether the identity of a pod is without the labels that the agent's default `labels` excludes, such as
    /// `pod-template-hash`.
    pub label_filter: bool,
    /// `policy-cidr-match-mode`: `nodes`, `pods`.
    pub cidr_match: Vec<String>,
    /// What the cluster takes, under the profile `azure-acns`.
    pub advanced_network_policies: AdvancedNetworkPolicies,
    /// `tofqdns-dns-reject-response-code`.
    pub tofqdns_dns_reject_response_code: DnsRefusal,
    /// `tofqdns-min-ttl`, in seconds.
    pub tofqdns_min_ttl: u32,
    /// `tofqdns-endpoint-max-ip-per-hostname`.
    pub tofqdns_endpoint_max_ip_per_hostname: u32,
    /// `tofqdns-max-deferred-connection-deletes`.
    pub tofqdns_max_deferred_connection_deletes: u32,
    /// `tofqdns-idle-connection-grace-period`, in seconds.
    pub tofqdns_idle_connection_grace_period: u32,
    /// Istio release line, such as `1.31`.
    pub istio_version: String,
    /// Envoy release line, such as `1.40`.
    pub envoy_version: String,
    /// `ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY`.
    pub selector_on_gateway_api: bool,
    /// `PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS`.
    pub multiple_custom_providers: bool,
    /// Whether deciding sees every name of a peer's certificate, as Envoy itself does. A wasm filter is shown the first
    /// of each kind only: where another could change a verdict, [`Profile::Strict`] denies.
    pub peer_names_complete: bool,
    /// Shortcuts of compilation, for tests.
    #[serde(skip)]
    pub switches: CompileSwitches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            cilium_version: CiliumVersion::default(),
            cluster_name: "default".to_string(),
            policy_default_local_cluster: None,
            mode: EnforcementMode::default(),
            node_labels: false,
            ipv6: false,
            localhost: Localhost::default(),
            host_firewall: true,
            non_default_deny: true,
            namespace_must_exist: false,
            extended: false,
            label_filter: true,
            cidr_match: Vec::new(),
            advanced_network_policies: AdvancedNetworkPolicies::default(),
            tofqdns_dns_reject_response_code: DnsRefusal::default(),
            tofqdns_min_ttl: 0,
            tofqdns_endpoint_max_ip_per_hostname: 1000,
            tofqdns_max_deferred_connection_deletes: 10_000,
            tofqdns_idle_connection_grace_period: 0,
            istio_version: "1.31".to_string(),
            envoy_version: "1.40".to_string(),
            selector_on_gateway_api: true,
            multiple_custom_providers: false,
            peer_names_complete: true,
            switches: CompileSwitches::default(),
        }
    }
}

impl Options {
    /// Whether `policy-cidr-match-mode` lists `ends`, which are `nodes` or `pods`.
    pub fn matches_addresses_of(&self, ends: &str) -> bool {
        self.cidr_match.iter().any(|mode| mode == ends)
    }

    /// Whether peers are limited to the local cluster unless they name one
    /// (docs/semantics/cilium.md#cilium-local-cluster).
    pub fn default_local_cluster(&self) -> bool {
        self.policy_default_local_cluster.unwrap_or(self.cilium_version >= CiliumVersion::V1_19)
    }
}
