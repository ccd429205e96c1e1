//! Lowers Istio's policies as istiod compiles them for one workload and one kind of filter chain
//! (docs/semantics/istio.md).

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

/// The kind of a filter chain, for which rules are compiled (docs/semantics/istio.md#istio-http-only-fields).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// HTTP requests.
    Http,
    /// TCP connections. Fields that need a request cannot be compiled.
    Tcp,
}

/// The properties of the policy and the filter chain on which the lowering of a rule depends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleContext<'a> {
    pub(crate) mesh: &'a MeshConfig,
    /// The namespace of the policy.
    pub(crate) namespace: &'a str,
    pub(crate) action: Action,
    pub(crate) chain: Chain,
}
