//! The DNS policy of one pod towards one server, and the addresses that answers add to the DNS cache.

use super::{
    dns_types::{DnsCode, DnsDecision, DnsVerdict, LearnedAddresses},
    history::History,
    network,
    network_policies::PeerIdentity,
};
use crate::{
    cluster::Cluster,
    decision::{LayerDecision, Outcome},
    dns::{CacheLimits, DnsAnswer},
    lower::cilium::name::{FqdnLabels, canonical},
    net::{Protocol, Transport},
    network::{Direction, NetworkProgram},
    options::{DnsRefusal, Options},
    request::Request,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{net::IpAddr, time::Duration};

/// The DNS policy of one pod towards one server, for many lookups.
///
/// It decides as [`super::Simulation::authorize_lookup`] and [`super::Simulation::observe_response`] do, with the endpoints
/// already resolved and the policies already compiled. Threads can share it.
///
/// ```
/// # #[cfg(feature = "yaml")] {
/// use palisade::{Options, Policies, Protocol, flow::*};
///
/// let yaml = "
/// apiVersion: v1
/// kind: Pod
/// metadata: {name: sleep, namespace: foo}
/// ---
/// apiVersion: cilium.io/v2
/// kind: CiliumNetworkPolicy
/// metadata: {name: dns, namespace: foo}
/// spec:
///   endpointSelector: {}
///   egress:
///   - toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: '*.example.com'}]}}]
/// ";
/// let policies = Policies::from_yaml("policy.yaml", yaml).unwrap();
/// let simulation = policies.validate(&Options::default()).unwrap().simulation();
/// let request = DnsRequest {
///     from: "foo/sleep".into(),
///     server: None,
///     port: 53,
///     protocol: Protocol::Udp,
///     questions: vec![],
/// };
/// let policy = simulation.dns_policy(&request).unwrap();
/// let verdict = |name| policy.decide(Protocol::Udp, name).verdict;
/// assert_eq!(verdict("www.example.com"), DnsVerdict::Forward { observed: true });
/// assert_eq!(verdict("www.example.org"), DnsVerdict::Refuse(DnsCode::Refused));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DnsPolicy {
    pub(super) cluster: Arc<Cluster>,
    pub(super) options: Options,
    pub(super) pod: String,
    pub(super) node: String,
    pub(super) udp: ResolvedServer,
    pub(super) tcp: ResolvedServer,
    pub(super) labels: Arc<FqdnLabels>,
}

/// The pod's policies and the identity of the server, for lookups by one protocol.
#[derive(Clone, Debug)]
pub(super) struct ResolvedServer {
    pub(super) transport: Transport,
    /// Whether an agent enforces policies for the pod.
    pub(super) enforced: bool,
    pub(super) program: Arc<NetworkProgram>,
    pub(super) server: PeerIdentity,
    pub(super) port_names: Vec<Box<str>>,
    /// Whether lookups pass the DNS proxy.
    pub(super) observed: bool,
}

impl DnsPolicy {
    /// Returns the decision about a lookup of `name` by `protocol`, which is TCP or else UDP.
    pub fn decide(&self, protocol: Protocol, name: &str) -> DnsDecision {
        let server = if protocol == Protocol::Tcp { &self.tcp } else { &self.udp };
        authorize(server, &canonical(name), &self.options)
    }

    /// Adds a successful answer at `history.now` to the DNS cache of the pod's node. The decision about its lookup must be
    /// [`DnsVerdict::Forward`] with `observed: true`.
    pub fn observe_response(&self, history: &mut History, answer: &DnsAnswer) -> LearnedAddresses {
        record(&self.cluster, &self.options, &self.labels, history, (&self.node, &self.pod), answer)
    }

    /// Records that the pod opened a connection to `address` at `history.now`, or closed it.
    pub fn set_connection(&self, history: &mut History, address: IpAddr, is_open: bool) {
        let now = history.now;
        let cache = history.cache_mut(&self.node, CacheLimits::from(&self.options));
        if is_open {
            // A connection beyond the limit keeps no address alive.
            cache.connect(&self.pod, address.to_canonical());
        } else {
            cache.close(&self.pod, address.to_canonical(), now);
        }
    }

    /// Returns the options.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

/// Returns the decision about the lookup of `name`, in canonical form.
pub(super) fn authorize(server: &ResolvedServer, name: &str, options: &Options) -> DnsDecision {
    let port_names: Vec<&str> = server.port_names.iter().map(|name| &**name).collect();
    let request = Request {
        transport: Some(server.transport),
        peer: Some(server.server.as_peer()),
        port_names: &port_names,
        dns_query: Some(name),
        ..Request::default()
    };
    let layer = match server.enforced {
        true => network::evaluate(&server.program, Direction::Egress, &request, options).decision,
        false => LayerDecision::bare(Outcome::Outside),
    };
    let verdict = match layer.outcome {
        Outcome::PolicyError => DnsVerdict::Refuse(DnsCode::ServFail),
        _ if layer.passes() => DnsVerdict::Forward { observed: server.observed },
        _ => DnsVerdict::Refuse(match options.cilium.tofqdns_dns_reject_response_code {
            DnsRefusal::Refused => DnsCode::Refused,
            DnsRefusal::NameError => DnsCode::NxDomain,
        }),
    };
    DnsDecision { verdict, layer }
}

/// Adds `answer` to the DNS cache of a node for one of its endpoints, and returns the added addresses. Addresses inside
/// of the cluster keep their own identity and are omitted; an IPv4 address in IPv6 form is the IPv4 address.
pub(super) fn record(
    cluster: &Cluster,
    options: &Options,
    labels: &FqdnLabels,
    history: &mut History,
    (node, endpoint): (&str, &str),
    answer: &DnsAnswer,
) -> LearnedAddresses {
    let limits = CacheLimits::from(options);
    let is_outside = |ip: &IpAddr| cluster.workload_at(*ip).is_none();
    let mut addresses: Vec<IpAddr> =
        answer.addresses.iter().map(IpAddr::to_canonical).filter(is_outside).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let (now, ttl) = (history.now, u64::from(answer.ttl) * 1000);
    let cache = history.cache_mut(node, limits);
    let time_to_live = Duration::from_millis(ttl);
    let learned = cache.record(endpoint, &answer.name, addresses.iter().copied(), time_to_live, now);
    LearnedAddresses {
        name: answer.name.clone(),
        refused: addresses.len() - learned,
        ttl: ttl.max(limits.min_ttl),
        labels: labels.of(&answer.name),
        addresses,
    }
}
