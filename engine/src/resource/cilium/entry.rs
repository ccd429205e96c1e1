//! An entry of `ingress`, `ingressDeny`, `egress` or `egressDeny`.

use super::{IcmpRule, List, PortRule, list};
use crate::resource::meta::LabelSelector;
use alloc::{collections::BTreeMap, string::String};
use serde::Deserialize;
use serde_json::Value;

/// An entry of `ingress` or `ingressDeny`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IngressRule {
    /// Endpoints by label.
    #[serde(deserialize_with = "list")]
    pub from_endpoints: List<LabelSelector>,
    /// Removed in Cilium 1.19.
    #[serde(deserialize_with = "list")]
    pub from_requires: List<LabelSelector>,
    /// Addresses outside of the cluster.
    #[serde(rename = "fromCIDR")]
    pub from_cidr: List<String>,
    /// Addresses outside of the cluster, with exceptions and CIDR groups.
    #[serde(rename = "fromCIDRSet", deserialize_with = "list")]
    pub from_cidr_set: List<CidrRule>,
    /// Entities.
    pub from_entities: List<String>,
    /// Nodes by label.
    #[serde(deserialize_with = "list")]
    pub from_nodes: List<LabelSelector>,
    /// Groups of a cloud provider.
    #[serde(deserialize_with = "list")]
    pub from_groups: List<Group>,
    /// Ports.
    #[serde(deserialize_with = "list")]
    pub to_ports: List<PortRule>,
    /// ICMP types.
    #[serde(deserialize_with = "list")]
    pub icmps: List<IcmpRule>,
    /// Mutual authentication.
    pub authentication: Option<Authentication>,
    /// An earlier name of `authentication`, which Cilium ignores without a message.
    pub auth: Option<Value>,
}

/// An entry of `egress` or `egressDeny`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EgressRule {
    /// Endpoints by label.
    #[serde(deserialize_with = "list")]
    pub to_endpoints: List<LabelSelector>,
    /// Removed in Cilium 1.19.
    #[serde(deserialize_with = "list")]
    pub to_requires: List<LabelSelector>,
    /// Addresses outside of the cluster.
    #[serde(rename = "toCIDR")]
    pub to_cidr: List<String>,
    /// Addresses outside of the cluster, with exceptions and CIDR groups.
    #[serde(rename = "toCIDRSet", deserialize_with = "list")]
    pub to_cidr_set: List<CidrRule>,
    /// Entities.
    pub to_entities: List<String>,
    /// Nodes by label.
    #[serde(deserialize_with = "list")]
    pub to_nodes: List<LabelSelector>,
    /// Groups of a cloud provider.
    #[serde(deserialize_with = "list")]
    pub to_groups: List<Group>,
    /// Services.
    #[serde(deserialize_with = "list")]
    pub to_services: List<ServicePeer>,
    /// Names whose addresses in the DNS cache are allowed.
    #[serde(rename = "toFQDNs", deserialize_with = "list")]
    pub to_fqdns: List<FqdnSelector>,
    /// Ports.
    #[serde(deserialize_with = "list")]
    pub to_ports: List<PortRule>,
    /// ICMP types.
    #[serde(deserialize_with = "list")]
    pub icmps: List<IcmpRule>,
    /// Mutual authentication.
    pub authentication: Option<Authentication>,
    /// An earlier name of `authentication`, which Cilium ignores without a message.
    pub auth: Option<Value>,
}

/// The peers of an entry, in both directions.
#[derive(Clone, Copy, Debug)]
pub struct Peers<'a> {
    /// `fromEndpoints`, `toEndpoints`.
    pub endpoints: Option<&'a [LabelSelector]>,
    /// `fromRequires`, `toRequires`.
    pub requires: Option<&'a [LabelSelector]>,
    /// `fromCIDR`, `toCIDR`.
    pub cidr: Option<&'a [String]>,
    /// `fromCIDRSet`, `toCIDRSet`.
    pub cidr_set: Option<&'a [CidrRule]>,
    /// `fromEntities`, `toEntities`.
    pub entities: Option<&'a [String]>,
    /// `fromNodes`, `toNodes`.
    pub nodes: Option<&'a [LabelSelector]>,
    /// `fromGroups`, `toGroups`.
    pub groups: Option<&'a [Group]>,
    /// `toServices`.
    pub services: Option<&'a [ServicePeer]>,
    /// `toFQDNs`.
    pub fqdns: Option<&'a [FqdnSelector]>,
}

impl IngressRule {
    /// Returns the peers.
    pub fn peers(&self) -> Peers<'_> {
        Peers {
            endpoints: self.from_endpoints.as_deref(),
            requires: self.from_requires.as_deref(),
            cidr: self.from_cidr.as_deref(),
            cidr_set: self.from_cidr_set.as_deref(),
            entities: self.from_entities.as_deref(),
            nodes: self.from_nodes.as_deref(),
            groups: self.from_groups.as_deref(),
            services: None,
            fqdns: None,
        }
    }
}

impl EgressRule {
    /// Returns the peers.
    pub fn peers(&self) -> Peers<'_> {
        Peers {
            endpoints: self.to_endpoints.as_deref(),
            requires: self.to_requires.as_deref(),
            cidr: self.to_cidr.as_deref(),
            cidr_set: self.to_cidr_set.as_deref(),
            entities: self.to_entities.as_deref(),
            nodes: self.to_nodes.as_deref(),
            groups: self.to_groups.as_deref(),
            services: self.to_services.as_deref(),
            fqdns: self.to_fqdns.as_deref(),
        }
    }
}

/// An item of `fromCIDRSet` or `toCIDRSet`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CidrRule {
    /// A block.
    pub cidr: Option<String>,
    /// A CiliumCIDRGroup by name.
    pub cidr_group_ref: Option<String>,
    /// CiliumCIDRGroups by label.
    pub cidr_group_selector: Option<LabelSelector>,
    /// Blocks that are excluded.
    pub except: List<String>,
}

/// An item of `toFQDNs`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FqdnSelector {
    /// A name.
    pub match_name: Option<String>,
    /// A pattern.
    pub match_pattern: Option<String>,
}

/// An item of `fromGroups` or `toGroups`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Group {
    /// Instances of AWS.
    pub aws: Option<AwsGroup>,
}

/// A selector of AWS instances.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AwsGroup {
    /// Tags.
    pub labels: Option<BTreeMap<String, String>>,
    /// Security groups by identifier.
    pub security_groups_ids: List<String>,
    /// Security groups by name.
    pub security_groups_names: List<String>,
    /// Region.
    pub region: Option<String>,
}

/// An item of `toServices`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServicePeer {
    /// A Service by name.
    pub k8s_service: Option<K8sService>,
    /// Services by label.
    pub k8s_service_selector: Option<K8sServiceSelector>,
}

/// A Service by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct K8sService {
    /// Name.
    pub service_name: Option<String>,
    /// Namespace; empty means any.
    pub namespace: Option<String>,
}

/// Services by label.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct K8sServiceSelector {
    /// Labels.
    pub selector: Option<LabelSelector>,
    /// Namespace; empty means any.
    pub namespace: Option<String>,
}

/// `authentication`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Authentication {
    /// `disabled`, `required`, `test-always-fail`.
    pub mode: Option<String>,
}
