//! The compiled network policies of one endpoint, which decide connections and DNS lookups in one direction.

use crate::{
    cluster::{Cluster, EndpointKind, Workload},
    compile::{Context, Program},
    decision::{DefaultReason, LayerDecision, Outcome},
    explain::RuleTrace,
    ir::{DirectionLayer, Effect, NetworkLayer, Posture, Proxy, Rule, Unlearnable},
    lower::cilium::{self, Endpoint},
    options::Options,
    request::{Attributes, Read, Unavailable},
    rule_id::{PolicyRef, RuleId},
    switches::CompileSwitches,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

/// The direction of a flow from the endpoint that a policy selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the endpoint; the peer is the destination.
    Egress,
    /// To the endpoint; the peer is the source.
    Ingress,
}

/// The compiled network policies of one endpoint. Immutable.
#[derive(Debug)]
pub struct NetworkProgram {
    egress: DirectionProgram,
    ingress: DirectionProgram,
    error: Option<Box<str>>,
}

#[derive(Debug)]
struct DirectionProgram {
    posture: Posture,
    rules: Program,
    lookups: Program,
    terminated: Program,
    tiers: Box<[u32]>,
    stages: Box<[u32]>,
    resumes: Box<[u32]>,
    has_redirect: bool,
    from_host: bool,
    policies: Box<[Arc<PolicyRef>]>,
    unlearnable: Box<[Unlearnable]>,
}

/// The result of [`NetworkProgram::evaluate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkEvaluation {
    /// The decision.
    pub decision: LayerDecision,
    /// The proxy that denies the flow, if its L7 rules do.
    pub denied_by: Option<Proxy>,
}

/// The rules of a direction that a flow reaches.
#[derive(Debug, Default)]
struct Walk<'p> {
    /// The deciding rule; for a redirected flow, the deciding rule of the DNS proxy.
    decider: Option<(&'p RuleId, &'p Effect)>,
    /// The first rule by which a proxy refuses the flow.
    refused: Option<(&'p RuleId, Proxy)>,
    /// Whether the flow goes to the DNS proxy.
    redirected: bool,
}

impl DirectionProgram {
    fn new(layer: &DirectionLayer, switches: CompileSwitches) -> Self {
        let program = |rules: &[Rule]| Program::new(&rules.iter().collect::<Vec<_>>(), switches);
        Self {
            posture: layer.posture,
            rules: program(&layer.rules),
            lookups: program(&layer.lookups),
            terminated: program(&layer.terminated),
            tiers: layer.tiers.clone().into(),
            stages: layer.stages.clone().into(),
            resumes: layer.resumes.clone().into(),
            has_redirect: layer.rules.iter().any(|rule| rule.effect == Effect::Redirect),
            from_host: layer.from_host,
            policies: layer.policies.clone().into(),
            unlearnable: layer.unlearnable.clone().into(),
        }
    }

