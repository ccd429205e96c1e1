//! A network policy's direction: what the first rule that holds means, and what follows when none does.

use super::first_match;
use palisade::{
    Attributes, Outcome, Read, RuleId,
    ir::{DirectionLayer, Effect, Posture},
};

/// The outcome, and the rule if one decided: the first rule that holds decides, a pass goes on with the next tier, and
/// the posture answers where none held.
///
/// # Errors
///
/// An attribute could not be read.
pub fn direction(layer: &DirectionLayer, request: &dyn Attributes) -> Read<(Outcome, Option<RuleId>)> {
    let from_host = || {
        let labels = request.peer()?.labels;
        Ok(labels.iter().any(|label| label.source == "reserved" && label.key == "host"))
    };
    if layer.posture == Posture::Open {
        return Ok((Outcome::NotSelected, None));
    }
    let mut floor = 0;
    while let Some(number) = first_match(&layer.rules, request, floor)? {
        let rule = &layer.rules[number as usize];
        let outcome = match rule.effect {
            Effect::Allow | Effect::Audit | Effect::Ask(_) => Outcome::Allow,
            Effect::Deny | Effect::Unaskable(_) => Outcome::Deny,
            Effect::Refuse(_) => {
                let names = request.dns_query()?.is_some();
                let requests = request.method()?.is_some();
                let handshakes = request.server_name()?.is_some();
                if names || requests || handshakes { Outcome::Deny } else { Outcome::NeedsRequest }
            }
            Effect::Proceed => match layer.stages.iter().find(|start| **start > number) {
                Some(start) => {
                    floor = *start;
                    continue;
                }
                None => break,
            },
            Effect::Pass => match layer.tiers.iter().find(|start| **start > number) {
                Some(start) => {
                    floor = *start;
                    continue;
                }
                None => break,
            },
        };
        return Ok((outcome, Some(rule.id.clone())));
    }
    match layer.posture {
        Posture::DefaultDeny if !(layer.from_host && from_host()?) => Ok((Outcome::Deny, None)),
        _ => Ok((Outcome::Allow, None)),
    }
}
