//! CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy.

use super::{EgressRule, IngressRule, List, list};
use crate::resource::meta::LabelSelector;
use alloc::string::String;
use serde::Deserialize;
use serde_json::Value;

/// The rules of one object: `spec` and each item of `specs` is a rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CiliumPolicy {
    /// `spec`.
    pub spec: Option<CiliumRule>,
    /// `specs`.
    pub specs: List<CiliumRule>,
}

/// A rule: the endpoints that it selects, and the flows that it allows or denies.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CiliumRule {
    /// The endpoints it applies to.
    pub endpoint_selector: Option<LabelSelector>,
    /// The nodes it applies to.
    pub node_selector: Option<LabelSelector>,
    /// The allowed ingress flows.
    #[serde(deserialize_with = "list")]
    pub ingress: List<IngressRule>,
    /// The denied ingress flows.
    #[serde(deserialize_with = "list")]
    pub ingress_deny: List<IngressRule>,
    /// The allowed egress flows.
    #[serde(deserialize_with = "list")]
    pub egress: List<EgressRule>,
    /// The denied egress flows.
    #[serde(deserialize_with = "list")]
    pub egress_deny: List<EgressRule>,
    /// Whether its entries enable default deny.
    pub enable_default_deny: Option<EnableDefaultDeny>,
    /// Labels of the rule, which have no effect on decisions.
    pub labels: Option<Value>,
    /// A text for readers.
    pub description: Option<String>,
    /// A text for flow logs, which has no effect on decisions.
    pub log: Option<Log>,
}

/// Whether the entries of a rule enable default deny, by direction; if absent, they do.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnableDefaultDeny {
    /// Of `ingress` and `ingressDeny`.
    pub ingress: Option<bool>,
    /// Of `egress` and `egressDeny`.
    pub egress: Option<bool>,
}

/// A text for flow logs.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Log {
    /// Text.
    pub value: Option<String>,
}
