//! Cilium's policies as written. Absent, null, empty and `{}` are different values
//! (docs/semantics/cilium.md#cilium-empty-peer-list).
//!
//! A list is `None` if it is absent or null, which the agent does not distinguish. A null item is treated as `{}`.

mod cidr_group;
mod entry;
mod l7;
mod policy;
mod ports;

pub use cidr_group::CidrGroupSpec;
pub use entry::{
    Authentication, AwsGroup, CidrRule, EgressRule, FqdnSelector, Group, IngressRule, K8sService,
    K8sServiceSelector, Peers, ServicePeer,
};
pub use l7::{DnsRule, HeaderMatch, HttpRule, L7Rules, Secret};
pub use policy::{CiliumPolicy, CiliumRule, EnableDefaultDeny, Log};
pub use ports::{EnvoyConfig, IcmpField, IcmpRule, Listener, PortProtocol, PortRule, TlsContext};

use alloc::vec::Vec;
use serde::{Deserialize, Deserializer};

/// A list as written; `None` if it is absent or null.
pub type List<T> = Option<Vec<T>>;

/// Deserializes a list. A null item is treated as `{}`.
fn list<'de, D, T>(deserializer: D) -> Result<List<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    let items: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(items.map(|items| items.into_iter().map(Option::unwrap_or_default).collect()))
}
