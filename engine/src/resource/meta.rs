//! The parts that all Kubernetes objects have: metadata and origin.

use crate::{
    diagnostic::{Located, Origin},
    rule_id::PolicyRef,
};
use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde::Deserialize;

/// The `metadata` of an object. Fields that no decision depends on are ignored.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// The name; empty if absent.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub name: String,
    /// The namespace as written; empty if absent.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub namespace: String,
    /// Labels.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub annotations: BTreeMap<String, String>,
    /// The creation time in RFC 3339 format, whose order is that of the text; empty if absent.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub creation_timestamp: String,
}

/// A Kubernetes object with the spec `T`.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<T> {
    /// Kubernetes kind.
    pub kind: &'static str,
    /// The metadata; the namespace of a namespaced object without one is `default`.
    pub metadata: Metadata,
    /// The fields that are specific to the kind.
    pub spec: T,
    /// The file and line of the object.
    pub origin: Origin,
}

impl<T> Object<T> {
    /// Returns the kind, namespace and name, by which rules and findings refer to the object.
    pub fn reference(&self) -> PolicyRef {
        PolicyRef {
            kind: self.kind,
            namespace: self.metadata.namespace.as_str().into(),
            name: self.metadata.name.as_str().into(),
        }
    }

    /// Returns `Kind namespace/name`, which findings print.
    pub fn title(&self) -> String {
        title(self.kind, &self.metadata)
    }
}

impl<T> Located for Object<T> {
    fn title(&self) -> String {
        self.title()
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Returns `Kind namespace/name`.
pub(crate) fn title(kind: &str, metadata: &Metadata) -> String {
    let mut title = kind.to_owned();
    title.push(' ');
    if !metadata.namespace.is_empty() {
        title.push_str(&metadata.namespace);
        title.push('/');
    }
    title.push_str(if metadata.name.is_empty() { "(no name)" } else { &metadata.name });
    title.to_string()
}

/// A Kubernetes label selector, as written.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelector {
    /// Labels that must all have these values.
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Set-based requirements that must all be satisfied.
    pub match_expressions: Option<Vec<SelectorRequirement>>,
}

/// A set-based requirement of a [`LabelSelector`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectorRequirement {
    /// Label key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`; case-sensitive.
    pub operator: String,
    /// Values, for `In` and `NotIn`.
    #[serde(default, deserialize_with = "super::decode::null_as_default")]
    pub values: Vec<String>,
}
