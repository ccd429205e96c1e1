//! The results of the layers, and their combined decision.

use super::{
    explanation::{FlowExplanation, LayerExplanation},
    types::FlowDecision,
};
use crate::{
    decision::{DecidedBy, DefaultReason, Layer, LayerDecision, Outcome},
    explain::RuleTrace,
};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

/// The result of one layer.
#[derive(Clone, Debug)]
pub(super) struct Evaluation {
    pub(super) layer: Layer,
    /// The selected workload, as `namespace/name`; empty for an endpoint without policies.
    pub(super) workload: String,
    pub(super) decision: LayerDecision,
    /// The HTTP status if a proxy of this layer responds to the request itself.
    pub(super) status: Option<u16>,
    /// The decision of the dry-run policies.
    pub(super) shadow: Option<LayerDecision>,
    pub(super) notes: Vec<String>,
}

/// Receives the rules of a layer during its evaluation.
pub(super) trait Observer {
    /// Receives the rules of `layer`. A second call for a layer replaces the first.
    fn rules(&mut self, layer: Layer, trace: impl FnOnce() -> Vec<RuleTrace>);
}

/// The observer of a decision, which traces no rules.
#[derive(Debug)]
pub(super) struct NoTraces;

/// The observer of an explanation.
#[derive(Debug, Default)]
pub(super) struct Traces(BTreeMap<Layer, Vec<RuleTrace>>);

impl Observer for NoTraces {
    fn rules(&mut self, _: Layer, _: impl FnOnce() -> Vec<RuleTrace>) {}
}

impl Observer for Traces {
    fn rules(&mut self, layer: Layer, trace: impl FnOnce() -> Vec<RuleTrace>) {
        self.0.insert(layer, trace());
    }
}

impl Evaluation {
    /// Returns the result of a layer that evaluates no rules.
    pub(super) fn without_rules(layer: Layer, workload: &str, outcome: Outcome) -> Self {
        Self {
            layer,
            workload: workload.to_string(),
            decision: LayerDecision::bare(outcome),
            status: None,
            shadow: None,
            notes: Vec::new(),
        }
    }
}

/// Returns the combined decision of all layers: the first layer that does not allow the flow decides.
pub(super) fn combine(layers: &[Evaluation; 4]) -> FlowDecision {
    let (decider, outcome) = decider(layers);
    let [.., authorization] = layers;
    let is_authorization = decider.layer == Layer::AuthorizationPolicy;
    let by = decider.decision.by.clone().unwrap_or(DecidedBy::Default(DefaultReason::NoPolicy));
    FlowDecision {
        verdict: outcome.verdict(),
        status: decider.status.filter(|_| is_authorization || outcome == Outcome::Deny),
        decided_by: (decider.layer, by),
        layers: layers.each_ref().map(|l| (l.layer, l.decision.clone())),
        shadow: authorization.shadow.clone().filter(|_| is_authorization || outcome == Outcome::Allow),
        notes: layers.iter().flat_map(|l| l.notes.iter().cloned()).collect(),
    }
}

/// Returns the combined decision of all layers with the rules that `traces` received.
pub(super) fn explain(layers: [Evaluation; 4], mut traces: Traces) -> FlowExplanation {
    let decision = combine(&layers);
    let layers = layers.into_iter().map(|evaluation| LayerExplanation {
        rules: traces.0.remove(&evaluation.layer).unwrap_or_default(),
        layer: evaluation.layer,
        workload: evaluation.workload,
        decision: evaluation.decision,
        status: evaluation.status,
        notes: evaluation.notes,
    });
    FlowExplanation { decision, layers: layers.collect() }
}

/// Returns the deciding layer: the first that does not allow the flow, else the last that allows it by a rule, else the
/// last that allows it.
fn decider(layers: &[Evaluation; 4]) -> (&Evaluation, Outcome) {
    if let Some(first) = layers.iter().find(|l| !l.decision.passes()) {
        return (first, first.decision.outcome);
    }
    let has_rule = |l: &&Evaluation| matches!(l.decision.by, Some(DecidedBy::Rule(_)));
    let allows = |l: &&Evaluation| l.decision.outcome == Outcome::Allow;
    let last = layers.iter().rev().find(|l| allows(l) && has_rule(l));
    let last = last.or_else(|| layers.iter().rev().find(allows));
    let [.., authorization] = layers;
    (last.unwrap_or(authorization), Outcome::Allow)
}
