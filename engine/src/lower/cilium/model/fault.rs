//! The faults for which the agent or the API server rejects a policy.
//!
//! A reader of this module records a fault and continues, so that one reading finds all of them. A policy with a fault
//! has no effect (docs/semantics/cilium.md#cilium-whole-object). `validate::agent` writes the messages.

use super::name::InvalidName;
use alloc::{boxed::Box, string::String, vec::Vec};
use ipnet::IpNet;

/// A fault of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldFault {
    /// The path of the field in its object.
    pub(crate) path: String,
    pub(crate) fault: Fault,
}

/// The faults of one object, in the order in which its fields are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(Vec<FieldFault>);

impl Faults {
    /// Records `fault` of the field at `path`.
    pub(super) fn add(&mut self, path: impl Into<String>, fault: impl Into<Fault>) {
        self.0.push(FieldFault { path: path.into(), fault: fault.into() });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &FieldFault> {
        self.0.iter()
    }
}

/// A fault, by the part of the policy that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Selector(SelectorFault),
    Block(BlockFault),
    Peer(PeerFault),
    Port(PortFault),
    L7(L7Fault),
    Rule(RuleFault),
    NetworkPolicy(NetworkPolicyFault),
    ClusterNetworkPolicy(ClusterNetworkPolicyFault),
}

macro_rules! part_of_fault {
    ($($variant:ident($part:ty)),* $(,)?) => {
        $(impl From<$part> for Fault {
            fn from(fault: $part) -> Self {
                Self::$variant(fault)
            }
        })*
    };
}

part_of_fault! {
    Selector(SelectorFault),
    Block(BlockFault),
    Peer(PeerFault),
    Port(PortFault),
    L7(L7Fault),
    Rule(RuleFault),
    NetworkPolicy(NetworkPolicyFault),
    ClusterNetworkPolicy(ClusterNetworkPolicyFault),
}

/// A fault of a label selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SelectorFault {
    UnknownOperator(String),
    /// An operator that needs values.
    MissingValues(String),
    /// An operator that takes no values.
    UnexpectedValues(String),
    InvalidKey(String),
    InvalidValue(String),
}

/// A fault of an address block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlockFault {
    /// An address without prefix length, and the prefix length of its family.
    MissingPrefixLength(String, u8),
    Invalid(String),
    /// An exception outside of its block.
    ExceptionOutside(String),
    /// An item of a CIDR set with no source of addresses, or with several.
    NotOneSource,
}

/// A fault of the peers of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeerFault {
    UnknownEntity(String),
    /// A node selector without the agent option for it.
    NodeLabelsOff,
    /// `fromRequires` or `toRequires`, since Cilium 1.19.
    RequirementsRemoved,
    SeveralFields,
    /// `matchName` and `matchPattern` in one item.
    NameAndPattern,
    InvalidName(InvalidName),
    InvalidPattern(InvalidName),
}

/// A fault of `toPorts` or `icmps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortFault {
    /// `icmps` and `toPorts` in one entry.
    IcmpWithPorts,
    TooManyPorts(usize),
    TooManyIcmpFields(usize),
    /// A protocol that requires Cilium 1.20.
    ProtocolRequiresRelease(String),
    /// A protocol without the agent option for it.
    ExtendedProtocolsOff(String),
    ProtocolWithoutPorts(String),
    /// A port of a protocol that has none.
    UnexpectedPort,
    MissingPort,
    InvalidPort(String),
    InvalidEndPort,
    InvalidIcmpFamily(String),
    InvalidIcmpType,
}

/// A fault of the L7 rules, the TLS fields or the listener of a `toPorts` item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum L7Fault {
    ListenerOnIngress,
    ListenerWithRules,
    /// A listener of one namespace in a policy of the whole cluster.
    ListenerOfNamespace,
    SeveralParsers(Vec<&'static str>),
    DnsOnIngress,
    DnsWithoutPort,
    DnsOnRange,
    /// L7 rules for the ingress of nodes.
    NodeIngress,
    /// HTTP rules for the egress of nodes.
    NodeHttp,
    /// L7 rules with another protocol than TCP; empty for every protocol.
    Protocol(String),
    EveryPort,
    /// Server names and L7 rules without `terminatingTLS`.
    ServerNamesWithRules,
    EmptyServerName,
    InvalidServerName(InvalidName),
    /// A server name with a star inside, before Cilium 1.20.
    StarInServerName(String),
    InvalidRegex(String, Box<str>),
    HeaderWithoutName,
    InvalidMismatchAction(String),
    SecretWithoutName,
    KafkaRoleAndApiKey,
    UnknownKafkaRole,
    InvalidKafkaTopic,
    /// `l7` without `l7proto`.
    MissingParser,
    EmptyL7Key,
}

/// A fault of a whole rule of a Cilium policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleFault {
    MissingRule,
    MissingEntry,
    /// `nodeSelector` in a policy of a namespace.
    NodeSelectorInNamespace,
    MissingSubject,
    SeveralSubjects,
}

/// A fault of a NetworkPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetworkPolicyFault {
    InvalidPolicyType(String),
    TooManyPolicyTypes,
    /// A field, and the section that it does not belong in.
    WrongDirection(&'static str, &'static str),
    BlockAndSelector,
    /// An exception that is its whole block.
    ExceptionIsBlock(IpNet),
    EmptyPeer,
    InvalidProtocol(String),
    EndPortWithoutPort,
    EndPortOfNamedPort,
    EndPortBeforePort,
    InvalidPortNumber(String),
    InvalidPortName(String),
    InvalidPort,
}

/// A fault of a ClusterNetworkPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClusterNetworkPolicyFault {
    /// The kind itself, before Cilium 1.20.
    RequiresRelease,
    InvalidTier(String),
    InvalidPriority(u32),
    MissingSubject,
    InvalidDomainName(String),
    /// `domainNames` with another action than Accept.
    DomainNamesNotAccepted,
    MissingPeers,
    InvalidAction(String),
    MissingPodSelector,
    /// A node selector without the agent option for it.
    NodeLabelsOff,
    NotOneProtocol,
    InvalidPort,
}
