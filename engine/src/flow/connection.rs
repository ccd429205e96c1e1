//! The connection of a flow to a proxy of the mesh: its addresses, its identity and its TLS.

use super::{
    endpoint::Resolver,
    explanation::FlowError,
    mesh_request::MeshRequest,
    port,
    types::{EndpointRef, Flow},
};
use crate::{
    cluster::{CalledService, MeshRole, Workload},
    decision::{DefaultReason, LayerDecision, Outcome},
    filter_chain::FilterChain,
    http::{ClientCertificate, Downstream},
    ir::PeerMode,
    net::Protocol,
    policy_set::PolicySet,
    resource::istio::MeshConfig,
};
use alloc::{format, string::String, vec, vec::Vec};
use core::net::IpAddr;

/// The security of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    Plaintext,
    /// Mutual TLS: the client presents a certificate.
    MutualTls,
    /// TLS without a client certificate.
    Tls,
}

/// The destination of a flow in the mesh.
#[derive(Debug)]
pub(super) enum MeshDestination<'c> {
    /// The destination is not a workload.
    Outside,
    /// No proxy handles the connection to this workload.
    Direct(&'c Workload),
    /// A proxy handles the connection.
    Proxied(MeshConnection<'c>),
}

/// A connection to a workload with a proxy.
#[derive(Debug)]
pub(super) struct MeshConnection<'c> {
    pub(super) workload: &'c Workload,
    /// The called service, if the proxy is a waypoint.
    pub(super) service: Option<CalledService<'c>>,
    /// Whether a TCP filter chain accepts it.
    pub(super) tcp: bool,
    /// Whether the proxy is a gateway.
    gateway: bool,
    source_ip: Option<IpAddr>,
    port: Option<u16>,
    security: Security,
    /// Whether the client's proxy selects mutual TLS automatically: then it sends plaintext to a port without mutual TLS.
    automatic: bool,
    uris: Vec<String>,
    dns_names: Vec<String>,
    subject: Option<String>,
    sni: Option<String>,
    mesh: &'c MeshConfig,
}

