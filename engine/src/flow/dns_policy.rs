//! The DNS policy of one pod, prepared for many lookups.

use super::{DnsCode, DnsDecision, DnsVerdict, History, Opened, endpoint::PeerIdentity, network};
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
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{net::IpAddr, time::Duration};

/// The DNS policy of one pod towards one server: what [`super::Simulation::may_ask`] and
/// [`super::Simulation::answered`] decide, with everything resolved that is the same for each lookup. Threads can share it.
///
/// ```
/// # #[cfg(feature = "yaml")] {
/// use palisade::{Cluster, Options, Protocol, flow::*, manifest, resource::Resources};
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
/// let mut resources = Resources::default();
/// assert!(manifest::load("policy.yaml", yaml, &mut resources).is_empty());
/// let (cluster, _) = Cluster::new(resources);
/// let request = DnsRequest {
///     from: "foo/sleep".into(),
///     server: None,
///     port: 53,
///     protocol: Protocol::Udp,
///     questions: vec![],
/// };
/// let policy = Simulation::new(&cluster, Options::default()).dns_policy(&request).unwrap();
/// let verdict = |name| policy.decide(Protocol::Udp, name).verdict;
/// assert_eq!(verdict("www.example.com"), DnsVerdict::Forward { learns: true });
/// assert_eq!(verdict("www.example.org"), DnsVerdict::Refuse(DnsCode::Refused));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DnsPolicy<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) options: Options,
    pub(super) pod: String,
    pub(super) node: String,
    pub(super) udp: Prepared<'c>,
    pub(super) tcp: Prepared<'c>,
    pub(super) labels: Arc<FqdnLabels>,
}

/// What is the same for each lookup by one protocol.
#[derive(Clone, Debug)]
pub(super) struct Prepared<'c> {
    pub(super) transport: Transport,
    /// Whether policy is enforced for the pod at all.
    pub(super) enforced: bool,
    pub(super) program: Arc<NetworkProgram>,
    /// The server as the pod sees it.
    pub(super) server: PeerIdentity,
    pub(super) port_names: Vec<&'c str>,
    /// Whether answers teach.
    pub(super) observed: bool,
}

impl DnsPolicy<'_> {
    /// Whether the pod may look `name` up by `protocol`: TCP, or else UDP.
    pub fn decide(&self, protocol: Protocol, name: &str) -> DnsDecision {
        let prepared = if protocol == Protocol::Tcp { &self.tcp } else { &self.udp };
        verdict(prepared, &canonical(name), &self.options)
    }

    /// Lets the pod's node learn a successful answer at `history.now`. The decision about its lookup was to learn.
    pub fn learn(&self, history: &mut History, taught: &DnsAnswer) -> Opened {
        record(self.cluster, &self.options, &self.labels, history, (&self.node, &self.pod), taught)
    }

    /// A connection of the pod to `address` is alive from `history.now` on, or over.
    pub fn set_connection(&self, history: &mut History, address: IpAddr, alive: bool) {
        let now = history.now;
        let cache = history.cache_mut(&self.node, CacheLimits::from(&self.options));
        if alive {
            // Beyond the limit a connection keeps nothing.
            cache.connect(&self.pod, address.to_canonical());
        } else {
            cache.close(&self.pod, address.to_canonical(), now);
        }
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

/// The decision about the lookup of `name`, in canonical form.
pub(super) fn verdict(prepared: &Prepared<'_>, name: &str, options: &Options) -> DnsDecision {
    let request = Request {
        transport: Some(prepared.transport),
        peer: Some(prepared.server.as_peer()),
        port_names: &prepared.port_names,
        dns_query: Some(name),
        ..Request::default()
    };
    let layer = match prepared.enforced {
        true => network::decide(&prepared.program, Direction::Egress, &request, options),
        false => LayerDecision::bare(Outcome::Outside),
    };
    let verdict = match layer.outcome {
        Outcome::PolicyError => DnsVerdict::Refuse(DnsCode::ServFail),
        _ if layer.passes() => DnsVerdict::Forward { learns: prepared.observed },
        _ => DnsVerdict::Refuse(match options.cilium.tofqdns_dns_reject_response_code {
            DnsRefusal::Refused => DnsCode::Refused,
            DnsRefusal::NameError => DnsCode::NxDomain,
        }),
    };
    DnsDecision { verdict, layer }
}

/// Lets a node learn what an endpoint of it was told. Addresses inside the cluster keep their own identity; an IPv4
/// address in IPv6 form is the IPv4 address.
pub(super) fn record(
    cluster: &Cluster,
    options: &Options,
    labels: &FqdnLabels,
    history: &mut History,
    (node, endpoint): (&str, &str),
    taught: &DnsAnswer,
) -> Opened {
    let limits = CacheLimits::from(options);
    let inside = |ip: &IpAddr| cluster.workload_at(*ip).is_none();
    let mut addresses: Vec<IpAddr> =
        taught.addresses.iter().map(IpAddr::to_canonical).filter(inside).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let (now, ttl) = (history.now, u64::from(taught.ttl) * 1000);
    let cache = history.cache_mut(node, limits);
    let learned =
        cache.record(endpoint, &taught.name, addresses.iter().copied(), Duration::from_millis(ttl), now);
    Opened {
        name: taught.name.clone(),
        refused: addresses.len() - learned,
        ttl: ttl.max(limits.min_ttl),
        labels: labels.of(&taught.name),
        addresses,
    }
}
