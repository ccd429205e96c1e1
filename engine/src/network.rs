//! The network policies of one endpoint, compiled: decides a connection or lookup, one direction at a time.

use crate::{
    cluster::{Cluster, EndKind, Workload},
    compile::{CompileSwitches, Context, Program},
    decision::{DefaultReason, LayerDecision, Outcome},
    explain::RuleTrace,
    ir::{DirectionLayer, Effect, NetworkLayer, Posture, Proxy, Rule, Unlearnable},
    lower::cilium::{self, Endpoint},
    options::Options,
    request::{Attributes, Read, Unavailable},
    rule_id::{PolicyRef, RuleId},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

/// Which of an endpoint's two policies is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// What the endpoint may reach; the peer is the destination.
    Egress,
    /// Who may reach it; the peer is the source.
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

/// The way of a flow through the rules of a direction.
#[derive(Debug, Default)]
struct Walk<'p> {
    /// The rule that decides, of the DNS proxy where the flow was redirected.
    decider: Option<(&'p RuleId, &'p Effect)>,
    /// The first rule by which a proxy did not let the flow through.
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

    /// Walks to the rule that decides: the first that holds, where Pass leads on to the next tier, Proceed to the next
    /// stage, Refuse to the next level and Redirect to the rules of the DNS proxy.
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

    fn decide<A: Attributes + ?Sized>(&self, request: &A) -> Read<LayerDecision> {
        if self.posture == Posture::Open {
            return Ok(LayerDecision::bare(Outcome::NotSelected));
        }
        let walk = self.walk(request)?;
        // A request that a proxy lets through is not denied by a rule of lower precedence, so the flow is undecided
        // while its payload is unknown.
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

/// Whether it is known what the flow carries; without that a proxy cannot refuse it yet. A server name that is known to
/// be missing is empty.
fn has_payload<A: Attributes + ?Sized>(request: &A) -> Read<bool> {
    Ok(request.dns_query()?.is_some() || request.method()?.is_some() || request.server_name()?.is_some())
}

impl NetworkLayer {
    /// Returns the rules of the network policies of `cluster` for the pod `workload`. A rejected policy has no effect.
    pub fn of(cluster: &Cluster, workload: &Workload, options: &Options) -> Self {
        let labels = cluster.pod_identity(workload, options);
        let endpoint = Endpoint { kind: EndKind::Pod, labels: &labels, ports: &workload.ports };
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

    /// Decides `request` in one direction. What cannot be read denies. Allocates nothing, unless the policy cannot be
    /// computed.
    pub fn decide<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> LayerDecision {
        if let Some(error) = &self.error {
            return LayerDecision::by_default(Outcome::PolicyError, DefaultReason::Other((**error).into()));
        }
        self.of(direction).decide(request).unwrap_or_else(|Unavailable| {
            LayerDecision::by_default(Outcome::Deny, DefaultReason::Unavailable)
        })
    }

    /// Whether a lookup goes to the DNS proxy, so that its answer teaches names.
    pub fn observes<A: Attributes + ?Sized>(&self, request: &A) -> bool {
        self.egress.has_redirect && self.egress.walk(request).is_ok_and(|walk| walk.redirected)
    }

    /// Whether the proxy ends the flow's TLS, so that it reads the requests in it.
    pub fn terminates<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> bool {
        let terminated = &self.of(direction).terminated;
        matches!(terminated.first_match(&Context::new(request), 0..terminated.len()), Ok(Some(_)))
    }

    /// The proxy that refuses `request`, where one does.
    pub fn refusing<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> Option<Proxy> {
        let program = self.of(direction);
        let walk = program.walk(request).ok()?;
        let denied = walk.decider.is_none_or(|(_, effect)| *effect == Effect::Deny);
        let (_, proxy) = walk.refused.filter(|_| denied)?;
        Some(proxy).filter(|_| has_payload(request) == Ok(true))
    }

    /// Whether any lookup goes to the DNS proxy.
    pub fn observes_any(&self) -> bool {
        self.egress.has_redirect
    }

    /// Every rule of one direction, looked at in full, in order of precedence.
    pub fn explain<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> Vec<RuleTrace> {
        let program = self.of(direction);
        // A refusal by a proxy shows as the rule that did not let the flow through.
        let shown = |t: &RuleTrace| !matches!(t.effect, Effect::Refuse(_));
        let traces = program.rules.traces(request).into_iter().filter(shown);
        let (stages, mut traces): (Vec<_>, Vec<_>) =
            traces.partition(|t| matches!(t.effect, Effect::Proceed | Effect::Redirect));
        let known: BTreeSet<RuleId> = traces.iter().map(|t| t.id.clone()).collect();
        // A rule that lifts the names of others stands among the rules of the DNS proxy too.
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
            // A rule of two stages is told by the one that it fails.
            if let Some(stage) = nearest.get(&trace.id).filter(|s| s.distance() > trace.distance()) {
                *trace = RuleTrace { effect: Effect::Allow, ..(*stage).clone() };
            }
        }
        traces
    }

    /// The policies that select the endpoint in one direction.
    pub fn policies(&self, direction: Direction) -> &[Arc<PolicyRef>] {
        &self.of(direction).policies
    }

    /// toFQDNs rules whose names nobody may ask for.
    pub fn unlearnable(&self) -> &[Unlearnable] {
        &self.egress.unlearnable
    }
}
