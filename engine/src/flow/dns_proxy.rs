//! What the DNS proxy decides: may this pod ask this name of this server, and what does the answer open?
//! (`spec/cilium.md` 3.5 to 3.7)

use super::{
    Flow, FlowError, History, LayerExplanation, Place, Simulation,
    endpoint::{Destination, Side},
    network::Exchange,
};
use crate::{
    decision::{LayerDecision, Outcome},
    dns::{CacheLimits, Taught},
    lower::cilium::name::{canonical, fqdn_labels},
    net::{Protocol, Transport},
    network::Direction,
    options::DnsRefusal,
    request::{Peer, Request},
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

/// A lookup as it reaches the proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsRequest {
    /// The pod that asks, as `namespace/name`.
    pub from: String,
    /// The server that is asked; the cluster's DNS where none is given.
    pub server: Option<Place>,
    /// Its port, before service translation.
    pub port: u16,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The names of the message's questions, in order. Only the first counts; type and class of a question never do.
    pub questions: Vec<String>,
}

/// What a message says about its success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsCode {
    /// The message was not understood (1).
    FormErr,
    /// Something failed inside (2).
    ServFail,
    /// There is no such name (3).
    NxDomain,
    /// Policy forbids it (5).
    Refused,
}

/// What becomes of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsVerdict {
    /// It goes to the server.
    Forward {
        /// Whether it passes the proxy, so that its answer teaches.
        learns: bool,
    },
    /// It goes nowhere, and the pod gets this code.
    Refuse(DnsCode),
}

/// The decision about a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsDecision {
    /// What becomes of it.
    pub verdict: DnsVerdict,
    /// What the pod's egress policy says, and which rule.
    pub layer: LayerDecision,
}

/// What an answer opened for all pods of the node whose `toFQDNs` match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The name that was asked, lower case with its final dot.
    pub name: String,
    /// Its addresses, those inside the cluster left out: they keep their own identity.
    pub addresses: Vec<IpAddr>,
    /// Milliseconds for which they are open by themselves.
    pub ttl: u64,
    /// The labels that the name gives to their identity: one for each `toFQDNs` selector that matches, by its text.
    pub labels: Vec<String>,
    /// How many addresses found no room in the cache, and stay closed.
    pub refused: usize,
}

impl<'c> Simulation<'c> {
    /// Whether the lookup may go to its server, and if not, what the pod gets. Whatever fails inside is `SERVFAIL`,
    /// never a pass.
    ///
    /// A lookup that no rule lets reach the server is dropped by Cilium before any proxy; here it is refused as the
    /// proxy does.
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
    ///   - toFQDNs: [{matchName: www.example.com}]
    /// ";
    /// let mut resources = Resources::default();
    /// assert!(manifest::load("policy.yaml", yaml, &mut resources).is_empty());
    /// let (cluster, _) = Cluster::new(resources);
    /// let simulation = Simulation::new(&cluster, Options::default());
    ///
    /// let mut request = DnsRequest {
    ///     from: "foo/sleep".into(),
    ///     server: None,
    ///     port: 53,
    ///     protocol: Protocol::Udp,
    ///     questions: vec!["www.example.com".into()],
    /// };
    /// assert_eq!(simulation.may_ask(&request).verdict, DnsVerdict::Forward { learns: true });
    ///
    /// let ip = "192.0.2.1".parse().unwrap();
    /// let record = palisade::DnsRecord { owner: "www.example.com", ttl: 30, data: palisade::DnsData::Address(ip) };
    /// let taught = palisade::taught("www.example.com", &[record]).unwrap();
    /// let mut history = History::default();
    /// let opened = simulation.answered(&mut history, &request, &taught).unwrap();
    /// assert_eq!((opened.addresses, opened.ttl), (vec![ip], 30_000));
    /// assert_eq!(opened.labels, ["fqdn:www.example.com"]);
    ///
    /// request.questions = vec!["www.example.org".into(), "www.example.com".into()];
    /// assert_eq!(simulation.may_ask(&request).verdict, DnsVerdict::Refuse(DnsCode::Refused));
    /// # }
    /// ```
    pub fn may_ask(&self, request: &DnsRequest) -> DnsDecision {
        let failed = |code, outcome| DnsDecision {
            verdict: DnsVerdict::Refuse(code),
            layer: LayerDecision::bare(outcome),
        };
        let Some(name) = request.questions.first() else { return failed(DnsCode::FormErr, Outcome::Reject) };
        let Ok((layer, observed)) = self.asked(request, &canonical(name)) else {
            return failed(DnsCode::ServFail, Outcome::Deny);
        };
        let layer = layer.decision;
        let verdict = match layer.outcome {
            Outcome::PolicyError => DnsVerdict::Refuse(DnsCode::ServFail),
            _ if layer.passes() => DnsVerdict::Forward { learns: observed },
            _ => DnsVerdict::Refuse(match self.options.tofqdns_dns_reject_response_code {
                DnsRefusal::Refused => DnsCode::Refused,
                DnsRefusal::NameError => DnsCode::NxDomain,
            }),
        };
        DnsDecision { verdict, layer }
    }

