//! A decision that a person wants to read: the verdict, the ladder of layers, and what was nearly right.

use super::style::{BOLD, DIM, DOUBT, GOOD, of_outcome, paint};
use palisade::{
    DecidedBy, Failure, Outcome, RuleTrace, Verdict,
    flow::{FlowExplanation, LayerExplanation},
    ir::Effect,
};
use palisade_cases::spell;
use std::fmt::Write;

/// Most candidate rules that are shown.
const CANDIDATES: usize = 10;
/// Most values of one condition.
const VALUES: usize = 8;

/// `explanation` of the flow that `title` describes.
pub(crate) fn text(title: &str, explanation: &FlowExplanation) -> String {
    let decision = &explanation.decision;
    let (layer, by) = &decision.decided_by;
    let style = match decision.verdict {
        Verdict::Allow => GOOD,
        Verdict::NeedsRequest | Verdict::Ask => DOUBT,
        Verdict::Deny | Verdict::Reject | Verdict::PolicyError => super::style::BAD,
    };
    let mut out = String::new();
    let verdict = paint(style, decision.verdict.as_str().to_uppercase());
    let status = decision.status.map(|status| format!(" with status {status}")).unwrap_or_default();
    let _ = writeln!(out, "{verdict}{status}, by {}", paint(BOLD, spell(*layer, by)));
    let _ = writeln!(out, "{}\n", paint(DIM, title));
    let decided = explanation.layers.iter().position(|l| !l.decision.passes());
    for (n, layer) in explanation.layers.iter().enumerate() {
        let marker = if explanation.decision.decided_by.0 == layer.layer { "▸" } else { " " };
        let beyond = decided.is_some_and(|decided| n > decided);
        ladder(&mut out, marker, layer, beyond);
    }
    if let Some(layer) = explanation.layers.iter().find(|l| l.layer == decision.decided_by.0)
        && decision.verdict != Verdict::Allow
        && matches!(by, DecidedBy::Default(_))
    {
        candidates(&mut out, layer);
    }
    if let Some(shadow) = &decision.shadow {
        let by = shadow.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        let _ = writeln!(out, "\n{}: dry-run policies would say {}{by}", paint(BOLD, "shadow"), shadow.outcome);
    }
    for note in &decision.notes {
        let _ = writeln!(out, "\n{}: {note}", paint(DOUBT, "note"));
    }
    out
}

fn ladder(out: &mut String, marker: &str, layer: &LayerExplanation, beyond: bool) {
    let outcome = layer.decision.outcome;
    let style = if beyond { DIM } else { of_outcome(outcome) };
    let by = layer.decision.by.as_ref().map(ToString::to_string).unwrap_or_default();
    let by = match (beyond, outcome) {
        (true, Outcome::NotSelected | Outcome::Outside | Outcome::NotReached) | (false, _) => by,
        (true, _) if by.is_empty() => "(not reached)".to_owned(),
        (true, _) => format!("{by} (not reached)"),
    };
    let outcome = paint(style, format!("{outcome:<13}"));
    let line = format!("{marker} {:<21} {outcome} {by}", layer.layer.as_str());
    let _ = writeln!(out, "{}", line.trim_end());
}

/// The rules that could have let the flow pass, nearest first.
fn candidates(out: &mut String, layer: &LayerExplanation) {
    let mut rules: Vec<&RuleTrace> =
        layer.rules.iter().filter(|rule| !rule.held && matches!(rule.effect, Effect::Allow)).collect();
    let whose = if layer.workload.is_empty() { String::new() } else { format!(" for {}", layer.workload) };
    if rules.is_empty() {
        let _ = writeln!(out, "\nNo rule allows anything{whose} in this layer.");
        return;
    }
    rules.sort_by_key(|rule| rule.distance());
    let _ = writeln!(out, "\nRules that allow something{whose}, nearest first:");
    for (n, rule) in rules.iter().take(CANDIDATES).enumerate() {
        let nearest = if n == 0 { paint(DOUBT, "  <- nearest miss") } else { String::new() };
        let _ = writeln!(out, "  {}{nearest}", paint(BOLD, &rule.id));
        for failure in rule.failures.iter().take(1) {
            let _ = writeln!(out, "    {}", condition(failure));
        }
        if rule.failures.len() > 1 {
            let more = format!("and {} more conditions that do not hold", rule.failures.len() - 1);
            let _ = writeln!(out, "    {}", paint(DIM, more));
        }
        if rule.failures.is_empty() {
            let _ = writeln!(out, "    matches nothing");
        }
    }
    if rules.len() > CANDIDATES {
        let _ = writeln!(out, "  and {} more", rules.len() - CANDIDATES);
    }
}

fn condition(failure: &Failure) -> String {
    let wanted = if failure.negated { "refuses" } else { "wanted" };
    let seen = if failure.seen.is_empty() { "none".to_owned() } else { list(&failure.seen) };
    format!("{} {}: {wanted} {}, seen {seen}", failure.clause, failure.attribute, list(&failure.wanted))
}

fn list(values: &[String]) -> String {
    let shown: Vec<String> = values
        .iter()
        .take(VALUES)
        .map(|value| if value.is_empty() || value.contains(' ') { format!("{value:?}") } else { value.clone() })
        .collect();
    let more = values.len().saturating_sub(VALUES);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    if values.is_empty() { "nothing".to_owned() } else { format!("{}{tail}", shown.join(" | ")) }
}
