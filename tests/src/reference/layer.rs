//! The evaluation of one direction of a network policy: the first rule that matches, or the default action.

use super::first_match;
use palisade::{
    Attributes, Outcome, Read, RuleId,
    ir::{DirectionLayer, Effect, Posture},
};

/// Returns the outcome of `layer` for `request`, and the deciding rule.
///
/// The first rule that matches decides. Its effect can continue the evaluation: `Pass` at the next tier, `Refuse` at the
/// next level, and `Redirect` in the rules of the DNS proxy. If no rule decides, the default action of the layer does.
///
/// # Errors
///
/// An attribute is unreadable.
pub fn direction(layer: &DirectionLayer, request: &dyn Attributes) -> Read<(Outcome, Option<RuleId>)> {
    let from_host = || {
        let labels = request.peer()?.labels;
        Ok(labels.iter().any(|label| label.source == "reserved" && label.key == "host"))
    };
    let has_payload = || {
        let names = request.dns_query()?.is_some();
        let requests = request.method()?.is_some();
        let handshakes = request.server_name()?.is_some();
        Ok(names || requests || handshakes)
    };
    if layer.posture == Posture::Open {
        return Ok((Outcome::NotSelected, None));
    }
    let mut refusal: Option<RuleId> = None;
    let mut redirected = false;
    let mut decided: Option<(Effect, RuleId)> = None;
    let mut floor = 0;
    while let Some(number) = first_match(&layer.rules, request, floor)? {
        let rule = &layer.rules[number as usize];
        let cuts = match rule.effect {
            Effect::Redirect => {
                redirected = true;
                if let Some(number) = first_match(&layer.lookups, request, 0)? {
                    let rule = &layer.lookups[number as usize];
                    if let Effect::Refuse(_) = rule.effect {
                        refusal = refusal.or_else(|| Some(rule.id.clone()));
                    } else {
                        decided = Some((rule.effect.clone(), rule.id.clone()));
                    }
                }
                break;
            }
            Effect::Refuse(_) => {
                refusal = refusal.or_else(|| Some(rule.id.clone()));
                &layer.resumes
            }
            Effect::Proceed => &layer.stages,
            Effect::Pass => &layer.tiers,
            _ => {
                decided = Some((rule.effect.clone(), rule.id.clone()));
                break;
            }
        };
        match cuts.iter().find(|start| **start > number) {
            Some(start) => floor = *start,
            None => break,
        }
    }
    let undecided = refusal.is_some() && !has_payload()?;
    match decided {
        Some((Effect::Deny | Effect::Unaskable(_) | Effect::DryRunCustom(_), _)) if undecided => {
            return Ok((Outcome::NeedsRequest, refusal));
        }
        Some((Effect::Deny | Effect::Unaskable(_) | Effect::DryRunCustom(_), id)) => {
            return Ok((Outcome::Deny, Some(id)));
        }
        Some((_, id)) => return Ok((Outcome::Allow, Some(id))),
        None => {}
    }
    if layer.from_host && !redirected && from_host()? {
        return Ok((Outcome::Allow, None));
    }
    if refusal.is_some() {
        return Ok((if undecided { Outcome::NeedsRequest } else { Outcome::Deny }, refusal));
    }
    match layer.posture {
        Posture::DefaultAllow if !redirected => Ok((Outcome::Allow, None)),
        _ => Ok((Outcome::Deny, None)),
    }
}
