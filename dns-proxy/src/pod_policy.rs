//! The policies of one pod: its DNS lookups and its connections.

use crate::{ProxyError, names::Names};
use core::net::IpAddr;
use palisade::{
    CacheLimits, Cluster, LayerDecision, Options, Protocol,
    flow::{DnsPolicy, DnsRequest, EndpointRef, Flow, FlowError, Simulation, Tls},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The number of names in one response about a connection.
const MAX_NAMES: usize = 100;

/// The policies of one pod. Threads share a clone.
#[derive(Clone, Debug)]
pub struct PodPolicy {
    simulation: Arc<Simulation>,
    pod: String,
    node: String,
    lookups: DnsPolicy,
}

/// A connection to decide.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectRequest {
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    #[serde(default = "tcp")]
    pub(crate) protocol: String,
    pub(crate) sni: Option<String>,
}

fn tcp() -> String {
    "TCP".to_owned()
}

/// The decision about a connection.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectResponse {
    /// The verdict, as `palisade check` prints it.
    pub(crate) verdict: &'static str,
    /// The deciding layer.
    pub(crate) layer: &'static str,
    /// The deciding rule, or the default reason in words.
    pub(crate) decided_by: String,
    /// The first [`MAX_NAMES`] names of the address in the DNS cache.
    pub(crate) names: Vec<String>,
    /// The number of further names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) more_names: Option<usize>,
}

impl PodPolicy {
    /// Compiles the policies of `pod`, a reference `namespace/name`. Policies see its lookups as lookups at `port` of
    /// `server`, which is the DNS server of the cluster by default.
    ///
    /// # Errors
    ///
    /// The cluster has no such pod or server.
    pub fn new(
        cluster: impl Into<Arc<Cluster>>,
        options: Options,
        pod: &str,
        server: Option<EndpointRef>,
        port: u16,
    ) -> Result<Self, ProxyError> {
        let invalid = |error: FlowError| ProxyError::new(error.to_string(), error.help());
        let simulation = Simulation::new(cluster, options);
        let node = simulation.node_name(pod).map_err(invalid)?;
        let request =
            DnsRequest { from: pod.to_owned(), server, port, protocol: Protocol::Udp, questions: Vec::new() };
        let lookups = simulation.dns_policy(&request).map_err(invalid)?;
        Ok(Self { simulation: Arc::new(simulation), pod: pod.to_owned(), node, lookups })
    }

    /// Returns the pod as `namespace/name`.
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// Returns the policies for DNS lookups.
    pub(crate) fn lookups(&self) -> &DnsPolicy {
        &self.lookups
    }

    /// Returns an empty DNS cache for the node of the pod.
    pub(crate) fn empty_cache(&self) -> Names {
        Names::new(self.node.clone(), CacheLimits::from(self.simulation.options()))
    }

    /// Decides whether the pod may open a connection now.
    pub(crate) fn decide_connection(
        &self,
        names: &Names,
        request: &ConnectRequest,
    ) -> Result<ConnectResponse, FlowError> {
        let protocol = Protocol::parse(&request.protocol).ok_or_else(|| {
            FlowError::new(format!("unknown protocol `{}`", request.protocol), "TCP, UDP or SCTP")
        })?;
        let flow = Flow {
            to: EndpointRef::Ip(request.ip),
            protocol,
            tls: request.sni.clone().map(|sni| Tls { sni: Some(sni) }),
            ..Flow::new(&self.pod, "", request.port)
        };
        // The decision uses a copy of the names, so that no lookup waits for it.
        let (names, history) = names.view(request.ip);
        let decision = self.simulation.decide(&flow, &history)?;
        // The network layers alone decide a connection; mesh policies need its request.
        let [egress, ingress, ..] = &decision.layers;
        let (layer, decision) = if egress.1.passes() && !ingress.1.passes() { ingress } else { egress };
        let more = names.len().saturating_sub(MAX_NAMES);
        Ok(ConnectResponse {
            verdict: decision.outcome.verdict().as_str(),
            layer: layer.as_str(),
            decided_by: describe_reason(decision),
            names: names.iter().take(MAX_NAMES).map(ToString::to_string).collect(),
            more_names: Some(more).filter(|more| *more > 0),
        })
    }
}

/// Describes the deciding rule or default reason in words.
pub(crate) fn describe_reason(layer: &LayerDecision) -> String {
    layer.by.as_ref().map_or_else(|| layer.outcome.as_str().to_owned(), ToString::to_string)
}
