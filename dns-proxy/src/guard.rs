//! The engine's part: the policy of one pod, and what DNS taught its node.

use crate::{ProxyError, clock::Clock};
use core::net::IpAddr;
use palisade::{
    CacheLimits, Cluster, LayerDecision, NameCache, Options, Protocol, RestoreError, Taught,
    flow::{DnsDecision, DnsRequest, Event, Flow, FlowError, History, Opened, Place, Simulation, Tls},
};
use serde::{Deserialize, Serialize};

/// The policy of one pod, and what DNS taught its node.
#[derive(Debug)]
pub struct Guard {
    simulation: Simulation<'static>,
    history: History,
    pod: String,
    node: String,
    server: Option<Place>,
    port: u16,
    clock: Clock,
}

/// A connection that is asked about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectQuestion {
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    #[serde(default = "tcp")]
    pub(crate) protocol: String,
    pub(crate) sni: Option<String>,
}

fn tcp() -> String {
    "TCP".to_owned()
}

/// Whether it may be opened now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectAnswer {
    /// `allow`, or why not, as `palisade check` says it.
    pub(crate) verdict: &'static str,
    /// The layer that decided.
    pub(crate) layer: &'static str,
    /// The rule that decided, or the default in words.
    pub(crate) decided_by: String,
    /// The names that are in force for the address.
    pub(crate) names: Vec<String>,
}

impl Guard {
    /// The guard of `pod`, named `namespace/name`. Its lookups go, as far as policy is concerned, to `port` of `server`:
    /// the cluster's DNS where none is given.
    ///
    /// # Errors
    ///
    /// The cluster has no such pod or server.
    pub fn new(
        cluster: &'static Cluster,
        options: Options,
        pod: &str,
        server: Option<Place>,
        port: u16,
    ) -> Result<Self, ProxyError> {
        let wrong = |error: FlowError| ProxyError::new(error.to_string(), error.help());
        let simulation = Simulation::new(cluster, options);
        let node = simulation.node_of(pod).map_err(wrong)?;
        let clock = Clock::new();
        let mut guard =
            Self { simulation, history: History::default(), pod: pod.to_owned(), node, server, port, clock };
        guard.advance();
        if let Some(place) = &guard.server {
            let to = Flow { to: place.clone(), protocol: Protocol::Udp, ..Flow::new(pod, "", port) };
            guard.simulation.decide(&to, &guard.history).map_err(wrong)?;
        }
        Ok(guard)
    }

    /// The pod.
    pub fn pod(&self) -> &str {
        &self.pod
    }

    fn request(&self, protocol: Protocol, questions: Vec<String>) -> DnsRequest {
        DnsRequest {
            from: self.pod.clone(),
            server: self.server.clone(),
            port: self.port,
            protocol,
            questions,
        }
    }

    /// May this be looked up?
    pub(crate) fn may_ask(&self, protocol: Protocol, questions: Vec<String>) -> DnsDecision {
        self.simulation.may_ask(&self.request(protocol, questions))
    }

    /// A successful answer came.
    pub(crate) fn answered(&mut self, protocol: Protocol, taught: &Taught) -> Result<Opened, FlowError> {
        self.advance();
        let request = self.request(protocol, vec![taught.name.clone()]);
        self.simulation.answered(&mut self.history, &request, taught)
    }

    /// May this connection be opened now?
    pub(crate) fn may_connect(&mut self, question: &ConnectQuestion) -> Result<ConnectAnswer, FlowError> {
        self.advance();
        let protocol = Protocol::parse(&question.protocol).ok_or_else(|| {
            FlowError::new(format!("no protocol `{}`", question.protocol), "TCP, UDP or SCTP")
        })?;
        let flow = Flow {
            to: Place::Ip(question.ip),
            protocol,
            tls: question.sni.clone().map(|sni| Tls { sni: Some(sni) }),
            ..Flow::new(&self.pod, "", question.port)
        };
        let decision = self.simulation.decide(&flow, &self.history)?;
        // A connection is the network's business: what the mesh says needs a request.
        let [egress, ingress, ..] = &decision.layers;
        let (layer, said) = if egress.1.passes() && !ingress.1.passes() { ingress } else { egress };
        let names = self.history.names(&self.node, question.ip).map(str::to_owned).collect();
        Ok(ConnectAnswer {
            verdict: said.outcome.verdict().as_str(),
            layer: layer.as_str(),
            decided_by: told(said),
            names,
        })
    }

    /// A connection to `ip` is alive from now on, or over.
    pub(crate) fn connection(&mut self, ip: IpAddr, alive: bool) -> Result<(), FlowError> {
        self.advance();
        let from = self.pod.clone();
        let event = if alive { Event::Connect { from, to: ip } } else { Event::Close { from, to: ip } };
        self.simulation.happen(&mut self.history, &event)
    }

    /// What is known now, as bytes.
    pub(crate) fn save(&mut self) -> Vec<u8> {
        self.advance();
        match self.history.cache(&self.node) {
            Some(cache) => cache.save(self.history.now),
            None => NameCache::default().save(self.history.now),
        }
    }

    /// Knows what `bytes` say, and nothing else. Where they are refused it knows nothing.
    pub(crate) fn restore(&mut self, bytes: &[u8]) -> Result<usize, RestoreError> {
        self.advance();
        let limits = CacheLimits::from(self.simulation.options());
        let restored = NameCache::restore(bytes, limits, self.history.now);
        let known = restored.as_ref().map(|cache| cache.len()).map_err(|error| *error);
        self.history.restore(&self.node, restored.unwrap_or_else(|_| NameCache::new(limits)));
        known
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    fn advance(&mut self) {
        self.history.wait_until(self.clock.now());
    }
}

/// Whose rule or default decided, in words.
pub(crate) fn told(layer: &LayerDecision) -> String {
    layer.by.as_ref().map_or_else(|| layer.outcome.as_str().to_owned(), ToString::to_string)
}
