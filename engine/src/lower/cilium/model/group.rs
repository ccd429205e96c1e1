//! Selectors of CiliumCIDRGroups, by name and by label.
//!
//! The agent gives an outside address the labels of every group that contains it, and evaluates a selector on these
//! labels. A negative term is therefore true for every address without the label, in a group or not.

use super::{cidr, fault::Faults, scope::Scope};
use crate::{
    cluster::identity::{K8S, NAMESPACE, RESERVED},
    ir::{AddressAttribute, Clause, Operator, Requirement, Selector, Test},
    options::CidrMatch,
    resource::cilium::CidrGroupSpec,
};
use alloc::{format, vec, vec::Vec};
use ipnet::IpNet;

/// The labels of outside addresses. Every outside address has one of them.
const WORLD: [&str; 3] = ["world", "world-ipv4", "world-ipv6"];
/// The labels of nodes. Every node has one of them.
const NODES: [&str; 2] = ["host", "remote-node"];

/// Returns the faults of the blocks of a CiliumCIDRGroup.
pub(crate) fn faults(group: &CidrGroupSpec) -> Faults {
    let mut faults = Faults::default();
    for (i, text) in group.external_cidrs.iter().flatten().enumerate() {
        cidr::block(text, &format!("spec.externalCIDRs[{i}]"), &mut faults);
    }
    faults
}

/// Returns the clauses of the addresses in the group `name` that are in none of `exceptions`.
pub(super) fn by_name(name: &str, exceptions: &[IpNet], index: u32, scope: &Scope<'_>) -> Vec<Clause> {
    let named = scope.index.groups_named(name).iter();
    let nets: Vec<IpNet> = named.flat_map(|group| &group.nets).copied().collect();
    // Here the block of all addresses is a block like any other.
    vec![cidr::clause(address(&nets), exceptions, index)]
}

/// Returns the clauses of the addresses that meet `labels` and are in none of `exceptions`. Without a requirement the
/// selector is the wildcard, which selects pods and nodes too.
pub(super) fn by_labels(
    labels: &Selector,
    exceptions: &[IpNet],
    index: u32,
    scope: &Scope<'_>,
) -> Vec<Clause> {
    if labels.requirements.is_empty() && exceptions.is_empty() {
        return vec![Clause::default()];
    }
    let mut tests = Vec::new();
    let mut outside = true;
    for requirement in &labels.requirements {
        let (positive, required) = with_label(requirement);
        let nets: Vec<IpNet> =
            scope.index.groups_labelled(&required).flat_map(|group| &group.nets).copied().collect();
        if positive {
            outside = false;
            tests.push(address(&nets));
        } else if !nets.is_empty() {
            tests.push(address(&nets).negate());
        }
    }
    if !exceptions.is_empty() {
        tests.push(address(exceptions).negate());
    }
    if !outside {
        return vec![Clause { tests, index }];
    }
    // Negative terms alone: every identity that CIDR rules apply to.
    let mut bases = vec![cidr::has_label(&WORLD)];
    if scope.options.cilium.matches_addresses_of(CidrMatch::Nodes) {
        bases.push(cidr::has_label(&NODES));
    }
    if scope.options.cilium.matches_addresses_of(CidrMatch::Pods) {
        bases.push(without_labels(&NODES));
    }
    let clause = |base: Test| Clause { tests: core::iter::once(base).chain(tests.clone()).collect(), index };
    let mut clauses: Vec<Clause> = bases.into_iter().map(clause).collect();
    if scope.options.cilium.matches_addresses_of(CidrMatch::Pods) {
        // An aggregate identity has no label of a group, so it meets every negative term.
        clauses.push(Clause { tests: vec![aggregates_only()], index });
    }
    clauses
}

/// Returns a test for none of the reserved labels `keys`.
fn without_labels(keys: &[&str]) -> Test {
    let mut selector = Selector::default();
    keys.iter().for_each(|key| selector.require(RESERVED, key, Operator::DoesNotExist));
    Test::labels([selector])
}

/// Returns a test that matches aggregate identities only: every other identity has one of these labels.
fn aggregates_only() -> Test {
    let reserved = ["kube-apiserver", "health", "ingress", "init", "unmanaged"];
    let mut selector = Selector::default();
    for key in WORLD.iter().chain(&NODES).chain(&reserved) {
        selector.require(RESERVED, key, Operator::DoesNotExist);
    }
    selector.require(K8S, NAMESPACE, Operator::DoesNotExist);
    Test::labels([selector])
}

/// Returns whether `requirement` requires a label, and the requirement in its positive form.
fn with_label(requirement: &Requirement) -> (bool, Requirement) {
    let (positive, operator) = match &requirement.operator {
        Operator::In(_) | Operator::Exists => (true, requirement.operator.clone()),
        Operator::NotIn(values) => (false, Operator::In(values.clone())),
        Operator::DoesNotExist => (false, Operator::Exists),
    };
    (positive, Requirement { operator, ..requirement.clone() })
}

fn address(nets: &[IpNet]) -> Test {
    Test::address(AddressAttribute::Peer, nets.iter().copied())
}