impl<'c> MeshConnection<'c> {
    /// Resolves the connection of `flow` to a proxy of the mesh.
    pub(super) fn resolve(resolver: Resolver<'c>, flow: &Flow) -> Result<MeshDestination<'c>, FlowError> {
        let Resolver { cluster, .. } = resolver;
        let Some((workload, port)) = destination(resolver, flow)? else {
            return Ok(MeshDestination::Outside);
        };
        let gateway = cluster.is_gateway(workload);
        let in_mesh = flow.to_mesh.unwrap_or_else(|| cluster.in_mesh(workload)) || gateway;
        if !in_mesh || flow.protocol != Protocol::Tcp || flow.dns.is_some() {
            return Ok(MeshDestination::Direct(workload));
        }
        let service = match &flow.to {
            EndpointRef::Gateway { service, .. } => service.as_deref(),
            _ => None,
        };
        let service = service.and_then(|service| cluster.called_service(service));
        let mesh = &cluster.resources().mesh;
        let source = match &flow.from.endpoint {
            EndpointRef::Workload(name) => Some(resolver.workload(name)?),
            _ => None,
        };
        let source_in_mesh =
            flow.from.mesh.unwrap_or_else(|| source.is_some_and(|source| cluster.in_mesh(source)));
        let certificate = flow.from.certificate.as_ref();
        let security = match (flow.from.mtls, certificate) {
            (Some(true), _) | (None, Some(_)) => Security::MutualTls,
            (Some(false), _) if flow.tls.is_some() => Security::Tls,
            (Some(false), _) => Security::Plaintext,
            (None, None) if source_in_mesh => Security::MutualTls,
            (None, None) if flow.tls.is_some() => Security::Tls,
            (None, None) => Security::Plaintext,
        };
        let mut connection = Self {
            workload,
            service,
            tcp: port::is_tcp_chain(cluster, workload, port, flow.http.is_some()),
            gateway,
            source_ip: match &flow.from.endpoint {
                EndpointRef::Ip(ip) => Some(*ip),
                _ => source.and_then(|s| s.ips.first().copied()),
            },
            port,
            security,
            automatic: flow.from.mtls.is_none() && certificate.is_none(),
            uris: Vec::new(),
            dns_names: Vec::new(),
            subject: None,
            sni: flow.tls.as_ref().and_then(|t| t.sni.as_ref()).map(|sni| sni.to_ascii_lowercase()),
            mesh,
        };
        if security == Security::MutualTls {
            match (certificate, source) {
                (Some(certificate), _) => {
                    connection.uris.clone_from(&certificate.uris);
                    connection.dns_names.clone_from(&certificate.dns_names);
                    connection.subject.clone_from(&certificate.subject);
                }
                (None, Some(source)) => {
                    let domain = &mesh.trust_domain;
                    let (namespace, account) = (&source.namespace, &source.service_account);
                    connection.uris = vec![format!("spiffe://{domain}/ns/{namespace}/sa/{account}")];
                }
                (None, None) => {}
            }
        }
        Ok(MeshDestination::Proxied(connection))
    }

    /// Returns the policies of the filter chain that accepts the connection.
    pub(super) fn chain<'s>(&self, set: &'s PolicySet) -> &'s FilterChain {
        if self.tcp { set.tcp() } else { set.http() }
    }

    /// Evaluates PeerAuthentication. Returns its decision, and whether the connection reaches AuthorizationPolicies.
    ///
    /// On a port that does not terminate mutual TLS, the connection loses its identity.
    pub(super) fn authenticate(&mut self, set: &PolicySet) -> (LayerDecision, bool) {
        if self.gateway {
            return (LayerDecision::bare(Outcome::NotSelected), true);
        }
        let (mode, by) = set.peer_mode(self.port.unwrap_or_default());
        if mode == PeerMode::Disable || (mode, self.security) == (PeerMode::Permissive, Security::Tls) {
            self.pass_through();
        }
        let decide = |outcome: Outcome, reason: &str| match by.clone() {
            Some(id) => LayerDecision::by_rule(outcome, id),
            None if outcome == Outcome::Deny => {
                LayerDecision::by_default(outcome, DefaultReason::Other(reason.into()))
            }
            None => LayerDecision::bare(Outcome::NotSelected),
        };
        match (mode, self.security) {
            (PeerMode::Strict, Security::Plaintext) => {
                (decide(Outcome::Deny, "plaintext under STRICT"), false)
            }
            (PeerMode::Strict, Security::Tls) => (decide(Outcome::Deny, "no client certificate"), false),
            (PeerMode::Strict | PeerMode::Permissive, Security::MutualTls) if !self.is_trusted() => {
                let reason = "the handshake refuses the certificate's trust domain";
                (LayerDecision::by_default(Outcome::Deny, DefaultReason::Other(reason.into())), false)
            }
            _ => (decide(Outcome::Allow, ""), true),
        }
    }

    /// Passes TLS through. The proxy then reads neither requests nor a certificate
    /// (docs/semantics/istio.md#istio-tls-not-terminated).
    fn pass_through(&mut self) {
        self.uris.clear();
        self.dns_names.clear();
        self.subject = None;
        self.tcp |=
            self.security != Security::Plaintext && !(self.security == Security::MutualTls && self.automatic);
        self.security = Security::Plaintext;
    }

    /// Returns whether the handshake accepts the certificate: every URI SAN names a trust domain of the mesh or of one
    /// of its `caCertificates`.
    fn is_trusted(&self) -> bool {
        let own = core::iter::once(&self.mesh.trust_domain).chain(&self.mesh.trust_domain_aliases);
        let foreign = self.mesh.ca_certificates.iter().flat_map(|c| &c.trust_domains);
        let known: Vec<&String> = own.chain(foreign).collect();
        let trusted = |uri: &String| {
            let domain = uri.strip_prefix("spiffe://").and_then(|rest| rest.split('/').next());
            domain.is_some_and(|d| known.iter().any(|k| *k == d))
        };
        self.uris.iter().all(trusted)
    }

    /// Returns the connection as the proxy's HTTP codec and connection manager see it.
    pub(super) fn downstream(&self) -> Downstream {
        let (namespace, account) = (&self.workload.namespace, &self.workload.service_account);
        // A waypoint terminates TLS in an outer listener. The listener with the policies receives plain HTTP.
        let security = match self.workload.role {
            MeshRole::Waypoint(_) => Security::Plaintext,
            MeshRole::Proxy | MeshRole::GatewayApi(_) => self.security,
        };
        Downstream {
            peer: self.source_ip,
            local: self.local_ip(),
            port: self.port,
            tls: security != Security::Plaintext,
            certificate: (security == Security::MutualTls).then(|| ClientCertificate {
                uris: self.uris.clone(),
                dns_names: self.dns_names.clone(),
                subject: self.subject.clone().unwrap_or_default(),
            }),
            identity: Some(format!("spiffe://{}/ns/{namespace}/sa/{account}", self.mesh.trust_domain)),
        }
    }

    /// Returns the workload's address, of the client's address family if there is one.
    fn local_ip(&self) -> Option<IpAddr> {
        let same_family = |ip: &&IpAddr| self.source_ip.is_none_or(|s| s.is_ipv4() == ip.is_ipv4());
        let ips = &self.workload.ips;
        ips.iter().find(same_family).or_else(|| ips.first()).copied()
    }

    /// Returns the attributes of the connection, without a request.
    pub(super) fn mesh_request(&self) -> MeshRequest {
        MeshRequest {
            workload: format!("{}/{}", self.workload.namespace, self.workload.name),
            http: None,
            before_tokens: None,
            claims: None,
            mtls: self.security == Security::MutualTls,
            uris: self.uris.clone(),
            dns_names: self.dns_names.clone(),
            subject: self.subject.clone().filter(|s| !s.is_empty()),
            sni: self.sni.clone(),
            source_ip: self.source_ip,
            remote_ip: Ok(self.source_ip),
            destination_ip: self.local_ip(),
            destination_port: self.port,
        }
    }
}

/// Returns the workload that is the destination of `flow` and its port after Service translation, or `None` if the
/// destination is not a workload.
fn destination<'c>(
    resolver: Resolver<'c>,
    flow: &Flow,
) -> Result<Option<(&'c Workload, Option<u16>)>, FlowError> {
    let workload = match &flow.to {
        EndpointRef::Workload(name) => Some(resolver.workload(name)?),
        EndpointRef::Ip(ip) => resolver.cluster.workload_at(*ip),
        EndpointRef::Service(name) => {
            let target = port::service_target(resolver.cluster, name, flow.port, flow.protocol)?;
            return Ok(target.map(|(workload, port)| (workload, Some(port))));
        }
        EndpointRef::Gateway { gateway, .. } => Some(resolver.gateway(gateway)?),
        EndpointRef::Entity { .. } | EndpointRef::Fqdn { .. } => None,
    };
    Ok(workload.map(|workload| (workload, flow.port)))
}
