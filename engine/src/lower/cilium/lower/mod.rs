//! Policies to the rules of an endpoint, as the agent computes its policy maps
//! (docs/semantics/cilium.md#cilium-precedence).

mod conflict;
mod direction;
mod endpoint;
mod fqdn_without_dns_rule;
mod l7_stages;
mod lookups;
mod map_state;
mod named_port;
mod port_clauses;
mod port_text;
mod requires;
mod sni_scoped;
mod subjects;

pub(crate) use self::{endpoint::Endpoint, subjects::Subjects};
pub(crate) use fqdn_without_dns_rule::{is_lost, lost_name, lost_why, remedy};

use self::{conflict::conflict, direction::direction, named_port::PortNumbers};
use super::model::{PeerSpec, Policy};
use crate::{
    cluster::Cluster,
    ir::{NetworkLayer, Predicate},
    options::{EnforcementMode, Options},
};
use alloc::vec::Vec;
use ipnet::IpNet;

/// The accepted network policies of a cluster.
#[derive(Debug)]
pub(crate) struct Lowered {
    policies: Vec<Policy>,
    subjects: Subjects,
    /// The numbers of port names, for egress.
    port_numbers: PortNumbers,
}

impl Lowered {
    /// Indexes `policies`, the accepted policies of `cluster`.
    pub(super) fn new(policies: Vec<Policy>, cluster: &Cluster, options: &Options) -> Self {
        let subjects = Subjects::new(&policies);
        Self { policies, subjects, port_numbers: PortNumbers::new(cluster, options) }
    }

    pub(super) fn policies(&self) -> &[Policy] {
        &self.policies
    }

    pub(super) fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// Returns the rules of `endpoint`.
    pub(crate) fn layer(&self, endpoint: &Endpoint<'_>, options: &Options) -> NetworkLayer {
        self.layer_of(&self.subjects.selecting(endpoint), endpoint, options)
    }

    /// Returns the rules of `endpoint` from the policies with the subjects at `subjects`, whether or not they select it.
    pub(super) fn layer_of(
        &self,
        subjects: &[usize],
        endpoint: &Endpoint<'_>,
        options: &Options,
    ) -> NetworkLayer {
        let places = self.subjects.policies(subjects);
        let selecting: Vec<&Policy> =
            places.into_iter().filter_map(|place| self.policies.get(place)).collect();
        self.layer_by(&selecting, endpoint, options)
    }

    /// Returns the rules of `endpoint` from the policies `selecting`, whether or not they select it.
    pub(super) fn layer_by(
        &self,
        selecting: &[&Policy],
        endpoint: &Endpoint<'_>,
        options: &Options,
    ) -> NetworkLayer {
        let egress = selecting.iter().flat_map(|p| &p.egress.entries);
        let ingress = selecting.iter().flat_map(|p| &p.ingress.entries);
        let error = conflict(&egress.collect::<Vec<_>>()).or_else(|| conflict(&ingress.collect::<Vec<_>>()));
        let error = error.filter(|_| options.cilium.enforcement_mode != EnforcementMode::Never);
        NetworkLayer {
            egress: direction(selecting, endpoint, &self.port_numbers, true, options),
            ingress: direction(selecting, endpoint, &self.port_numbers, false, options),
            error,
        }
    }

    /// Returns the address blocks of the policies and of the CiliumCIDRGroups of `cluster`. Policies read the block of
    /// all addresses as the world, so it is not included for them.
    pub(crate) fn blocks(&self, cluster: &Cluster) -> Vec<IpNet> {
        let entries = self.policies.iter().flat_map(|p| p.egress.entries.iter().chain(&p.ingress.entries));
        let clauses = entries.flat_map(|entry| match &entry.peers {
            PeerSpec::Any => &[],
            PeerSpec::AnyOf(clauses) => clauses.as_slice(),
        });
        let tests = clauses.flat_map(|clause| &clause.tests);
        let blocks = tests.filter_map(|test| match &test.predicate {
            Predicate::Address(_, blocks) => Some(blocks),
            _ => None,
        });
        let named = blocks.flatten().filter(|net| net.prefix_len() > 0).map(IpNet::trunc);
        let groups = cluster.address_groups().iter().flat_map(|group| &group.nets).copied();
        named.chain(groups).collect()
    }
}
