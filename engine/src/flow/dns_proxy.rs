//! Decides DNS lookups as Cilium's DNS proxy does, and records their answers
//! (docs/semantics/cilium.md#cilium-dns-decision).

use super::{
    dns_policy::{DnsPolicy, ResolvedServer, authorize, record},
    dns_types::{DnsCode, DnsDecision, DnsRequest, DnsVerdict, LearnedAddresses},
    endpoint::{Destination, Endpoint},
    explanation::FlowError,
    history::History,
    simulation::Simulation,
    types::{EndpointRef, Flow},
};
use crate::{
    decision::{LayerDecision, Outcome},
    dns::DnsAnswer,
    lower::cilium::name::canonical,
    net::{Protocol, Transport},
};
use alloc::{
    string::{String, ToString},
    sync::Arc,
};

impl Simulation {
    /// Returns whether the proxy forwards a lookup to its server, and the response code of a refused lookup. An error
    /// refuses the lookup with `SERVFAIL`.
    ///
    /// If no rule allows the pod to reach the server, Cilium drops the lookup before any proxy. Here it is refused as by
    /// the proxy.
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
    ///   - toFQDNs: [{matchName: www.example.com}]
    /// ";
    /// let policies = Policies::from_yaml("policy.yaml", yaml).unwrap();
    /// let simulation = policies.validate(&Options::default()).unwrap().simulation();
    ///
    /// let mut request = DnsRequest {
    ///     from: "foo/sleep".into(),
    ///     server: None,
    ///     port: 53,
    ///     protocol: Protocol::Udp,
    ///     questions: vec!["www.example.com".into()],
    /// };
    /// assert_eq!(simulation.authorize_lookup(&request).verdict, DnsVerdict::Forward { observed: true });
    ///
    /// let ip = "192.0.2.1".parse().unwrap();
    /// let record = palisade::DnsRecord { owner: "www.example.com", ttl: 30, data: palisade::DnsData::Address(ip) };
    /// let answer = palisade::resolve_answer("www.example.com", &[record], Default::default()).unwrap();
    /// let mut history = History::default();
    /// let learned = simulation.observe_response(&mut history, &request, &answer).unwrap();
    /// assert_eq!((learned.addresses, learned.ttl), (vec![ip], 30_000));
    /// assert_eq!(learned.labels, ["fqdn:www.example.com"]);
    ///
    /// request.questions = vec!["www.example.org".into(), "www.example.com".into()];
    /// assert_eq!(simulation.authorize_lookup(&request).verdict, DnsVerdict::Refuse(DnsCode::Refused));
    /// # }
    /// ```
    pub fn authorize_lookup(&self, request: &DnsRequest) -> DnsDecision {
        let refuse = |code, outcome| DnsDecision {
            verdict: DnsVerdict::Refuse(code),
            layer: LayerDecision::bare(outcome),
        };
        let Some(name) = request.questions.first() else {
            return refuse(DnsCode::FormErr, Outcome::Reject);
        };
        let Ok(server) = self.resolve_server(request) else {
            return refuse(DnsCode::ServFail, Outcome::Deny);
        };
        authorize(&server, &canonical(name), self.options())
    }

    /// Returns the DNS policy of `request.from` towards `request.server`. It ignores the questions and the protocol of
    /// `request`.
    ///
    /// # Errors
    ///
    /// `request.from` is not a pod, or the server is unknown.
    pub fn dns_policy(&self, request: &DnsRequest) -> Result<DnsPolicy, FlowError> {
        let by = |protocol| self.resolve_server(&DnsRequest { protocol, ..request.clone() });
        Ok(DnsPolicy {
            cluster: self.cluster().clone(),
            options: self.options().clone(),
            pod: request.from.clone(),
            node: self.node_name(&request.from)?,
            udp: by(Protocol::Udp)?,
            tcp: by(Protocol::Tcp)?,
            labels: self.network_evaluator().policies.fqdn_labels.clone(),
        })
    }

    /// Adds a successful answer to `request` at `history.now` to the DNS cache of the client's node, if the DNS proxy
    /// observes the lookup. Another answer changes nothing.
    ///
    /// # Errors
    ///
    /// `request.from` is not a pod, or the server is unknown.
    pub fn observe_response(
        &self,
        history: &mut History,
        request: &DnsRequest,
        answer: &DnsAnswer,
    ) -> Result<LearnedAddresses, FlowError> {
        let query = request.questions.first().map(|name| canonical(name));
        let is_observed = self.authorize_lookup(request).verdict == DnsVerdict::Forward { observed: true };
        if !is_observed || query.as_deref() != Some(&answer.name) {
            return Ok(LearnedAddresses { name: answer.name.clone(), ..LearnedAddresses::default() });
        }
        let node = self.node_name(&request.from)?;
        Ok(self.record_answer(history, &node, &request.from, answer))
    }

    /// Returns the name of the node whose agent enforces the policies of the pod `from`. Pods without a node share the node
    /// with the empty name.
    ///
    /// # Errors
    ///
    /// The manifests have no such pod.
    pub fn node_name(&self, from: &str) -> Result<String, FlowError> {
        Ok(self.resolver().source(&EndpointRef::Workload(from.to_string()))?.node_name().to_string())
    }

    /// Adds `answer` to the DNS cache of `node` for its pod `endpoint`, and returns the added addresses.
    pub(super) fn record_answer(
        &self,
        history: &mut History,
        node: &str,
        endpoint: &str,
        answer: &DnsAnswer,
    ) -> LearnedAddresses {
        let labels = &self.network_evaluator().policies.fqdn_labels;
        record(self.cluster(), self.options(), labels, history, (node, endpoint), answer)
    }

    /// Resolves the client and the server of `request`.
    pub(super) fn resolve_server(&self, request: &DnsRequest) -> Result<ResolvedServer, FlowError> {
        let (resolver, network) = (self.resolver(), self.network_evaluator());
        let from = resolver.source(&EndpointRef::Workload(request.from.clone()))?;
        let (server, port) = self.server(request)?;
        let transport = Transport { protocol: request.protocol, port };
        let port_names = resolver.port_names(&server, transport);
        Ok(ResolvedServer {
            transport,
            enforced: from.kind.is_enforced(self.options()),
            program: Arc::clone(network.policies.program(&from, self.options())),
            server: network.policies.peer(resolver, &server, &from, &[]),
            port_names: port_names.into_iter().map(Into::into).collect(),
            observed: network.is_observed(&from, &server, transport),
        })
    }

    /// Returns the server of `request`, and its port after Service translation.
    fn server(&self, request: &DnsRequest) -> Result<(Endpoint<'_>, u16), FlowError> {
        let Some(server) = &request.server else {
            return Ok((self.resolver().dns_server(), request.port));
        };
        let to = Flow { to: server.clone(), protocol: request.protocol, ..Flow::new("", "", request.port) };
        let Destination { endpoint, port } = self.resolver().destination(&to)?;
        Ok((endpoint, port.unwrap_or(request.port)))
    }
}
