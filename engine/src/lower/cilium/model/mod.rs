//! Objects as the agent reads them: policies with typed entries, or the faults for which they are rejected.
//!
//! A reader takes a field of an object and a [`Scope`], and returns its meaning. It records a [`Fault`] for what is
//! invalid. It writes no message.

mod cidr;
mod cidr_set;
mod cluster_index;
mod cluster_network_policy;
mod cluster_peer;
mod cluster_port;
mod entity;
mod entry;
mod fault;
mod fqdn;
mod group;
mod http;
mod icmp;
mod kafka;
mod l7;
pub(crate) mod name;
mod network_policy;
mod peer;
mod port;
mod port_number;
mod reading;
mod rule;
mod sanitize;
mod scope;
mod secret;
mod selector;
mod service;
mod tls;
mod to_ports;

pub(super) use self::{
    cidr::{parse as parse_block, parse_address_or_block, parse_block_with_host_bits},
    cidr_set::{Source, source},
    cluster_index::ClusterIndex,
    cluster_network_policy::effect as action_effect,
    cluster_peer::{egress_peer, has_source, ingress_peer},
    entry::{Direction, Entry, Level, Policy},
    fault::{
        BlockFault, ClusterNetworkPolicyFault, Fault, Faults, L7Fault, NetworkPolicyFault, PeerFault,
        PortFault, RuleFault, SelectorFault,
    },
    group::faults as group_faults,
    http::{envoy_rejection, is_accepted_by_agent},
    icmp::{is_type, kind as icmp_kind},
    l7::{L7, PerSelectorPolicy},
    name::InvalidName,
    network_policy::number as network_policy_port,
    peer::PeerSpec,
    port::{MAX_PORTS, Port, PortGroup, Ports},
    port_number::{Number, is_service_name},
    reading::{CheckedPolicy, PolicyObject},
    rule::rules,
    scope::{Scope, below, peer_fields},
    secret::value as secret_value,
    selector::{Keys, is_name, selector},
    service::{addresses as backend_addresses, matching as matching_services},
    tls::has_secret,
};
