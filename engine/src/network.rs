//! The network policies of one endpoint, compiled: decides a connection or lookup, one direction at a time.

use crate::{
    compile::{CompileSwitches, Context, Program},
    decision::{DefaultReason, LayerDecision, Outcome},
    explain::RuleTrace,
    ir::{DirectionLayer, Effect, NetworkLayer, Posture, Proxy, Unlearnable},
    request::{Attributes, Read, Unavailable},
    rule_id::PolicyRef,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};

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
    tiers: Box<[u32]>,
    from_host: bool,
    policies: Box<[Arc<PolicyRef>]>,
    unlearnable: Box<[Unlearnable]>,
}

impl DirectionProgram {
    fn new(layer: &DirectionLayer, switches: CompileSwitches) -> Self {
        Self {
            posture: layer.posture,
            rules: Program::new(&layer.rules, switches),
            observed: Program::new(&layer.observed, switches),
            tiers: layer.tiers.clone().into(),
            from_host: layer.from_host,
            policies: layer.policies.clone().into(),
            unlearnable: layer.unlearnable.clone().into(),
        }
    }

    /// The number of the rule that decides, if one does: the first that holds, where Pass leads on to the next tier.
    fn deciding<A: Attributes + ?Sized>(&self, request: &A) -> Read<Option<u32>> {
        let cx = Context::new(request);
        let (mut floor, end) = (0, self.rules.len());
        while let Some(rule) = self.rules.first_match(&cx, floor..end)? {
            match self.rules.rule(rule) {
                Some((_, Effect::Pass)) => {
                    let Some(next) = self.tiers.iter().find(|t| **t > rule) else { return Ok(None) };
                    floor = *next;
                }
                _ => return Ok(Some(rule)),
            }
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
                Effect::Refuse(proxy) if has_payload(*proxy, request)? => Outcome::Deny,
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

/// Whether the flow carries what `proxy` looks at.
fn has_payload<A: Attributes + ?Sized>(proxy: Proxy, request: &A) -> Read<bool> {
    Ok(match proxy {
        Proxy::Dns => request.dns_query()?.is_some(),
        Proxy::Http => request.method()?.is_some(),
        Proxy::Tls => request.server_name()?.is_some(),
    })
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

    /// Whether any lookup passes the DNS proxy.
    pub fn observes_any(&self) -> bool {
        !self.egress.observed.is_empty()
    }

    /// Every rule of one direction, looked at in full, in order of precedence.
    pub fn explain<A: Attributes + ?Sized>(&self, direction: Direction, request: &A) -> Vec<RuleTrace> {
        let mut traces = self.of(direction).rules.traces(request);
        // The refusal of a proxy is told by the rule that did not let the flow through.
        traces.retain(|t| !matches!(t.effect, Effect::Refuse(_)));
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
