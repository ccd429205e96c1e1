//! A decision as text: the verdict, the layers, and the rules that matched or nearly matched.

use super::{
    style::{BOLD, DIM, DOUBT, PLAIN, of_outcome, of_verdict},
    text::{Text, paint},
};
use palisade::{
    DecidedBy, Outcome, RuleTrace, TestTrace, Verdict,
    flow::{FlowExplanation, LayerExplanation},
};
use palisade_cases::describe_decider;

/// The maximum number of candidate rules that are shown.
const CANDIDATES: usize = 10;
/// The maximum number of values that are shown of one condition.
const VALUES: usize = 8;

/// Returns `explanation` as text, for the flow that `title` describes.
pub(crate) fn text(title: &str, explanation: &FlowExplanation) -> Text {
    let decision = &explanation.decision;
    let (layer, by) = &decision.decided_by;
    let mut out = Text::default();
    let verdict = paint(of_verdict(decision.verdict), decision.verdict.as_str().to_uppercase());
    let status = decision.status.map(|status| format!(" with status {status}")).unwrap_or_default();
    out.line(&[&verdict, &status, &", by ", &paint(BOLD, describe_decider(*layer, by))]);
    out.line(&[&paint(DIM, title)]);
    out.line(&[]);
    let decided = explanation.layers.iter().position(|l| !l.decision.passes());
    for (n, layer) in explanation.layers.iter().enumerate() {
        let marker = if explanation.decision.decided_by.0 == layer.layer { "▸" } else { " " };
        let beyond = decided.is_some_and(|decided| n > decided);
        layer_row(&mut out, marker, layer, beyond);
    }
    let layer = explanation.layers.iter().find(|l| l.layer == decision.decided_by.0);
    match (decision.verdict, layer) {
        (Verdict::Allow, _) => near_denials(&mut out, &explanation.layers),
        (_, Some(layer)) if matches!(by, DecidedBy::Default(_)) || refused_by_proxy(layer, by) => {
            candidates(&mut out, layer);
        }
        (Verdict::Deny, Some(layer)) => denial(&mut out, layer, by),
        _ => {}
    }
    if let Some(shadow) = &decision.shadow {
        let by = shadow.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        out.line(&[]);
        out.line(&[&paint(BOLD, "shadow"), &": dry-run policies return ", &shadow.outcome, &by]);
    }
    for (n, note) in decision.notes.iter().enumerate() {
        if n == 0 {
            out.line(&[]);
        }
        out.line(&[&paint(DOUBT, "note"), &": ", note]);
    }
    out
}

/// Returns whether the L7 rules of `by` denied a request that none of them matches.
fn refused_by_proxy(layer: &LayerExplanation, by: &DecidedBy) -> bool {
    let DecidedBy::Rule(id) = by else { return false };
    let mut own = layer.rules.iter().filter(|rule| rule.id == *id);
    own.next().is_some() && !layer.rules.iter().any(|rule| rule.id == *id && rule.matched)
}

fn layer_row(out: &mut Text, marker: &str, layer: &LayerExplanation, beyond: bool) {
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

/// Writes the rules that could have allowed the flow, nearest first.
fn candidates(out: &mut Text, layer: &LayerExplanation) {
    let rules = palisade::candidates(&layer.rules);
    let workload = if layer.workload.is_empty() { String::new() } else { format!(" for {}", layer.workload) };
    out.line(&[]);
    if rules.is_empty() {
        out.line(&[&"No rule allows anything", &workload, &" in this layer."]);
        return;
    }
    out.line(&[&"Rules that allow something", &workload, &", nearest first:"]);
    missed(out, &rules, "  <- nearest miss");
}

/// Writes the DENY rules of all layers that nearly matched.
fn near_denials(out: &mut Text, layers: &[LayerExplanation]) {
    let rules: Vec<&RuleTrace> =
        layers.iter().flat_map(|layer| palisade::near_denials(&layer.rules)).collect();
    if !rules.is_empty() {
        out.line(&[]);
        out.line(&[&"DENY rules that nearly matched:"]);
        missed(out, &rules, "");
    }
}

/// Writes rules with the first test that each of them failed; `mark` follows the first rule.
fn missed(out: &mut Text, rules: &[&RuleTrace], mark: &str) {
    for (n, rule) in rules.iter().take(CANDIDATES).enumerate() {
        let mark = if n == 0 { paint(DOUBT, mark) } else { paint(PLAIN, "") };
        out.line(&[&"  ", &paint(BOLD, &rule.id), &mark]);
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

/// Writes the tests of the rule that denies the flow, with the values that matched.
fn denial(out: &mut Text, layer: &LayerExplanation, by: &DecidedBy) {
    let DecidedBy::Rule(id) = by else { return };
    let Some(rule) = layer.rules.iter().find(|rule| rule.id == *id && rule.matched) else { return };
    if rule.matches.is_empty() {
        return;
    }
    out.line(&[]);
    out.line(&[&"The rule matches:"]);
    out.line(&[&"  ", &paint(BOLD, &rule.id)]);
    for test in rule.matches.iter().take(CANDIDATES) {
        out.line(&[&"    ", &condition(test)]);
    }
    if rule.matches.len() > CANDIDATES {
        out.line(&[&"    and ", &(rule.matches.len() - CANDIDATES), &" more"]);
    }
}

fn more_conditions(count: usize) -> String {
    if count == 1 {
        return "and 1 more test that fails".to_owned();
    }
    format!("and {count} more tests that fail")
}

fn condition(test: &TestTrace) -> String {
    let required = if test.negated { "excluded" } else { "required" };
    let actual = if test.actual.is_empty() { "none".to_owned() } else { list(&test.actual) };
    format!("{}: {required} {}, actual {actual}", test.place(), list(&test.required))
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