    /// A successful answer to `request` came at `history.now`: where the lookup passed the proxy, the node learns. What
    /// was not to be learned opens nothing.
    ///
    /// # Errors
    ///
    /// `request.from` is no pod, or the server is none.
    pub fn answered(
        &self,
        history: &mut History,
        request: &DnsRequest,
        taught: &Taught,
    ) -> Result<Opened, FlowError> {
        let asked = request.questions.first().map(|name| canonical(name));
        let learns = self.may_ask(request).verdict == DnsVerdict::Forward { learns: true };
        if !learns || asked.as_deref() != Some(&taught.name) {
            return Ok(Opened { name: taught.name.clone(), ..Opened::default() });
        }
        let node = self.node_of(&request.from)?;
        Ok(self.teach(history, &node, &request.from, taught))
    }

    /// Lets `node` learn what `endpoint` was told.
    pub(super) fn teach(&self, history: &mut History, node: &str, endpoint: &str, taught: &Taught) -> Opened {
        let limits = CacheLimits::from(&self.options);
        let inside = |ip: &&IpAddr| self.cluster.workload_at(**ip).is_none();
        let mut addresses: Vec<IpAddr> = taught.addresses.iter().filter(inside).copied().collect();
        addresses.sort_unstable();
        addresses.dedup();
        let (now, ttl) = (history.now, u64::from(taught.ttl) * 1000);
        let cache = history.cache_mut(node, limits);
        let learned = cache.learn(endpoint, &taught.name, addresses.iter().copied(), ttl, now);
        Opened {
            name: taught.name.clone(),
            refused: addresses.len() - learned,
            ttl: ttl.max(limits.min_ttl),
            labels: fqdn_labels(self.cluster.resources(), &taught.name, &self.options),
            addresses,
        }
    }

    /// What egress says of the lookup of `name`, and whether its answer teaches.
    pub(super) fn asked(
        &self,
        request: &DnsRequest,
        name: &str,
    ) -> Result<(LayerExplanation, bool), FlowError> {
        let from = self.source(&Place::Workload(request.from.clone()))?;
        let (server, port) = self.server(request)?;
        Ok(self.lookup(&from, &server, name, Transport { protocol: request.protocol, port }))
    }

    /// The server, and its port behind service translation.
    fn server(&self, request: &DnsRequest) -> Result<(Side<'c>, u16), FlowError> {
        let Some(place) = &request.server else { return Ok((self.dns_server(), request.port)) };
        let to = Flow { to: place.clone(), protocol: request.protocol, ..Flow::new("", "", request.port) };
        let Destination { side, port } = self.destination(&to)?;
        Ok((side, port.unwrap_or(request.port)))
    }

    /// What egress of `from` says of a lookup, and whether its answer teaches.
    pub(super) fn lookup(
        &self,
        from: &Side<'c>,
        server: &Side<'c>,
        name: &str,
        transport: Transport,
    ) -> (LayerExplanation, bool) {
        let exchange = Exchange {
            transport,
            names: Vec::new(),
            wanted: None,
            query: Some(name),
            sni: None,
            http: None,
            tls: false,
        };
        let layer = self.layer(Direction::Egress, from, server, &exchange);
        let names = self.port_names(server, transport);
        let request = Request {
            transport: Some(transport),
            peer: Some(Peer { labels: &server.labels, cidr: self.cidr_of(server) }),
            port_names: &names,
            ..Request::default()
        };
        let observed = from.kind.is_enforced(&self.options) && self.program(from).observes(&request);
        (layer, observed)
    }

    /// The node whose agent enforces the policy of the pod `from`; empty is the one that all unplaced pods share.
    ///
    /// # Errors
    ///
    /// The manifests have no such pod.
    pub fn node_of(&self, from: &str) -> Result<String, FlowError> {
        Ok(self.source(&Place::Workload(from.to_string()))?.on_node().to_string())
    }
}
