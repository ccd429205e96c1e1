//! The connection that reaches a proxy of the mesh: who is at its ends, and what secures it.

use super::{Flow, FlowError, MeshRequest, Place, Simulation, port};
use crate::{
    cluster::{CalledService, Cluster, MeshRole, Workload},
    decision::{DefaultReason, LayerDecision, Outcome},
    filter_chain::FilterChain,
    http::{ClientCertificate, Downstream},
    ir::PeerMode,
    policy_set::PolicySet,
    resource::istio::MeshConfig,
};
use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::net::IpAddr;

/// How the client opens the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    Plaintext,
    /// With a client certificate.
    MutualTls,
    /// Without one.
    Tls,
}

/// A connection to a workload that has a proxy.
#[derive(Debug)]
pub(super) struct Connection<'c> {
    pub(super) workload: &'c Workload,
    /// The service being called, where the proxy is a waypoint.
    pub(super) service: Option<CalledService<'c>>,
    /// Whether it lands on a TCP chain.
    pub(super) tcp: bool,
    /// Whether the proxy is a gateway.
    pub(super) gateway: bool,
    pub(super) source_ip: Option<IpAddr>,
    port: Option<u16>,
    security: Security,
    /// Whether Istio's client chose mutual TLS by itself; where the port does not speak it, it sends plaintext.
    chosen: bool,
    uris: Vec<String>,
    dns_names: Vec<String>,
    subject: Option<String>,
    sni: Option<String>,
    mesh: &'c MeshConfig,
}

