//! A CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy as a whole.

use super::{EgressRule, IngressRule, List, list};
use crate::resource::meta::LabelSelector;
use alloc::string::String;
use serde::Deserialize;
use serde_json::Value;

/// The rules of one object: `spec` and each item of `specs` stand for themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CiliumPolicy {
    /// `spec`.
    pub spec: Option<CiliumRule>,
    /// `specs`.
    pub specs: List<CiliumRule>,
}

/// One rule: whom it selects, and what those may do.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CiliumRule {
    /// The endpoints it applies to.
    pub endpoint_selector: Option<LabelSelector>,
    /// The nodes it applies to.
    pub node_selector: Option<LabelSelector>,
    /// Who may connect.
    #[serde(deserialize_with = "list")]
    pub ingress: List<IngressRule>,
    /// Who may not.
    #[serde(deserialize_with = "list")]
    pub ingress_deny: List<IngressRule>,
    /// What may be reached.
    #[serde(deserialize_with = "list")]
    pub egress: List<EgressRule>,
    /// What may not.
    #[serde(deserialize_with = "list")]
    pub egress_deny: List<EgressRule>,
    /// Whether its entries arm default deny.
    pub enable_default_deny: Option<EnableDefaultDeny>,
    /// Labels of the rule; decide nothing.
    pub labels: Option<Value>,
    /// For people.
    pub description: Option<String>,
    /// What flow logs carry; decides nothing.
    pub log: Option<Log>,
}

/// Whether a rule's entries arm default deny, by direction; absent means they do.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnableDefaultDeny {
    /// Of `ingress` and `ingressDeny`.
    pub ingress: Option<bool>,
    /// Of `egress` and `egressDeny`.
    pub egress: Option<bool>,
}

/// What flow logs carry.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Log {
    /// Text.
    pub value: Option<String>,
}
