//! DNS lookups, and the decisions about them.

use super::types::EndpointRef;
use crate::{decision::LayerDecision, net::Protocol};
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// A DNS lookup as the DNS proxy receives it.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsRequest {
    /// The client, a pod, as `namespace/name`.
    pub from: String,
    /// The server; by default the DNS server of the cluster.
    pub server: Option<EndpointRef>,
    /// The port of the server, before Service translation.
    pub port: u16,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The names in the questions of the message, in order. The decision depends on the first name only.
    pub questions: Vec<String>,
}

/// The response code of a DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsCode {
    /// The message is malformed (1).
    FormErr,
    /// The server failed (2).
    ServFail,
    /// The name does not exist (3).
    NxDomain,
    /// A policy denies the lookup (5).
    Refused,
}

/// The result for a DNS lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsVerdict {
    /// The proxy forwards it to the server.
    Forward {
        /// Whether the DNS proxy observes the answer and adds its addresses to the DNS cache.
        observed: bool,
    },
    /// The client receives this response code.
    Refuse(DnsCode),
}

/// The decision about a DNS lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsDecision {
    /// The result.
    pub verdict: DnsVerdict,
    /// The decision of the pod's egress policies.
    pub layer: LayerDecision,
}

/// The addresses that an answer added to the DNS cache of a node, for all of its pods with matching `toFQDNs` rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LearnedAddresses {
    /// The name in the lookup, in lower case with a final dot.
    pub name: String,
    /// The addresses of the name, without those inside of the cluster, which keep their own identity.
    pub addresses: Vec<IpAddr>,
    /// Milliseconds until the addresses expire; with 0 they expire at the next collection.
    pub ttl: u64,
    /// The labels that the name adds to the identity of the addresses: one for each matching `toFQDNs` selector.
    pub labels: Vec<String>,
    /// The number of addresses that exceed the limits of the cache, and stay denied.
    pub refused: usize,
}
