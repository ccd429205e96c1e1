//! Decisions as JSON.

use palisade::{DecidedBy, Layer, LayerDecision, Options};
use palisade_cases::Answer;
use serde::Serialize;
use serde_json::{Map, Value};

/// The decider: a rule of a resource, or a layer and its default reason.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ByJson {
    layer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<&'static str>,
    /// The path of the rule in the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

impl ByJson {
    /// Returns the JSON form of `by` in `layer`.
    pub(crate) fn new(layer: Layer, by: &DecidedBy) -> Self {
        let layer = layer.as_str();
        match by {
            DecidedBy::Rule(id) => Self {
                layer,
                kind: Some(id.policy.kind),
                namespace: Some(id.policy.namespace.to_string()),
                name: Some(id.policy.name.to_string()),
                rule: Some(id.rule),
                section: Some(id.section).filter(|section| !section.is_empty()),
                path: Some(id.path()),
                default: None,
            },
            DecidedBy::Default(reason) => Self {
                layer,
                kind: None,
                namespace: None,
                name: None,
                rule: None,
                section: None,
                path: None,
                default: Some(reason.to_string()),
            },
        }
    }
}

/// Returns every option, with the names of case files.
pub(crate) fn options_json(options: &Options) -> Map<String, Value> {
    let mut whole = options.clone();
    whole.cilium.policy_default_local_cluster = Some(options.cilium.default_local_cluster());
    match serde_json::to_value(whole) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Returns the options that are not the default.
pub(crate) fn changed_options(options: &Options) -> Map<String, Value> {
    if *options == Options::default() {
        return Map::new();
    }
    let default = options_json(&Options::default());
    let mut fields = options_json(options);
    fields.retain(|name, value| default.get(name) != Some(value));
    fields
}

/// The outcome of one layer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LayerJson {
    layer: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<ByJson>,
}

/// The decision of the dry-run policies.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShadowJson {
    verdict: &'static str,
    decided_by: Option<ByJson>,
}

/// One decision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnswerJson {
    name: String,
    verdict: &'static str,
    status: Option<u16>,
    decided_by: Option<ByJson>,
    layers: Vec<LayerJson>,
    shadow: Option<ShadowJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Options by name.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub(crate) options: Map<String, Value>,
    /// The expected verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<&'static str>,
    /// Whether the decision is the expected one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) passed: Option<bool>,
    /// The differences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mismatches: Vec<String>,
}

impl AnswerJson {
    /// Returns a decision with only a verdict.
    pub(crate) fn bare(name: &str, verdict: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            verdict,
            status: None,
            decided_by: None,
            layers: Vec::new(),
            shadow: None,
            notes: Vec::new(),
            options: Map::new(),
            expected: None,
            passed: None,
            mismatches: Vec::new(),
        }
    }

    /// Returns the JSON form of `answer`.
    pub(crate) fn new(name: &str, answer: &Answer) -> Self {
        let layer = |(layer, decision): &(Layer, LayerDecision)| LayerJson {
            layer: layer.as_str(),
            outcome: decision.outcome.as_str(),
            by: decision.by.as_ref().map(|by| ByJson::new(*layer, by)),
        };
        Self {
            status: answer.status,
            decided_by: answer.decided_by.as_ref().map(|(layer, by)| ByJson::new(*layer, by)),
            layers: answer.layers.iter().map(layer).collect(),
            shadow: answer.shadow.as_ref().map(|shadow| ShadowJson {
                verdict: shadow.outcome.verdict().as_str(),
                decided_by: shadow.by.as_ref().map(|by| ByJson::new(Layer::AuthorizationPolicy, by)),
            }),
            notes: answer.notes.clone(),
            ..Self::bare(name, answer.verdict.as_str())
        }
    }
}
