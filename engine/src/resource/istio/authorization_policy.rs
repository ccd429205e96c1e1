//! AuthorizationPolicy, as written.

use super::{TargetRef, WorkloadSelector};
use alloc::{string::String, vec::Vec};
use serde::Deserialize;

/// `spec` of an AuthorizationPolicy.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorizationPolicySpec {
    /// The workloads it applies to.
    pub selector: Option<WorkloadSelector>,
    /// The gateway or service it applies to (deprecated form).
    pub target_ref: Option<TargetRef>,
    /// The gateways or services it applies to.
    pub target_refs: Option<Vec<TargetRef>>,
    /// The action of its rules; ALLOW if absent.
    pub action: Option<Action>,
    /// The rules; null items are skipped.
    pub rules: Option<Vec<Option<Rule>>>,
    /// The external provider of a CUSTOM policy.
    pub provider: Option<ExtensionProvider>,
}

/// `action`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// Allows a matching request.
    #[default]
    Allow,
    /// Denies a matching request.
    Deny,
    /// Marks a matching request for an audit.
    Audit,
    /// Sends a matching request to an extension provider.
    Custom,
}

/// `provider`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ExtensionProvider {
    /// The name of an extension provider of the mesh.
    pub name: Option<String>,
}

/// One rule.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Sources, ORed; absent means any.
    pub from: Option<Vec<Option<From>>>,
    /// Operations, ORed; absent means any.
    pub to: Option<Vec<Option<To>>>,
    /// Conditions, ANDed.
    pub when: Option<Vec<Option<Condition>>>,
}

/// An item of `from`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// The source.
    pub source: Option<Source>,
}

/// An item of `to`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct To {
    /// The operation.
    pub operation: Option<Operation>,
}

macro_rules! lists {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<Vec<String>>,)*
        }

        impl $name {
            /// Returns whether all lists are empty.
            pub fn is_empty(&self) -> bool {
                true $(&& self.$field.as_ref().is_none_or(Vec::is_empty))*
            }
        }
    };
}

lists! {
    /// `source`: its fields are ANDed, the values of a field ORed.
    Source {
        /// Peer identities.
        principals,
        /// None of these peer identities.
        not_principals,
        /// Token issuer and subject.
        request_principals,
        /// None of these.
        not_request_principals,
        /// Namespaces of the peer identity.
        namespaces,
        /// None of these.
        not_namespaces,
        /// Service accounts of the peer identity.
        service_accounts,
        /// None of these.
        not_service_accounts,
        /// Trust domains of the peer identity.
        trust_domains,
        /// None of these.
        not_trust_domains,
        /// Socket peer addresses.
        ip_blocks,
        /// None of these.
        not_ip_blocks,
        /// Client addresses.
        remote_ip_blocks,
        /// None of these.
        not_remote_ip_blocks,
    }
}

lists! {
    /// `operation`: its fields are ANDed, the values of a field ORed.
    Operation {
        /// `:authority` values.
        hosts,
        /// None of these.
        not_hosts,
        /// Local ports.
        ports,
        /// None of these.
        not_ports,
        /// Methods.
        methods,
        /// None of these.
        not_methods,
        /// Paths and path templates.
        paths,
        /// None of these.
        not_paths,
    }
}

/// An item of `when`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// The attribute's name.
    #[serde(default)]
    pub key: String,
    /// Allowed values.
    pub values: Option<Vec<String>>,
    /// Denied values.
    pub not_values: Option<Vec<String>>,
}
