//! Entities (docs/semantics/cilium.md#cilium-entities).

use super::selector::{equals, reserved};
use crate::{
    cluster::identity::{CLUSTER, K8S},
    ir::{Operator, Selector},
    options::{CiliumVersion, Options},
};
use alloc::{vec, vec::Vec};

/// Returns the selectors of `entity`, if it exists.
pub(super) fn entity(entity: &str, options: &Options) -> Option<Vec<Selector>> {
    let in_cluster = |operator| {
        let mut list: Vec<Selector> =
            ["host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver"]
                .map(reserved)
                .into();
        let mut pods = Selector::default();
        pods.require(K8S, CLUSTER, operator);
        list.push(pods);
        list
    };
    Some(match entity {
        "all" => vec![Selector::default()],
        "none" => Vec::new(),
        "world" => vec![reserved("world"), reserved("world-ipv4"), reserved("world-ipv6")],
        "world-ipv4" | "world-ipv6" | "host" | "remote-node" | "kube-apiserver" | "health" | "init"
        | "ingress" | "unmanaged" => vec![reserved(entity)],
        "cluster" => in_cluster(equals(&options.cilium.cluster_name)),
        "cluster-mesh" if options.cilium.version >= CiliumVersion::V1_20 => in_cluster(Operator::Exists),
        _ => return None,
    })
}
