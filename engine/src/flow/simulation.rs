//! Decides flows through all layers.

use super::{
    Event, Flow, FlowDecision, FlowError, FlowExplanation, History, LayerExplanation, mesh,
    network::Networks, proxy,
};
use crate::{
    cluster::{CalledService, Cluster, Workload},
    decision::{DecidedBy, DefaultReason, Layer, LayerDecision, Outcome},
    http,
    options::Options,
    policy_set::PolicySet,
};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, net::IpAddr};

/// A cluster under one set of options, ready to decide flows. Policies are compiled once per workload, when first
/// needed.
#[derive(Debug)]
pub struct Simulation<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) options: Options,
    pub(super) sets: RefCell<BTreeMap<(String, String), PolicySet>>,
    pub(super) networks: Networks,
    /// The settings of each workload's proxy, which may stand in an annotation in YAML.
    managers: RefCell<BTreeMap<String, http::Proxy>>,
}

impl<'c> Simulation<'c> {
    /// A simulation of `cluster`.
    pub fn new(cluster: &'c Cluster, options: Options) -> Self {
        Self {
            cluster,
            options,
            sets: RefCell::default(),
            networks: Networks::default(),
            managers: RefCell::default(),
        }
    }

    /// The cluster.
    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Lets `event` happen.
    ///
    /// # Errors
    ///
    /// The event names an end that the cluster does not have.
    pub fn happen(&self, history: &mut History, event: &Event) -> Result<(), FlowError> {
        self.changes(history, event).map(drop)
    }

    /// Lets `event` happen. Returns the addresses for which the known names may have changed.
    ///
    /// # Errors
    ///
    /// As [`Self::happen`].
    pub fn changes(&self, history: &mut History, event: &Event) -> Result<Vec<IpAddr>, FlowError> {
        self.happen_network(history, event)
    }

    /// Decides `flow` as things stand after `history`.
    ///
    /// # Errors
    ///
    /// The flow names an end that the cluster does not have, or contradicts itself.
    pub fn decide(&self, flow: &Flow, history: &History) -> Result<FlowDecision, FlowError> {
        self.explain(flow, history).map(|e| e.decision)
    }

    /// The same with every rule that was looked at.
    ///
    /// # Errors
    ///
    /// As [`Self::decide`].
    pub fn explain(&self, flow: &Flow, history: &History) -> Result<FlowExplanation, FlowError> {
        let [egress, ingress] = self.network(flow, history)?;
        let mesh = self.mesh(flow)?;
        let mesh::Answer { layers: [peer, authorization], status, shadow } = mesh;
        let layers = [egress, ingress, peer, authorization];
        let (decider, outcome) = decider(&layers);
        let by = decider.decision.by.clone().unwrap_or(DecidedBy::Default(DefaultReason::NoPolicy));
        let reached = decider.layer == Layer::AuthorizationPolicy;
        let decision = FlowDecision {
            verdict: outcome.verdict(),
            status: if reached { status } else { decider.status.filter(|_| outcome == Outcome::Deny) },
            decided_by: (decider.layer, by),
            layers: layers.each_ref().map(|l| (l.layer, l.decision.clone())),
            shadow: shadow.filter(|_| reached || outcome == Outcome::Allow),
            notes: layers.iter().flat_map(|l| l.notes.iter().cloned()).collect(),
        };
        Ok(FlowExplanation { decision, layers: Vec::from(layers) })
    }

    /// The settings of the connection manager of `workload`'s proxy.
    pub fn connection_manager(&self, workload: &Workload) -> http::Proxy {
        let mut managers = self.managers.borrow_mut();
        let name = alloc::format!("{}/{}", workload.namespace, workload.name);
        let settings = || proxy::settings(self.cluster, workload, &self.options);
        managers.entry(name).or_insert_with(settings).clone()
    }

    /// The compiled mesh policies of `workload`, called for `service` where it is a waypoint.
    pub(super) fn policy_set(&self, workload: &Workload, service: Option<CalledService<'_>>) -> PolicySet {
        let called =
            service.map_or_else(String::new, |s| alloc::format!("{}/{}/{}", s.kind, s.namespace, s.name));
        let key = (alloc::format!("{}/{}", workload.namespace, workload.name), called);
        let mut sets = self.sets.borrow_mut();
        let compile = || PolicySet::for_service(self.cluster, workload, service, &self.options);
        sets.entry(key).or_insert_with(compile).clone()
    }
}

/// The layer that decides: the first that does not let the flow pass, else the last that had a say.
fn decider(layers: &[LayerExplanation; 4]) -> (&LayerExplanation, Outcome) {
    if let Some(first) = layers.iter().find(|l| !l.decision.passes()) {
        return (first, first.decision.outcome);
    }
    let ruled = |l: &&LayerExplanation| matches!(l.decision.by, Some(DecidedBy::Rule(_)));
    let allowing = |l: &&LayerExplanation| l.decision.outcome == Outcome::Allow;
    let last =
        layers.iter().rev().find(|l| allowing(l) && ruled(l)).or_else(|| layers.iter().rev().find(allowing));
    let [.., authorization] = layers;
    (last.unwrap_or(authorization), Outcome::Allow)
}

/// A layer that has nothing to say.
pub(super) fn silent(layer: Layer, workload: &str, outcome: Outcome) -> LayerExplanation {
    LayerExplanation {
        layer,
        workload: workload.to_string(),
        decision: LayerDecision::bare(outcome),
        status: None,
        rules: Vec::new(),
        notes: Vec::new(),
    }
}
