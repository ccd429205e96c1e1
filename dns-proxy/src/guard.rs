//! The engine's part: the policy of one pod.

use crate::{ProxyError, names::Names};
use core::net::IpAddr;
use palisade::{
    CacheLimits, Cluster, LayerDecision, Options, Protocol,
    flow::{DnsPolicy, DnsRequest, Flow, FlowError, Place, Simulation, Tls},
};
use serde::{Deserialize, Serialize};

/// Names in one answer about a connection.
const MAX_NAMES: usize = 100;

/// The policy of one pod.
#[derive(Clone, Debug)]
pub struct Guard {
    cluster: &'static Cluster,
    options: Options,
    pod: String,
    node: String,
    policy: DnsPolicy<'static>,
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
    /// The first [`MAX_NAMES`] names that are in force for the address.
    pub(crate) names: Vec<String>,
    /// How many more there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) more_names: Option<usize>,
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
        let simulation = Simulation::new(cluster, options.clone());
        let node = simulation.node_of(pod).map_err(wrong)?;
        let request =
            DnsRequest { from: pod.to_owned(), server, port, protocol: Protocol::Udp, questions: Vec::new() };
        let policy = simulation.dns_policy(&request).map_err(wrong)?;
        Ok(Self { cluster, options, pod: pod.to_owned(), node, policy })
    }

    /// The pod.
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// The policy of its lookups.
    pub(crate) fn policy(&self) -> &DnsPolicy<'static> {
        &self.policy
    }

    /// An empty cache of its node.
    pub(crate) fn names(&self) -> Names {
        Names::new(self.node.clone(), CacheLimits::from(&self.options))
    }

    /// Decides connections; each thread has its own.
    pub(crate) fn connections(&self) -> Connections {
        Connections { simulation: Simulation::new(self.cluster, self.options.clone()), pod: self.pod.clone() }
    }
}

/// Decides the connections of a pod.
#[derive(Debug)]
pub(crate) struct Connections {
    simulation: Simulation<'static>,
    pod: String,
}

impl Connections {
    /// The pod.
    pub(crate) fn pod(&self) -> &str {
        &self.pod
    }

    /// Whether a connection may be opened now.
    pub(crate) fn decide(
        &self,
        names: &Names,
        question: &ConnectQuestion,
    ) -> Result<ConnectAnswer, FlowError> {
        let protocol = Protocol::parse(&question.protocol).ok_or_else(|| {
            FlowError::new(format!("unknown protocol `{}`", question.protocol), "TCP, UDP or SCTP")
        })?;
        let flow = Flow {
            to: Place::Ip(question.ip),
            protocol,
            tls: question.sni.clone().map(|sni| Tls { sni: Some(sni) }),
            ..Flow::new(&self.pod, "", question.port)
        };
        // The names are copied, so that no lookup waits while they are matched.
        let (names, history) = names.view(question.ip);
        let decision = self.simulation.decide(&flow, &history)?;
        // A connection is the network's business: what the mesh says needs a request.
        let [egress, ingress, ..] = &decision.layers;
        let (layer, said) = if egress.1.passes() && !ingress.1.passes() { ingress } else { egress };
        let more = names.len().saturating_sub(MAX_NAMES);
        Ok(ConnectAnswer {
            verdict: said.outcome.verdict().as_str(),
            layer: layer.as_str(),
            decided_by: decider(said),
            names: names.iter().take(MAX_NAMES).map(ToString::to_string).collect(),
            more_names: Some(more).filter(|more| *more > 0),
        })
    }
}

/// The rule or default that decided, in words.
pub(crate) fn decider(layer: &LayerDecision) -> String {
    layer.by.as_ref().map_or_else(|| layer.outcome.as_str().to_owned(), ToString::to_string)
}
