//! Cilium's security identities: sets of labels with sources.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

/// A label of a security identity, written `SOURCE:KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// The key, without the source.
    pub key: String,
    /// The source, such as `k8s` or `reserved`.
    pub source: String,
    /// The value, which can be empty.
    pub value: String,
}

impl Label {
    /// Returns the label `source:key=value`.
    #[must_use]
    pub fn new(source: impl Into<String>, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { source: source.into(), key: key.into(), value: value.into() }
    }
}

/// The key of the label for a Pod's namespace.
const NAMESPACE: &str = "io.kubernetes.pod.namespace";

impl Label {
    /// Returns the label as a manifest would state it: `app=web`, `namespace=foo`, `reserved:host`.
    pub fn short(&self) -> String {
        let label = Self { key: short_key(&self.key).into(), ..self.clone() }.to_string();
        label.strip_prefix("k8s:").unwrap_or(&label).into()
    }

    /// Returns whether this is the label that every endpoint of the cluster `default` has.
    pub fn is_default_cluster(&self) -> bool {
        self.source == "k8s" && self.key == CLUSTER && self.value == "default"
    }
}

/// The key of the label for the cluster's name.
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";

/// Returns `key` as a manifest would state it.
pub(crate) fn short_key(key: &str) -> &str {
    if key == NAMESPACE { "namespace" } else { key }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.key)?;
        if self.value.is_empty() { Ok(()) } else { write!(f, "={}", self.value) }
    }
}

/// A security identity: a set of labels in the order of key, source and value.
///
/// ```
/// use palisade::{Label, Labels};
///
/// let labels: Labels = [Label::new("k8s", "app", "sleep")].into_iter().collect();
/// assert_eq!(labels.with_key("app").count(), 1);
/// assert_eq!(labels.with_key("ap").count(), 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Vec<Label>);

impl Labels {
    /// Returns the labels with the key `key` from any source. Takes logarithmic time.
    pub fn with_key<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Label> {
        let from = self.0.partition_point(|l| l.key.as_str() < key);
        self.0.iter().skip(from).take_while(move |l| l.key == key)
    }

    /// Returns all labels in order.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.0.iter()
    }

    /// Adds a label unless the set contains it.
    pub fn insert(&mut self, label: Label) {
        if let Err(at) = self.0.binary_search(&label) {
            self.0.insert(at, label);
        }
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<T: IntoIterator<Item = Label>>(iter: T) -> Self {
        let mut labels: Vec<Label> = iter.into_iter().collect();
        labels.sort();
        labels.dedup();
        Self(labels)
    }
}
