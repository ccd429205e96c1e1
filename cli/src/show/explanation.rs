//! A decision that a person wants to read: the verdict, the ladder of layers, and what was nearly right.

use super::{
    style::{BOLD, DIM, DOUBT, PLAIN, of_outcome, of_verdict},
    text::{Text, paint},
};
use palisade::{
    DecidedBy, Failure, Outcome, RuleTrace, Verdict,
    flow::{FlowExplanation, LayerExplanation},
    ir::Effect,
};
use palisade_cases::spell;

/// Most candidate rules that are shown.
const CANDIDATES: usize = 10;
/// Most values of one condition.
const VALUES: usize = 8;

/// `explanation` of the flow that `title` describes.
pub(crate) fn text(title: &str, explanation: &FlowExplanation) -> Text {
    let decision = &explanation.decision;
    let (layer, by) = &decision.decided_by;
    let mut out = Text::default();
    let verdict = paint(of_verdict(decision.verdict), decision.verdict.as_str().to_uppercase());
    let status = decision.status.map(|status| format!(" with status {status}")).unwrap_or_default();
    out.line(&[&verdict, &status, &", by ", &paint(BOLD, spell(*layer, by))]);
    out.line(&[&paint(DIM, title)]);
    out.line(&[]);
    let decided = explanation.layers.iter().position(|l| !l.decision.passes());
    for (n, layer) in explanation.layers.iter().enumerate() {
        let marker = if explanation.decision.decided_by.0 == layer.layer { "▸" } else { " " };
        let beyond = decided.is_some_and(|decided| n > decided);
        ladder(&mut out, marker, layer, beyond);
    }
    if let Some(layer) = explanation.layers.iter().find(|l| l.layer == decision.decided_by.0)
        && decision.verdict != Verdict::Allow
        && (matches!(by, DecidedBy::Default(_)) || refused_by_proxy(layer, by))
    {
        candidates(&mut out, layer);
    }
    if let Some(shadow) = &decision.shadow {
        let by = shadow.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        out.line(&[]);
        out.line(&[&paint(BOLD, "shadow"), &": dry-run policies would say ", &shadow.outcome, &by]);
    }
    for (n, note) in decision.notes.iter().enumerate() {
        if n == 0 {
            out.line(&[]);
        }
        out.line(&[&paint(DOUBT, "note"), &": ", note]);
    }
    out
}

/// Whether a proxy refused what none of its rules let through: the rule that is named did not hold itself.
fn refused_by_proxy(layer: &LayerExplanation, by: &DecidedBy) -> bool {
    let DecidedBy::Rule(id) = by else { return false };
    let mut own = layer.rules.iter().filter(|rule| rule.id == *id);
    own.next().is_some() && !layer.rules.iter().any(|rule| rule.id == *id && rule.held)
}

fn ladder(out: &mut Text, marker: &str, layer: &LayerExplanation, beyond: bool) {
    let outcome = layer.decision.outcome;
    let style = if beyond { DIM } else { of_outcome(outcome) };
    let by = layer.decision.by.as_ref().map(ToString::to_string).unwrap_or_default();
    let by = match (beyond, outcome) {
        (true, Outcome::NotSelected | Outcome::Outside | Outcome::NotReached) | (false, _) => by,
        (true, _) if by.is_empty() => "(not reached)".to_owned(),
        (true, _) => format!("{by} (not reached)"),
    };
    let outcome = outcome.as_str();
    let gap = if by.is_empty() { String::new() } else { " ".repeat(14_usize.saturating_sub(outcome.len())) };
    let name = format!("{marker} {:<21} ", layer.layer.as_str());
    out.line(&[&name, &paint(style, outcome), &gap, &by]);
}

/// The rules that could have let the flow pass, nearest first.
fn candidates(out: &mut Text, layer: &LayerExplanation) {
    let mut rules: Vec<&RuleTrace> =
        layer.rules.iter().filter(|rule| !rule.held && matches!(rule.effect, Effect::Allow)).collect();
    let whose = if layer.workload.is_empty() { String::new() } else { format!(" for {}", layer.workload) };
    if rules.is_empty() {
        out.line(&[]);
        out.line(&[&"No rule allows anything", &whose, &" in this layer."]);
        return;
    }
    rules.sort_by_key(|rule| rule.distance());
    out.line(&[]);
    out.line(&[&"Rules that allow something", &whose, &", nearest first:"]);
    for (n, rule) in rules.iter().take(CANDIDATES).enumerate() {
        let nearest = if n == 0 { paint(DOUBT, "  <- nearest miss") } else { paint(PLAIN, "") };
        out.line(&[&"  ", &paint(BOLD, &rule.id), &nearest]);
        for failure in rule.failures.iter().take(1) {
            out.line(&[&"    ", &condition(failure)]);
        }
        if rule.failures.len() > 1 {
            let more = more_conditions(rule.failures.len() - 1);
            out.line(&[&"    ", &paint(DIM, more)]);
        }
        if rule.failures.is_empty() {
            out.line(&[&"    matches nothing"]);
        }
    }
    if rules.len() > CANDIDATES {
        out.line(&[&"  and ", &(rules.len() - CANDIDATES), &" more"]);
    }
}

fn more_conditions(count: usize) -> String {
    if count == 1 {
        return "and 1 more condition that does not hold".to_owned();
    }
    format!("and {count} more conditions that do not hold")
}

fn condition(failure: &Failure) -> String {
    let wanted = if failure.negated { "refuses" } else { "wanted" };
    let clause = format!("{} {}", failure.clause, failure.attribute);
    let wanted_labels = failure.wanted.join(" ");
    let seen: Vec<String> = failure
        .seen
        .iter()
        .filter(|value| matters(value, &wanted_labels))
        .map(|value| label(value))
        .collect();
    let alternatives: Vec<String> = failure.wanted.iter().map(|value| label(value)).collect();
    let seen = if seen.is_empty() { "none".to_owned() } else { list(&seen) };
    format!("{clause}: {wanted} {}, seen {seen}", list(&alternatives))
}

/// The label that every peer of the default cluster has, and every selector asks for.
const CLUSTER: &str = "k8s:io.cilium.k8s.policy.cluster=default";

/// Whether a label says something to the reader: those that Cilium adds only do where the rule asks for them.
fn matters(value: &str, wanted: &str) -> bool {
    let key = value.split('=').next().unwrap_or(value);
    !key.starts_with("k8s:io.cilium.") || (value != CLUSTER && wanted.contains(key))
}

/// A label, or a list of labels, as it would be written in a manifest.
fn label(value: &str) -> String {
    if !value.starts_with("k8s:") {
        return value.to_owned();
    }
    let labels = value.split(", ").filter(|label| *label != CLUSTER);
    let short = labels.map(|label| {
        let label = label.strip_prefix("k8s:").unwrap_or(label);
        match label.strip_prefix("io.kubernetes.pod.namespace=") {
            Some(namespace) => format!("namespace={namespace}"),
            None => label.to_owned(),
        }
    });
    short.collect::<Vec<_>>().join(" ")
}

fn list(values: &[String]) -> String {
    let mut shown: Vec<String> = values.iter().take(VALUES).map(|value| quoted(value)).collect();
    if values.len() > shown.len() {
        shown.push(format!("{} more", values.len() - shown.len()));
    }
    if values.is_empty() { "nothing".to_owned() } else { shown.join(" | ") }
}

fn quoted(value: &str) -> String {
    if value.is_empty() { "\"\"".to_owned() } else { value.to_owned() }
}
