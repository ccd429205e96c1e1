//! What the DNS proxy decides: may this pod ask this name of this server, and what does the answer open?
//! (docs/semantics/cilium.md#cilium-dns-decision)

use super::{
    Flow, FlowError, History, LayerExplanation, Place, Simulation,
    dns_policy::{DnsPolicy, Prepared, record, verdict},
    endpoint::{Destination, Side},
    network::Exchange,
};
use crate::{
    decision::{LayerDecision, Outcome},
    dns::DnsAnswer,
    lower::cilium::name::{FqdnLabels, canonical},
    net::{Protocol, Transport},
    network::Direction,
    request::Request,
};
use alloc::{
    string::{String, ToString},
    sync::Arc,
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
    /// Milliseconds for which they are open by themselves; 0 lasts until a collection.
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
    /// let taught = palisade::resolve_answer("www.example.com", &[record], Default::default()).unwrap();
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
        let Ok(prepared) = self.prepared(request) else { return failed(DnsCode::ServFail, Outcome::Deny) };
        verdict(&prepared, &canonical(name), &self.options)
    }

    /// The DNS policy of `request.from` towards the server of `request`, for any number of lookups by UDP and TCP;
    /// questions and protocol of `request` do not count.
    ///
    /// # Errors
    ///
    /// `request.from` is not a pod, or the server is unknown.
    pub fn dns_policy(&self, request: &DnsRequest) -> Result<DnsPolicy<'c>, FlowError> {
        let by = |protocol| self.prepared(&DnsRequest { protocol, ..request.clone() });
        Ok(DnsPolicy {
            cluster: self.cluster,
            options: self.options.clone(),
            pod: request.from.clone(),
            node: self.node_of(&request.from)?,
            udp: by(Protocol::Udp)?,
            tcp: by(Protocol::Tcp)?,
            labels: self.fqdn_labels().clone(),
        })
    }

    fn prepared(&self, request: &DnsRequest) -> Result<Prepared<'c>, FlowError> {
        let from = self.source(&Place::Workload(request.from.clone()))?;
        let (server, port) = self.server(request)?;
        let transport = Transport { protocol: request.protocol, port };
        Ok(Prepared {
            transport,
            enforced: from.kind.is_enforced(&self.options),
            program: self.program(&from),
            server: self.peer(&server, &from, &[]),
            port_names: self.port_names(&server, transport),
            observed: self.is_observed(&from, &server, transport),
        })
    }

    /// A successful answer to `request` came at `history.now`: where the lookup passed the proxy, the node learns. What
    /// was not to be learned opens nothing.
    ///
    /// # Errors
    ///
    /// `request.from` is not a pod, or the server is unknown.
    pub fn answered(
        &self,
        history: &mut History,
        request: &DnsRequest,
        taught: &DnsAnswer,
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
    pub(super) fn teach(
        &self,
        history: &mut History,
        node: &str,
        endpoint: &str,
        taught: &DnsAnswer,
    ) -> Opened {
        record(self.cluster, &self.options, self.fqdn_labels(), history, (node, endpoint), taught)
    }

    pub(super) fn fqdn_labels(&self) -> &Arc<FqdnLabels> {
        let new = || Arc::new(FqdnLabels::new(self.cluster.resources(), &self.options));
        self.networks.fqdn_labels.get_or_init(new)
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
        (layer, self.is_observed(from, server, transport))
    }

    /// Whether lookups of `from` at `server` pass the DNS proxy, so that their answers teach.
    fn is_observed(&self, from: &Side<'c>, server: &Side<'c>, transport: Transport) -> bool {
        let names = self.port_names(server, transport);
        let peer = self.peer(server, from, &[]);
        let request = Request {
            transport: Some(transport),
            peer: Some(peer.as_peer()),
            port_names: &names,
            ..Request::default()
        };
        from.kind.is_enforced(&self.options) && self.program(from).observes(&request)
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
