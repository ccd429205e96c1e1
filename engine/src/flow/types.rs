//! What a flow is made of. `*.cases.yaml` and the command line both build these.

use crate::{
    decision::{DecidedBy, Layer, LayerDecision, Verdict},
    http::HttpRequest,
    net::Protocol,
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::net::IpAddr;
use serde_json::{Map, Value};

/// Where an end of a flow is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A pod, as `namespace/name`.
    Workload(String),
    /// An address.
    Ip(IpAddr),
    /// One of Cilium's entities, on a node where several are known.
    Entity {
        /// `host`, `remote-node`, `world`, `health`, `init`, `ingress`, `unmanaged`, `kube-apiserver`.
        name: String,
        /// The Node manifest meant.
        node: Option<String>,
    },
    /// A name outside the cluster, with the address it is reached at; without one the lookup is part of the flow.
    Fqdn {
        /// The name.
        name: String,
        /// The address.
        ip: Option<IpAddr>,
    },
    /// Through a Service to one of its pods, as `namespace/name`.
    Service(String),
    /// A gateway or waypoint of the Gateway API, as `namespace/name`, and the Service being called.
    Gateway {
        /// The gateway.
        gateway: String,
        /// The Service behind it.
        service: Option<String>,
    },
}

/// What the peer's certificate holds. All empty: TLS without a client certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// URI SANs.
    pub uris: Vec<String>,
    /// DNS SANs.
    pub dns_names: Vec<String>,
    /// Subject, RFC 2253.
    pub subject: Option<String>,
}

/// The end that opens the flow.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Where it is.
    pub place: Place,
    /// Whether it speaks mutual TLS; by default as the mesh membership of both ends says.
    pub mtls: Option<bool>,
    /// Its certificate, where that is not the one of its service account.
    pub certificate: Option<Certificate>,
    /// Whether it is in the mesh, against what the manifests say.
    pub mesh: Option<bool>,
}

/// TLS as the client opens it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Server name.
    pub sni: Option<String>,
}

/// Why a token fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Its time is over.
    Expired,
    /// Its signature is wrong.
    Signature,
    /// It is no token.
    Malformed,
    /// Nobody accepts its issuer.
    Issuer,
    /// It is for somebody else.
    Audience,
}

/// Where a token stands in the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenPlace {
    /// `Authorization: Bearer`.
    #[default]
    Authorization,
    /// Another header.
    Header(String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// Wherever its text already is in the request.
    Written,
}

/// A token with its payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Token {
    /// The payload's claims.
    pub claims: Map<String, Value>,
    /// Why it fails, if it does.
    pub fault: Option<TokenFault>,
    /// Where it stands.
    pub place: TokenPlace,
    /// Its text; by default a stand-in with the same payload and a signature that Envoy accepts.
    pub text: Option<String>,
}

/// A DNS lookup as a flow of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsLookup {
    /// Name asked for.
    pub query: String,
    /// Record type, `A` by default.
    pub record_type: String,
}

/// One flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Who opens it.
    pub from: End,
    /// Where it goes.
    pub to: Place,
    /// Whether the destination is in the mesh, against what the manifests say.
    pub to_mesh: Option<bool>,
    /// Destination port; none for ICMP.
    pub port: Option<u16>,
    /// Protocol.
    pub protocol: Protocol,
    /// ICMP type; an echo request when absent.
    pub icmp_type: Option<u8>,
    /// The HTTP request, if it is one.
    pub http: Option<HttpRequest>,
    /// The lookup, if it is one.
    pub dns: Option<DnsLookup>,
    /// TLS as the client opens it.
    pub tls: Option<Tls>,
    /// Tokens.
    pub tokens: Vec<Token>,
    /// What external providers answer: true allows.
    pub ext_authz: BTreeMap<String, bool>,
}

/// A lookup that a node has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// Name asked for.
    pub query: String,
    /// The pod that asked, as `namespace/name`.
    pub from: Option<String>,
    /// Addresses in the answer.
    pub answers: Vec<IpAddr>,
    /// Time to live of the answer, seconds.
    pub ttl: u32,
    /// Names of the CNAME chain, in order.
    pub cname: Vec<String>,
    /// Response code; `NOERROR` when absent.
    pub rcode: Option<String>,
    /// Server asked, and its port; the cluster DNS when absent.
    pub server: Option<(Place, u16)>,
    /// Teaches whatever policy says.
    pub learned: bool,
}

/// What happened before a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A lookup through the DNS proxy, subject to policy.
    Dns(Lookup),
    /// Time passed, in milliseconds.
    Wait(u64),
    /// Time passed until this many milliseconds after the beginning, if they are not over yet.
    WaitUntil(u64),
    /// A connection was opened and stays open.
    Connect {
        /// Pod, as `namespace/name`.
        from: String,
        /// Address it is connected to.
        to: IpAddr,
    },
    /// A connection was closed.
    Close {
        /// Pod, as `namespace/name`.
        from: String,
        /// Address it was connected to.
        to: IpAddr,
    },
}

/// What all layers together say of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowDecision {
    /// May it pass?
    pub verdict: Verdict,
    /// HTTP status that the client sees where the proxy answers itself.
    pub status: Option<u16>,
    /// The layer that decided, and why.
    pub decided_by: (Layer, DecidedBy),
    /// Each layer by itself: what it says of the flow, whatever the others say. Layers behind the one that denied
    /// are still computed where they can be.
    pub layers: [(Layer, LayerDecision); 4],
    /// What dry-run policies would have said, where there are any.
    pub shadow: Option<LayerDecision>,
    /// Remarks for the reader, such as a missing DNS rule.
    pub notes: Vec<String>,
}

impl Flow {
    /// A TCP connection from the workload `from` to port `port` of the workload `to`, both as `namespace/name`.
    pub fn new(from: &str, to: &str, port: u16) -> Self {
        let place = Place::Workload(from.into());
        Self {
            from: End { place, mtls: None, certificate: None, mesh: None },
            to: Place::Workload(to.into()),
            to_mesh: None,
            port: Some(port),
            protocol: Protocol::Tcp,
            icmp_type: None,
            http: None,
            dns: None,
            tls: None,
            tokens: Vec::new(),
            ext_authz: BTreeMap::new(),
        }
    }
}