    /// Returns the deciding rule: the first match. Pass continues at the next tier, Proceed at the next stage, Refuse
    /// at the next level, and Redirect at the rules of the DNS proxy.
    fn walk<A: Attributes + ?Sized>(&self, request: &A) -> Read<Walk<'_>> {
        let cx = Context::new(request);
        let (mut floor, end) = (0, self.rules.len());
        let mut walk = Walk::default();
        while let Some(number) = self.rules.first_match(&cx, floor..end)? {
            let rule = self.rules.rule(number);
            let starts = match rule {
                Some((_, Effect::Pass)) => &self.tiers,
                Some((_, Effect::Proceed)) => &self.stages,
                Some((id, Effect::Refuse(proxy))) => {
                    walk.refused.get_or_insert((id, *proxy));
                    &self.resumes
                }
                Some((_, Effect::Redirect)) => {
                    walk.redirected = true;
                    let found = self.lookups.first_match(&cx, 0..self.lookups.len())?;
                    walk.decider = found.and_then(|number| self.lookups.rule(number));
                    if let Some((id, Effect::Refuse(proxy))) = walk.decider {
                        walk.refused.get_or_insert((id, *proxy));
                        walk.decider = None;
                    }
                    return Ok(walk);
                }
                _ => {
                    walk.decider = rule;
                    return Ok(walk);
                }
            };
            let Some(next) = starts.iter().find(|start| **start > number) else { break };
            floor = *next;
        }
        Ok(walk)
    }

    #[inline]
    fn evaluate<A: Attributes + ?Sized>(&self, request: &A) -> Read<NetworkEvaluation> {
        if self.posture == Posture::Open {
            return Ok(NetworkEvaluation {
                decision: LayerDecision::bare(Outcome::NotSelected),
                denied_by: None,
            });
        }
        let walk = self.walk(request)?;
        let decision = self.decide(&walk, request)?;
        // A proxy refuses a flow only if its payload is known. Without the payload, the decision is not a denial.
        let denied_by = walk.refused.filter(|_| decision.outcome == Outcome::Deny).map(|(_, proxy)| proxy);
        Ok(NetworkEvaluation { decision, denied_by })
    }

    #[inline]
    fn decide<A: Attributes + ?Sized>(&self, walk: &Walk<'_>, request: &A) -> Read<LayerDecision> {
        // A rule of lower precedence does not deny a request that a proxy allows. Therefore the flow is undecided while its
        // payload is unknown.
        let refusal = match walk.refused {
            Some((id, _)) if !has_payload(request)? => {
                Some(LayerDecision::by_rule(Outcome::NeedsRequest, id.clone()))
            }
            Some((id, _)) => Some(LayerDecision::by_rule(Outcome::Deny, id.clone())),
            None => None,
        };
        if let Some((id, effect)) = walk.decider {
            return Ok(match (effect, refusal) {
                (Effect::Deny, Some(undecided)) if undecided.outcome == Outcome::NeedsRequest => undecided,
                (Effect::Deny, _) => LayerDecision::by_rule(Outcome::Deny, id.clone()),
                _ => LayerDecision::by_rule(Outcome::Allow, id.clone()),
            });
        }
        if self.from_host && !walk.redirected && is_host(request)? {
            return Ok(LayerDecision::by_default(Outcome::Allow, DefaultReason::LocalHost));
        }
        if let Some(refusal) = refusal {
            return Ok(refusal);
        }
        if self.posture == Posture::DefaultAllow && !walk.redirected {
            return Ok(LayerDecision::by_default(Outcome::Allow, DefaultReason::NotArmed));
        }
        Ok(LayerDecision::by_default(Outcome::Deny, DefaultReason::NoRuleMatched))
    }
}

fn is_host<A: Attributes + ?Sized>(request: &A) -> Read<bool> {
    Ok(request.peer()?.labels.with_key("host").any(|l| l.source == crate::cluster::identity::RESERVED))
}

/// Returns whether the content of the flow is known, so that a proxy can deny it. A handshake without a server name has
/// an empty name.
fn has_payload<A: Attributes + ?Sized>(request: &A) -> Read<bool> {
    Ok(request.dns_query()?.is_some() || request.method()?.is_some() || request.server_name()?.is_some())
}

impl NetworkLayer {
    /// Returns the rules of the network policies of `cluster` for the pod `workload`. A rejected policy has no effect.
    pub fn of(cluster: &Cluster, workload: &Workload, options: &Options) -> Self {
        let labels = cluster.pod_identity(workload, options);
        let endpoint = Endpoint { kind: EndpointKind::Pod, labels: &labels, ports: &workload.ports };
        cilium::lower(cluster, options).layer(&endpoint, options)
    }
}

impl NetworkProgram {
    /// Compiles `layer`.
    pub fn new(layer: &NetworkLayer, switches: CompileSwitches) -> Self {
        Self {
            egress: DirectionProgram::new(&layer.egress, switches),
            ingress: DirectionProgram::new(&layer.ingress, switches),
            error: layer.error.clone(),
        }
    }

