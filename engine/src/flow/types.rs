//! Flows, and the events before them. Case files and the command line construct these types.

use crate::{
    decision::{DecidedBy, Layer, LayerDecision, Verdict},
    http::HttpRequest,
    net::Protocol,
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::net::IpAddr;
use serde_json::{Map, Value};

/// A reference to the source or destination of a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum EndpointRef {
    /// A workload, as `namespace/name`.
    Workload(String),
    /// An IP address.
    Ip(IpAddr),
    /// An entity of Cilium.
    Entity {
        /// `host`, `remote-node`, `world`, `health`, `init`, `ingress`, `unmanaged`, `kube-apiserver`.
        name: String,
        /// The name of a Node, if the cluster has several.
        node: Option<String>,
    },
    /// A DNS name outside of the cluster. Without an address, the flow begins with a lookup of the name.
    Fqdn {
        /// The name.
        name: String,
        /// The address.
        ip: Option<IpAddr>,
    },
    /// A Service, as `namespace/name`. The destination is one of its pods.
    Service(String),
    /// A gateway or waypoint of the Gateway API.
    Gateway {
        /// The Gateway, as `namespace/name`.
        gateway: String,
        /// The called Service, as `namespace/name`.
        service: Option<String>,
    },
}

/// The names in a client certificate. Without any names, the client has no certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// URI SANs.
    pub uris: Vec<String>,
    /// DNS SANs.
    pub dns_names: Vec<String>,
    /// Subject, RFC 2253.
    pub subject: Option<String>,
}

/// The source of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSource {
    /// The endpoint.
    pub endpoint: EndpointRef,
    /// Whether it opens mutual TLS; by default if it is in the mesh.
    pub mtls: Option<bool>,
    /// The certificate; by default that of the service account.
    pub certificate: Option<Certificate>,
    /// Whether it is in the mesh; by default as the manifests define.
    pub mesh: Option<bool>,
}

/// The TLS handshake of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Server name.
    pub sni: Option<String>,
}

/// The reason for which a token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// It is expired.
    Expired,
    /// Its signature is wrong.
    Signature,
    /// It is not a JSON Web Token.
    Malformed,
    /// No provider accepts its issuer.
    Issuer,
    /// It has another audience.
    Audience,
}

/// The location of a token in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenLocation {
    /// `Authorization: Bearer`.
    #[default]
    Authorization,
    /// Another header.
    Header(String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// The request already contains the text of the token.
    Written,
}

/// A token with its payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Token {
    /// The payload's claims.
    pub claims: Map<String, Value>,
    /// The reason for which it is invalid; `None` for a valid token.
    pub fault: Option<TokenFault>,
    /// The location in the request.
    pub location: TokenLocation,
    /// Its text; by default a token with this payload and a valid signature.
    pub text: Option<String>,
}

/// A DNS lookup as a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsLookup {
    /// The name.
    pub query: String,
    /// The record type, `A` by default.
    pub record_type: String,
}

/// One flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The source.
    pub from: FlowSource,
    /// The destination.
    pub to: EndpointRef,
    /// Whether the destination is in the mesh; by default as the manifests define.
    pub to_mesh: Option<bool>,
    /// The destination port; `None` for ICMP.
    pub port: Option<u16>,
    /// Protocol.
    pub protocol: Protocol,
    /// The ICMP type; by default an echo request.
    pub icmp_type: Option<u8>,
    /// The HTTP request, if the flow has one.
    pub http: Option<HttpRequest>,
    /// The DNS lookup, if the flow is one.
    pub dns: Option<DnsLookup>,
    /// The TLS handshake, if the client opens TLS.
    pub tls: Option<Tls>,
    /// The tokens of the request.
    pub tokens: Vec<Token>,
    /// The answers of external providers: true allows the request.
    pub ext_authz: BTreeMap<String, bool>,
}

/// A DNS lookup before a flow, and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// The name.
    pub query: String,
    /// The client, a pod, as `namespace/name`.
    pub from: Option<String>,
    /// The addresses in the answer.
    pub answers: Vec<IpAddr>,
    /// The time to live of the answer, in seconds.
    pub ttl: u32,
    /// The names of the CNAME chain, in order.
    pub cname: Vec<String>,
    /// The response code, `NOERROR` by default.
    pub rcode: Option<String>,
    /// The server and its port; by default the DNS server of the cluster.
    pub server: Option<(EndpointRef, u16)>,
    /// Whether the answer enters the DNS cache regardless of policies.
    pub learned: bool,
}

/// An event before a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A DNS lookup, subject to policies.
    Dns(Lookup),
    /// This many milliseconds pass.
    Wait(u64),
    /// Time passes until this many milliseconds after the start, unless they have already passed.
    WaitUntil(u64),
    /// A pod opens a connection, which stays open.
    Connect {
        /// The pod, as `namespace/name`.
        from: String,
        /// The address of the peer.
        to: IpAddr,
    },
    /// A pod closes a connection.
    Close {
        /// The pod, as `namespace/name`.
        from: String,
        /// The address of the peer.
        to: IpAddr,
    },
}

/// The decision about a flow by all layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowDecision {
    /// The verdict.
    pub verdict: Verdict,
    /// The HTTP status, if a proxy responds to the request itself.
    pub status: Option<u16>,
    /// The deciding layer, and its rule or default reason.
    pub decided_by: (Layer, DecidedBy),
    /// The decision of each layer, independent of the other layers. Layers after the deciding one are evaluated if
    /// possible.
    pub layers: [(Layer, LayerDecision); 4],
    /// The decision of the dry-run policies, if there are any.
    pub shadow: Option<LayerDecision>,
    /// Remarks for the reader, such as a missing DNS rule.
    pub notes: Vec<String>,
}

impl Flow {
    /// Returns a TCP connection from the workload `from` to port `port` of the workload `to`, both as `namespace/name`.
    pub fn new(from: &str, to: &str, port: u16) -> Self {
        let endpoint = EndpointRef::Workload(from.into());
        Self {
            from: FlowSource { endpoint, mtls: None, certificate: None, mesh: None },
            to: EndpointRef::Workload(to.into()),
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
