//! The JSON form of answers, which scripts read.

use crate::backend::Answer;
use palisade::{DecidedBy, Layer, LayerDecision, Options};
use serde::Serialize;
use serde_json::{Map, Value};

/// Who decided: a rule of a resource, or a layer's default.
#[derive(Clone, Debug, Serialize)]
pub struct ByJson {
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
    /// The JSON form of `by` in `layer`.
    pub fn new(layer: Layer, by: &DecidedBy) -> Self {
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

/// Every option of `options`, by the name that case files have for it.
pub fn options_json(options: &Options) -> Map<String, Value> {
    let mut whole = options.clone();
    whole.cilium.policy_default_local_cluster = Some(options.cilium.default_local_cluster());
    match serde_json::to_value(whole) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The options of `options` that are not the default.
pub fn changed_options(options: &Options) -> Map<String, Value> {
    if *options == Options::default() {
        return Map::new();
    }
    let default = options_json(&Options::default());
    let mut fields = options_json(options);
    fields.retain(|name, value| default.get(name) != Some(value));
    fields
}

/// One layer.
#[derive(Clone, Debug, Serialize)]
pub struct LayerJson {
    layer: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<ByJson>,
}

/// What dry-run policies would have said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowJson {
    verdict: &'static str,
    decided_by: Option<ByJson>,
}

/// One answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseJson {
    name: String,
    verdict: &'static str,
    status: Option<u16>,
    decided_by: Option<ByJson>,
    layers: Vec<LayerJson>,
    shadow: Option<ShadowJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Options that are not the default, by name.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub options: Map<String, Value>,
    /// What the case expects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<&'static str>,
    /// Whether it got that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    /// How it differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<String>,
}

impl CaseJson {
    /// A bare verdict.
    pub fn bare(name: &str, verdict: &'static str) -> Self {
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

    /// The JSON form of `answer`.
    pub fn new(name: &str, answer: &Answer) -> Self {
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