    /// Compiles the network policies of `cluster` that select `workload`.
    pub fn compile(cluster: &Cluster, workload: &Workload, options: &Options) -> Self {
        Self::new(&NetworkLayer::of(cluster, workload, options), options.switches)
    }

    fn of(&self, direction: Direction) -> &DirectionProgram {
        match direction {
            Direction::Egress => &self.egress,
            Direction::Ingress => &self.ingress,
        }
    }

    /// Returns the decision about `request` in one direction.
    ///
    /// An unreadable attribute denies the request. Allocates nothing, unless the agent cannot compute the policies.
    pub fn decide<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> LayerDecision {
        self.evaluate(direction, request).decision
    }

    /// Returns the decision about `request` as [`Self::decide`] does, and the proxy that denies it.
    pub fn evaluate<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> NetworkEvaluation {
        let by_default = |outcome, reason| NetworkEvaluation {
            decision: LayerDecision::by_default(outcome, reason),
            denied_by: None,
        };
        if let Some(error) = &self.error {
            return by_default(Outcome::PolicyError, DefaultReason::Other((**error).into()));
        }
        let evaluation = self.of(direction).evaluate(request);
        evaluation.unwrap_or_else(|Unavailable| by_default(Outcome::Deny, DefaultReason::Unavailable))
    }

    /// Returns whether DNS lookups with the attributes of `request` go to the DNS proxy, which observes their answers.
    pub fn redirects_lookups<A: Attributes + ?Sized>(&self, request: &A) -> bool {
        self.egress.has_redirect && self.egress.walk(request).is_ok_and(|walk| walk.redirected)
    }

    /// Returns whether a proxy terminates the TLS of the flow, so that its rules apply to the requests inside.
    pub fn terminates_tls<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> bool {
        let terminated = &self.of(direction).terminated;
        matches!(terminated.first_match(&Context::new(request), 0..terminated.len()), Ok(Some(_)))
    }

    /// Returns whether any DNS lookup goes to the DNS proxy.
    pub fn has_dns_rules(&self) -> bool {
        self.egress.has_redirect
    }

    /// Returns every rule of one direction with its failed tests, in order of precedence.
    pub fn explain<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> Vec<RuleTrace> {
        let program = self.of(direction);
        // A refusal by a proxy appears as the rule without a match.
        let shown = |t: &RuleTrace| !matches!(t.effect, Effect::Refuse(_));
        let traces = program.rules.traces(request).into_iter().filter(shown);
        let (stages, mut traces): (Vec<_>, Vec<_>) =
            traces.partition(|t| matches!(t.effect, Effect::Proceed | Effect::Redirect));
        let known: BTreeSet<RuleId> = traces.iter().map(|t| t.id.clone()).collect();
        // A rule that lifts the DNS rules of others is also a rule of the DNS proxy.
        let lookups = program.lookups.traces(request).into_iter().filter(shown);
        traces.extend(lookups.filter(|t| !known.contains(&t.id)));
        let mut nearest: BTreeMap<&RuleId, &RuleTrace> = BTreeMap::new();
        for stage in &stages {
            let known = nearest.entry(&stage.id).or_insert(stage);
            if stage.distance() < known.distance() {
                *known = stage;
            }
        }
        for trace in &mut traces {
            // A rule of two stages appears as the stage that fails.
            if let Some(stage) = nearest.get(&trace.id).filter(|s| s.distance() > trace.distance()) {
                *trace = RuleTrace { effect: Effect::Allow, ..(*stage).clone() };
            }
        }
        traces
    }

    /// Returns the policies that select the endpoint in one direction.
    pub fn policies(&self, direction: Direction) -> &[Arc<PolicyRef>] {
        &self.of(direction).policies
    }

    /// Returns the `toFQDNs` rules with names that no DNS rule allows.
    pub fn unlearnable(&self) -> &[Unlearnable] {
        &self.egress.unlearnable
    }
}
