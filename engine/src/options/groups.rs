//! The options of each product, by the names that case files use.

use super::version::{CiliumVersion, EnvoyVersion, IstioVersion};
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// The options of Istio.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct IstioOptions {
    /// The release line.
    #[serde(rename = "istioVersion")]
    pub version: IstioVersion,
    /// `ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY`.
    pub selector_on_gateway_api: bool,
    /// `PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS`.
    pub multiple_custom_providers: bool,
}

impl Default for IstioOptions {
    fn default() -> Self {
        Self {
            version: IstioVersion::default(),
            selector_on_gateway_api: true,
            multiple_custom_providers: false,
        }
    }
}

/// The options of Envoy.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct EnvoyOptions {
    /// The release.
    #[serde(rename = "envoyVersion")]
    pub version: EnvoyVersion,
    /// Whether the policies see every name of a peer's certificate, as in Envoy itself. Envoy shows a wasm filter only
    /// the first name of each kind: if another name could change a verdict, [`Profile::Strict`](super::Profile::Strict)
    /// denies.
    pub peer_names_complete: bool,
    /// The HTTP extension providers that the enforcing proxy defines itself. The mesh settings need not list them.
    #[serde(skip)]
    pub known_providers: Vec<String>,
}

impl Default for EnvoyOptions {
    fn default() -> Self {
        Self { version: EnvoyVersion::default(), peer_names_complete: true, known_providers: Vec::new() }
    }
}

/// The options of Cilium's agent.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct CiliumOptions {
    /// The release line.
    #[serde(rename = "ciliumVersion")]
    pub version: CiliumVersion,
    /// `cluster-name`: the name of the local cluster.
    pub cluster_name: String,
    /// `policy-default-local-cluster`; by default on since 1.19.
    pub policy_default_local_cluster: Option<bool>,
    /// `policy-enforcement-mode`.
    #[serde(rename = "mode")]
    pub enforcement_mode: EnforcementMode,
    /// `enable-node-selector-labels`.
    pub node_labels: bool,
    /// `enable-ipv6`: the cluster has both address families.
    pub ipv6: bool,
    /// `allow-localhost`.
    #[serde(rename = "localhost")]
    pub allow_localhost: AllowLocalhost,
    /// `enable-host-firewall`.
    pub host_firewall: bool,
    /// `enable-non-default-deny-policies`.
    pub non_default_deny: bool,
    /// Whether a peer with only negative namespace conditions must be in a namespace
    /// (docs/semantics/cilium.md#cilium-negative-namespace). No release has this option yet; it is proposed upstream
    /// (cilium#46996).
    pub namespace_must_exist: bool,
    /// `enable-extended-ip-protocols`.
    #[serde(rename = "extended")]
    pub extended_ip_protocols: bool,
    /// Whether the identity of a pod excludes the labels that the agent's default `labels` exclude, such as
    /// `pod-template-hash`.
    pub label_filter: bool,
    /// `policy-cidr-match-mode`.
    #[serde(rename = "cidrMatch")]
    pub cidr_match_mode: Vec<CidrMatch>,
    /// The network policies that the cluster accepts, with the profile `azure-acns`.
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
}

impl Default for CiliumOptions {
    fn default() -> Self {
        Self {
            version: CiliumVersion::default(),
            cluster_name: "default".into(),
            policy_default_local_cluster: None,
            enforcement_mode: EnforcementMode::default(),
            node_labels: false,
            ipv6: false,
            allow_localhost: AllowLocalhost::default(),
            host_firewall: true,
            non_default_deny: true,
            namespace_must_exist: false,
            extended_ip_protocols: false,
            label_filter: true,
            cidr_match_mode: Vec::new(),
            advanced_network_policies: AdvancedNetworkPolicies::default(),
            tofqdns_dns_reject_response_code: DnsRefusal::default(),
            tofqdns_min_ttl: 0,
            tofqdns_endpoint_max_ip_per_hostname: 1000,
            tofqdns_max_deferred_connection_deletes: 10_000,
            tofqdns_idle_connection_grace_period: 0,
        }
    }
}

impl CiliumOptions {
    /// Returns whether address blocks select endpoints of this kind.
    pub fn matches_addresses_of(&self, kind: CidrMatch) -> bool {
        self.cidr_match_mode.contains(&kind)
    }

    /// Returns whether peers are limited to the local cluster unless they name one
    /// (docs/semantics/cilium.md#cilium-local-cluster).
    pub fn default_local_cluster(&self) -> bool {
        self.policy_default_local_cluster.unwrap_or(self.version >= CiliumVersion::V1_19)
    }
}

/// A value of Cilium's `policy-cidr-match-mode`: endpoints that address blocks can select.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum CidrMatch {
    /// Nodes.
    Nodes,
    /// Pods.
    Pods,
}

/// `advancedNetworkPolicies` of Azure's advanced container networking services: the network policies that a cluster
/// accepts. Only the profile `azure-acns` uses it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub enum AdvancedNetworkPolicies {
    /// Neither `toFQDNs` nor L7 rules.
    None,
    /// `toFQDNs` and DNS rules.
    #[default]
    #[serde(rename = "FQDN")]
    Fqdn,
    /// `toFQDNs` and all L7 rules.
    L7,
}

/// Cilium's `policy-enforcement-mode`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum EnforcementMode {
    /// The policies that select an endpoint enable default deny for its directions.
    #[default]
    Default,
    /// Default deny is always enabled, for both directions.
    Always,
    /// No policy is enforced.
    Never,
}

/// Cilium's `allow-localhost`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AllowLocalhost {
    /// The local host may connect to its pods, as in Kubernetes.
    #[default]
    Always,
    /// The policies decide.
    Policy,
}

/// Cilium's `tofqdns-dns-reject-response-code`: the answer to a refused lookup.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum DnsRefusal {
    /// `REFUSED`. musl and some stub resolvers stop at this answer.
    #[default]
    Refused,
    /// `NXDOMAIN`. A resolver continues with its next search domain.
    NameError,
}
