//! The fields that select the workloads of a policy.

use alloc::{collections::BTreeMap, string::String};
use serde::Deserialize;

/// `selector`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadSelector {
    /// Labels that the workload must have. An absent or empty map selects all workloads.
    pub match_labels: Option<BTreeMap<String, String>>,
}

/// `targetRef`, or an item of `targetRefs`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct TargetRef {
    /// API group; empty for core.
    pub group: Option<String>,
    /// Kind.
    pub kind: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Namespace; the webhook rejects any value.
    pub namespace: Option<String>,
    /// Section of the target.
    #[serde(rename = "sectionName")]
    pub section_name: Option<String>,
}

impl TargetRef {
    /// Returns group, kind and name; an absent one is empty.
    pub fn parts(&self) -> (&str, &str, &str) {
        (
            self.group.as_deref().unwrap_or_default(),
            self.kind.as_deref().unwrap_or_default(),
            self.name.as_deref().unwrap_or_default(),
        )
    }
}
