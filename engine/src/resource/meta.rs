//! What every Kubernetes object has: metadata, and where it came from.

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

/// `metadata` of an object. Fields that no decision needs are skipped.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name; empty when it was not given.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub name: String,
    /// Namespace as written; empty when it was not.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub namespace: String,
    /// Labels.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339 time; sorts as text. Empty when it was not given.
    #[serde(deserialize_with = "super::decode::null_as_default")]
    pub creation_timestamp: String,
}

/// One object of kind `T`.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<T> {
    /// Kubernetes kind.
    pub kind: &'static str,
    /// Its metadata; the namespace is `default` where a namespaced object gave none.
    pub metadata: Metadata,
    /// The kind's own fields.
    pub spec: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Object<T> {
    /// Kind, namespace and name, as rules and findings name it.
    pub fn reference(&self) -> PolicyRef {
        PolicyRef {
            kind: self.kind,
            namespace: self.metadata.namespace.as_str().into(),
            name: self.metadata.name.as_str().into(),
        }
    }

    /// `Kind namespace/name`, as findings print it.
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

/// `Kind namespace/name`.
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
    /// Equalities, ANDed.
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Set-based requirements, ANDed.
    pub match_expressions: Option<Vec<SelectorRequirement>>,
}

/// One set-based requirement of a [`LabelSelector`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectorRequirement {
    /// Label key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`; case counts.
    pub operator: String,
    /// Values, for `In` and `NotIn`.
    #[serde(default, deserialize_with = "super::decode::null_as_default")]
    pub values: Vec<String>,
}
