//! The network policies of one endpoint, compiled: decides a connection or lookup, one direction at a time.

use crate::{
    cluster::{Cluster, EndKind, Workload},
    compile::{CompileSwitches, Context, Program},
    decision::{DefaultReason, LayerDecision, Outcome},
    explain::RuleTrace,
    ir::{DirectionLayer, Effect, NetworkLayer, Posture, Proxy, Rule, Unlearnable},
    lower::cilium::{Endpoint, Findings, Lowered},
    options::Options,
    request::{Attributes, Read, Unavailable},
    rule_id::{PolicyRef, RuleId},
};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

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
    observed: Program,
    terminated: Program,
    tiers: Box<[u32]>,
    stages: Box<[u32]>,
    from_host: bool,
    policies: Box<[Arc<PolicyRef>]>,
    unlearnable: Box<[Unlearnable]>,
}

impl DirectionProgram {
    fn new(layer: &DirectionLayer, switches: CompileSwitches) -> Self {
        let program = |rules: &[Rule]| Program::new(&rules.iter().collect::<Vec<_>>(), switches);
        Self {
            posture: layer.posture,
            rules: program(&layer.rules),
            observed: program(&layer.observed),
            terminated: program(&layer.terminated),
            tiers: layer.tiers.clone().into(),
            stages: layer.stages.clone().into(),
            from_host: layer.from_host,
            policies: layer.policies.clone().into(),
            unlearnable: layer.unlearnable.clone().into(),
        }
    }

    /// The number of the rule that decides, if one does: the first that holds, where Pass leads on to the next tier and
    /// Proceed to the next stage.
    fn deciding<A: Attributes + ?Sized>(&self, request: &A) -> Read<Option<u32>> {
        let cx = Context::new(request);
        let (mut floor, end) = (0, self.rules.len());
        while let Some(rule) = self.rules.first_match(&cx, floor..end)? {
            let starts = match self.rules.rule(rule) {
                Some((_, Effect::Pass)) => &self.tiers,
                Some((_, Effect::Proceed)) => &self.stages,
                _ => return Ok(Some(rule)),
            };
            let Some(next) = starts.iter().find(|start| **start > rule) else { return Ok(None) };
            floor = *next;
        }
        Ok(None)
    }

    fn decide<A: Attributes + ?Sized>(&self, request: &A) -> Read<LayerDecision> {
        if self.posture == Posture::Open {
            return Ok(LayerDecision::bare(Outcome::NotSelected));
        }
        if let Some((id, effect)) = self.deciding(request)?.and_then(|rule| self.rules.rule(rule)) {
            let outcome = match effect {
                Effect::Deny => Outcome::Deny,
                Effect::Refuse(_) if has_payload(request)? => Outcome::Deny,
                Effect::Refuse(_) => Outcome::NeedsRequest,
                _ => Outcome::Allow,
            };
            return Ok(LayerDecision::by_rule(outcome, id.clone()));
        }
        if self.posture == Posture::DefaultAllow {
            return Ok(LayerDecision::by_default(Outcome::Allow, DefaultReason::NotArmed));
        }
        if self.from_host && is_host(request)? {
            return Ok(LayerDecision::by_default(Outcome::Allow, DefaultReason::LocalHost));
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
        let labels = cluster.pod_identity(workload, options);
        let endpoint = Endpoint { kind: EndKind::Pod, labels: &labels, ports: &workload.ports };
        let lowered = Lowered::new(cluster, options, &mut Findings::default());
        Self::new(&lowered.layer(&endpoint, options), options.switches)
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

    /// Whether a lookup passes the DNS proxy, so that its answer teaches names.
    pub fn observes<A: Attributes + ?Sized>(&self, request: &A) -> bool {
        let observed = &self.egress.observed;
        matches!(observed.first_match(&Context::new(request), 0..observed.len()), Ok(Some(_)))
    }

    /// Whether the proxy ends the flow's TLS, so that it reads the requests in it.
    pub fn terminates<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> bool {
        let terminated = &self.of(direction).terminated;
        matches!(terminated.first_match(&Context::new(request), 0..terminated.len()), Ok(Some(_)))
    }

    /// The proxy that refuses `request`, where one does.
    pub fn refusing<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> Option<Proxy> {
        let program = self.of(direction);
        let rule = program.deciding(request).ok().flatten()?;
        match program.rules.rule(rule)? {
            (_, Effect::Refuse(proxy)) => Some(*proxy).filter(|_| has_payload(request) == Ok(true)),
            _ => None,
        }
    }

    /// Whether any lookup passes the DNS proxy.
    pub fn observes_any(&self) -> bool {
        !self.egress.observed.is_empty()
    }

    /// Every rule of one direction, looked at in full, in order of precedence.
    pub fn explain<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> Vec<RuleTrace> {
        let traces = self.of(direction).rules.traces(request);
        // The refusal of a proxy is told by the rule that did not let the flow through.
        let told = traces.into_iter().filter(|t| !matches!(t.effect, Effect::Refuse(_)));
        let (stages, mut traces): (Vec<_>, Vec<_>) = told.partition(|t| t.effect == Effect::Proceed);
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