impl<'c> Connection<'c> {
    /// The workload where `flow` ends, if it ends at one.
    pub(super) fn destination(
        simulation: &Simulation<'c>,
        flow: &Flow,
    ) -> Result<Option<&'c Workload>, FlowError> {
        let cluster = simulation.cluster;
        let named = |name: &str| {
            cluster.workload(name).ok_or_else(|| {
                FlowError::new(format!("no workload `{name}`"), "give its Pod or its controller's manifest")
            })
        };
        match &flow.to {
            Place::Workload(name) => named(name).map(Some),
            Place::Ip(ip) => Ok(cluster.workload_at(*ip)),
            Place::Service(name) => {
                Ok(port::behind(cluster, name, flow.port, flow.protocol)?.map(|(workload, _)| workload))
            }
            Place::Gateway { gateway, .. } => gateway_workload(cluster, gateway).map(Some),
            Place::Entity { .. } | Place::Fqdn { .. } => Ok(None),
        }
    }

    /// The connection of `flow`; none if no proxy of the mesh stands in front of the destination.
    pub(super) fn resolve(simulation: &Simulation<'c>, flow: &'c Flow) -> Result<Option<Self>, FlowError> {
        let cluster = simulation.cluster;
        let Some(workload) = Self::destination(simulation, flow)? else { return Ok(None) };
        let gateway = cluster.is_gateway(workload);
        let in_mesh = flow.to_mesh.unwrap_or_else(|| cluster.in_mesh(workload)) || gateway;
        let carries_tcp = flow.protocol == crate::net::Protocol::Tcp;
        if !in_mesh || !carries_tcp || flow.dns.is_some() {
            return Ok(None);
        }
        let (port, service) = match &flow.to {
            Place::Service(name) => {
                (port::behind(cluster, name, flow.port, flow.protocol)?.map(|(_, port)| port), None)
            }
            Place::Gateway { service, .. } => {
                (flow.port, service.as_deref().and_then(|service| cluster.called_service(service)))
            }
            _ => (flow.port, None),
        };
        let mesh = &cluster.resources().mesh;
        let source = match &flow.from.place {
            Place::Workload(name) => Some(cluster.workload(name).ok_or_else(|| {
                FlowError::new(format!("no workload `{name}`"), "give its Pod or its controller's manifest")
            })?),
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
            source_ip: match &flow.from.place {
                Place::Ip(ip) => Some(*ip),
                _ => source.and_then(|s| s.ips.first().copied()),
            },
            port,
            security,
            chosen: flow.from.mtls.is_none() && certificate.is_none(),
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
        Ok(Some(connection))
    }

    /// The policies of the filter chain that accepts the connection.
    pub(super) fn chain<'s>(&self, set: &'s PolicySet) -> &'s FilterChain {
        if self.tcp { set.tcp() } else { set.http() }
    }

    /// What PeerAuthentication says, and whether the connection reaches a policy. May change the connection: on a
    /// port that does not terminate mutual TLS there is no identity.
    pub(super) fn peer(&mut self, set: &PolicySet) -> (LayerDecision, bool) {
        if self.gateway {
            return (LayerDecision::bare(Outcome::NotSelected), true);
        }
        let (mode, by) = set.peer_mode(self.port.unwrap_or_default());
        if mode == PeerMode::Disable || (mode, self.security) == (PeerMode::Permissive, Security::Tls) {
            self.pass_through();
        }
        let say = |outcome: Outcome, reason: &str| match by.clone() {
            Some(id) => LayerDecision::by_rule(outcome, id),
            None if outcome == Outcome::Deny => {
                LayerDecision::by_default(outcome, DefaultReason::Other(reason.into()))
            }
            None => LayerDecision::bare(Outcome::NotSelected),
        };
        match (mode, self.security) {
            (PeerMode::Strict, Security::Plaintext) => (say(Outcome::Deny, "plaintext under STRICT"), false),
            (PeerMode::Strict, Security::Tls) => (say(Outcome::Deny, "no client certificate"), false),
            (PeerMode::Strict | PeerMode::Permissive, Security::MutualTls) if !self.is_trusted() => {
                let reason = "the handshake refuses the certificate's trust domain";
                (LayerDecision::by_default(Outcome::Deny, DefaultReason::Other(reason.into())), false)
            }
            _ => (say(Outcome::Allow, ""), true),
        }
    }

    /// TLS that the proxy does not terminate is bytes to it, and shows no certificate
    /// (docs/semantics/istio.md#istio-tls-not-terminated).
    fn pass_through(&mut self) {
        self.uris.clear();
        self.dns_names.clear();
        self.subject = None;
        self.tcp |=
            self.security != Security::Plaintext && !(self.security == Security::MutualTls && self.chosen);
        self.security = Security::Plaintext;
    }

    /// Whether the handshake accepts the certificate: every URI SAN names a trust domain of the mesh or of one of
    /// its `caCertificates`.
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

    /// The connection as the proxy's HTTP codec and connection manager see it.
    pub(super) fn downstream(&self) -> Downstream {
        let (namespace, account) = (&self.workload.namespace, &self.workload.service_account);
        // A waypoint terminates TLS in an outer listener; the one with the policies gets plain HTTP.
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

    /// The workload's address, of the client's family where it has one.
    fn local_ip(&self) -> Option<IpAddr> {
        let same_family = |ip: &&IpAddr| self.source_ip.is_none_or(|s| s.is_ipv4() == ip.is_ipv4());
        let ips = &self.workload.ips;
        ips.iter().find(same_family).or_else(|| ips.first()).copied()
    }

    /// The connection's attributes.
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

/// The pod that a Gateway-API gateway runs as.
fn gateway_workload<'c>(cluster: &'c Cluster, gateway: &str) -> Result<&'c Workload, FlowError> {
    let (namespace, name) = gateway.split_once('/').unwrap_or(("", gateway));
    let is_it = |w: &&Workload| {
        w.namespace == namespace
            && matches!(&w.role, MeshRole::GatewayApi(n) | MeshRole::Waypoint(n) if n == name)
    };
    cluster.workloads().find(is_it).ok_or_else(|| {
        let help = "give the Gateway's pod, labelled gateway.networking.k8s.io/gateway-name";
        FlowError::new(format!("no pod of gateway `{gateway}`"), help.to_string())
    })
}
