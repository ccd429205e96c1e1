//! Whole layers: what the first rule that holds means, and what follows when none does.

use super::first_match;
use palisade::{
    Attributes, Outcome, RuleId,
    ir::{AuthorizationLayer, DirectionLayer, Effect, PeerLayer, PeerMode, Posture, Proxy, Rule},
};

/// What a layer says: the outcome, and the rule if one decided.
pub type Answer = (Outcome, Option<RuleId>);

/// The AuthorizationPolicies of a workload: CUSTOM, DENY, ALLOW; AUDIT changes nothing. Providers are not asked.
pub fn authorization(layer: &AuthorizationLayer, request: &dyn Attributes) -> Answer {
    let first = |rules: &[Rule]| first_match(rules, request, 0).map(|n| rules[n as usize].id.clone());
    if layer.policies.is_empty() {
        return (Outcome::NotSelected, None);
    }
    if let Some(id) = first(&layer.custom) {
        return (Outcome::Ask, Some(id));
    }
    if let Some(id) = first(&layer.deny) {
        return (Outcome::Deny, Some(id));
    }
    if layer.default_deny.is_none() {
        return (Outcome::Allow, None);
    }
    match first(&layer.allow) {
        Some(id) => (Outcome::Allow, Some(id)),
        None => (Outcome::Deny, None),
    }
}

/// The network policies of an endpoint in one direction: the first rule that holds decides, a pass goes on with
/// the next tier, and the posture answers where none held.
pub fn direction(layer: &DirectionLayer, request: &dyn Attributes) -> Answer {
    let mut floor = 0;
    while let Some(number) = first_match(&layer.rules, request, floor) {
        let rule = &layer.rules[number as usize];
        match rule.effect {
            Effect::Allow | Effect::Audit | Effect::Ask(_) => return (Outcome::Allow, Some(rule.id.clone())),
            Effect::Deny => return (Outcome::Deny, Some(rule.id.clone())),
            Effect::Refuse(proxy) => {
                let decided = match proxy {
                    Proxy::Dns => request.dns_query().expect("readable").is_some(),
                    Proxy::Http => request.method().expect("readable").is_some(),
                    Proxy::Tls => request.server_name().expect("readable").is_some(),
                };
                let outcome = if decided { Outcome::Deny } else { Outcome::NeedsRequest };
                return (outcome, Some(rule.id.clone()));
            }
            Effect::Pass => match layer.tiers.iter().find(|start| **start > number) {
                Some(start) => floor = *start,
                None => break,
            },
        }
    }
    match layer.posture {
        Posture::Open => (Outcome::NotSelected, None),
        Posture::DefaultAllow => (Outcome::Allow, None),
        Posture::DefaultDeny => (Outcome::Deny, None),
    }
}

/// Whether a connection to `port` may exist.
pub fn peer_authentication(layer: &PeerLayer, port: u16, mutual_tls: bool) -> bool {
    let mode = layer.ports.get(&port).unwrap_or(&layer.mode);
    mutual_tls || *mode != PeerMode::Strict
}
