//! Network policies of Cilium and Kubernetes: their meaning, their validation, and their translation to rules
//! (docs/semantics/cilium.md#cilium-precedence).
//!
//! ```text
//! object ──model──▶ CheckedPolicy ──lower──▶ Lowered ──▶ ir::NetworkLayer of an endpoint
//!                        │
//!                        └──validate──▶ findings
//! ```
//!
//! - `model` reads each object once, as the agent does. The result is its policies, or the faults for which it is
//!   rejected. Start at `model::entry`, which has the types, and `model::rule`, which reads a CiliumNetworkPolicy.
//! - `validate` writes the findings: one module for each authority, and one for valid policies with a surprising
//!   effect. It runs for [`crate::lint`] only.
//! - `lower` selects the policies of an endpoint, and puts their entries in order of precedence, as the agent computes
//!   a policy map. Start at `lower::direction`.
//!
//! A rejected object has no effect. [`lower()`] therefore reads the objects and drops those with a fault; it writes no
//! message.

mod lower;
mod model;
mod validate;

pub(crate) use lower::{Endpoint, Lowered, is_lost, lost_name};
pub(crate) use model::name;
pub(crate) use validate::check as validate;

use crate::{cluster::Cluster, options::Options};

/// Reads the network policies of `cluster`. A rejected object has no effect.
pub(crate) fn lower(cluster: &Cluster, options: &Options) -> Lowered {
    let index = model::ClusterIndex::new(cluster);
    let objects = model::PolicyObject::all(cluster);
    let accepted = objects
        .flat_map(|object| validate::accepted(object, object.read(&object.scope(&index, options)), options));
    Lowered::new(accepted.collect(), cluster, options)
}
