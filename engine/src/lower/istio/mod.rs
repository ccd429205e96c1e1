//! Istio's policies, as istiod compiles them for one workload and one kind of filter chain (docs/semantics/istio.md).

pub(crate) mod attachment;
mod authorization;
pub(crate) mod condition;
pub(crate) mod duration;
pub(crate) mod ext_authz;
pub(crate) mod field;
mod identity;
pub(crate) mod path;
mod peer;
pub(crate) mod property;
pub(crate) mod provider;
mod service_host;
mod string;
pub(crate) mod tokens;
mod trust_domain;
pub(crate) mod url;
pub(crate) mod value;

pub(crate) use authorization::{DRY_RUN, authorization, go_bool};
pub(crate) use peer::peer;

use crate::resource::istio::{Action, MeshConfig};

/// The kind of filter chain rules are compiled for (docs/semantics/istio.md#istio-http-only-fields).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Requests.
    Http,
    /// Connections: fields that need a request cannot be compiled.
    Tcp,
}

/// What the lowering of a rule depends on beside the rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleContext<'a> {
    pub(crate) mesh: &'a MeshConfig,
    /// Namespace of the policy.
    pub(crate) namespace: &'a str,
    pub(crate) action: Action,
    pub(crate) chain: Chain,
}
