//! Explanations as JSON.

use super::answer::ByJson;
use palisade::{
    DecidedBy, Layer, RuleTrace, TestTrace, Verdict, candidates,
    flow::{FlowExplanation, LayerExplanation},
    near_denials,
};
use serde::Serialize;

/// One test of a rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TestJson {
    /// The path of the field in the resource.
    path: String,
    attribute: String,
    /// Whether the values can contain secrets.
    sensitive: bool,
    /// Whether the test matches if no required value is present.
    negated: bool,
    required: Vec<String>,
    actual: Vec<String>,
}

/// One rule with the tests that decide its result.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceJson {
    #[serde(flatten)]
    rule: ByJson,
    effect: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_tests: Vec<TestJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matched_tests: Vec<TestJson>,
}

/// The rules that explain a decision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplanationJson {
    /// The rule that decided, with the values that matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    deciding_rule: Option<TraceJson>,
    /// If no rule allows the flow: the rule that came nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_miss: Option<TraceJson>,
    /// If the flow is allowed: the rules that nearly denied it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    near_denials: Vec<TraceJson>,
}

impl ExplanationJson {
    /// Returns the JSON form of `explanation`.
    pub(crate) fn new(explanation: &FlowExplanation) -> Self {
        let decision = &explanation.decision;
        let (layer, by) = &decision.decided_by;
        let deciding = explanation.layers.iter().find(|explained| explained.layer == *layer);
        let own = deciding.and_then(|explained| rule(explained, by));
        let near = |explained: &LayerExplanation| -> Vec<TraceJson> {
            near_denials(&explained.rules)
                .into_iter()
                .map(|rule| TraceJson::new(explained.layer, rule))
                .collect()
        };
        let is_allowed = decision.verdict == Verdict::Allow;
        let nearest = || {
            let explained = deciding.filter(|_| !is_allowed && own.is_none())?;
            candidates(&explained.rules).first().map(|rule| TraceJson::new(*layer, rule))
        };
        Self {
            deciding_rule: own.map(|rule| TraceJson::new(*layer, rule)),
            nearest_miss: nearest(),
            near_denials: if is_allowed {
                explanation.layers.iter().flat_map(near).collect()
            } else {
                Vec::new()
            },
        }
    }
}

/// Returns the trace of the rule that decided.
fn rule<'e>(layer: &'e LayerExplanation, by: &DecidedBy) -> Option<&'e RuleTrace> {
    let DecidedBy::Rule(id) = by else { return None };
    layer.rules.iter().find(|rule| rule.id == *id && rule.matched)
}

impl TraceJson {
    fn new(layer: Layer, trace: &RuleTrace) -> Self {
        let test = |test: &TestTrace| TestJson {
            path: test.path(&trace.id),
            attribute: test.attribute.to_string(),
            sensitive: test.attribute.is_sensitive(),
            negated: test.negated,
            required: test.required.clone(),
            actual: test.actual.clone(),
        };
        Self {
            rule: ByJson::new(layer, &DecidedBy::Rule(trace.id.clone())),
            effect: trace.effect.to_string(),
            failed_tests: trace.failures.iter().map(test).collect(),
            matched_tests: trace.matches.iter().map(test).collect(),
        }
    }
}
