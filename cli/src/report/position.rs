//! The places of rules in the manifests.

use palisade::{DecidedBy, RuleId, RuleTrace, TestTrace, candidates, flow::FlowExplanation, manifest::Field};
use palisade_manifests::{Manifests, RuleLocation};
use serde::Serialize;

/// A rule with its place in the manifests.
#[derive(Clone, Debug)]
pub(crate) struct RuleSource {
    /// The object and the path of the rule in it.
    pub(crate) location: RuleLocation,
    /// The rule in the text, or its nearest ancestor.
    pub(crate) field: Field,
    /// The fields of the tests that matched, or that failed.
    pub(crate) tests: Vec<TestSource>,
}

/// A field of a rule with its place in the manifests.
#[derive(Clone, Debug)]
pub(crate) struct TestSource {
    /// The path of the field in the object.
    pub(crate) path: String,
    /// The field in the text.
    pub(crate) field: Field,
    /// Whether a value of the request must match no value of the field.
    pub(crate) negated: bool,
}

/// The rules of a decision that the manifests contain.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleSources {
    /// The rule that decides, with the tests that matched.
    pub(crate) decided_by: Option<RuleSource>,
    /// The nearest miss of a denial without a deciding rule, with the tests that failed.
    pub(crate) nearest_miss: Option<RuleSource>,
}

impl RuleSource {
    fn new(manifests: &Manifests, id: &RuleId, tests: &[TestTrace]) -> Option<Self> {
        let location = manifests.rule(id)?;
        let field = manifests.field(&location)?;
        let test = |test: &TestTrace| {
            let path = format!("{}.{}", location.path, test.field);
            let field = manifests.sources.field(&location.origin, &path)?;
            field.is_exact.then_some(TestSource { path, field, negated: test.negated })
        };
        let tests = tests.iter().filter(|test| !test.field.is_unknown()).filter_map(test).collect();
        Some(Self { location, field, tests })
    }
}

impl RuleSources {
    /// Returns the places of the rules in `explanation`.
    pub(crate) fn new(manifests: &Manifests, explanation: &FlowExplanation) -> Self {
        let (layer, by) = &explanation.decision.decided_by;
        let layer = explanation.layers.iter().find(|explained| explained.layer == *layer);
        let rules: &[RuleTrace] = layer.map_or(&[], |layer| &layer.rules);
        match by {
            DecidedBy::Rule(id) => {
                let trace = rules.iter().find(|rule| rule.id == *id && rule.matched);
                let tests = trace.map_or(&[][..], |trace| &trace.matches);
                Self { decided_by: RuleSource::new(manifests, id, tests), nearest_miss: None }
            }
            DecidedBy::Default(_) => {
                let denies = layer.is_some_and(|layer| !layer.decision.passes());
                let nearest = candidates(rules).into_iter().next().filter(|_| denies);
                let nearest = nearest.and_then(|rule| RuleSource::new(manifests, &rule.id, &rule.failures));
                Self { decided_by: None, nearest_miss: nearest }
            }
        }
    }
}

/// The value of `positions` in the JSON output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PositionsJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<RulePositionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_miss: Option<RulePositionJson>,
}

/// The place of a rule.
#[derive(Debug, Serialize)]
struct RulePositionJson {
    file: Option<String>,
    #[serde(flatten)]
    position: PositionJson,
    /// The fields that matched, or that did not match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<PositionJson>,
}

/// The place of a field in a file.
#[derive(Debug, Serialize)]
struct PositionJson {
    /// Path in the object.
    path: String,
    line: u32,
    column: u32,
}

impl PositionJson {
    fn new(path: &str, field: &Field) -> Self {
        Self { path: path.to_owned(), line: field.value.line, column: field.value.column }
    }
}

impl From<&RuleSources> for PositionsJson {
    fn from(sources: &RuleSources) -> Self {
        let position = |rule: &RuleSource| RulePositionJson {
            file: rule.location.origin.file.as_deref().map(str::to_owned),
            position: PositionJson::new(&rule.location.path, &rule.field),
            fields: rule.tests.iter().map(|test| PositionJson::new(&test.path, &test.field)).collect(),
        };
        Self {
            decided_by: sources.decided_by.as_ref().map(position),
            nearest_miss: sources.nearest_miss.as_ref().map(position),
        }
    }
}
