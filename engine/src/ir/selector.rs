//! Label selectors over Cilium identities.

use crate::labels::{Label, Labels, short_key};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// The condition of a [`Requirement`] on its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// The key is present with one of these values.
    In(Box<[Box<str>]>),
    /// The key is absent, or has none of these values.
    NotIn(Box<[Box<str>]>),
    /// The key is present.
    Exists,
    /// The key is absent.
    DoesNotExist,
}

/// One condition on one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// The source of the label; `None` for any source.
    pub source: Option<Box<str>>,
    /// The key, without source.
    pub key: Box<str>,
    /// The condition.
    pub operator: Operator,
}

/// Requirements that must all match; without a requirement the selector matches every identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// The requirements, ANDed.
    pub requirements: Vec<Requirement>,
}

impl Requirement {
    /// Returns whether `labels` meets this requirement (docs/semantics/cilium.md#cilium-selector-terms).
    pub fn matches(&self, labels: &Labels) -> bool {
        let mut with_key =
            labels.with_key(&self.key).filter(|l| self.source.as_deref().is_none_or(|s| s == l.source));
        match &self.operator {
            Operator::In(values) => with_key.any(|l| values.iter().any(|v| **v == *l.value)),
            Operator::NotIn(values) => !with_key.any(|l| values.iter().any(|v| **v == *l.value)),
            Operator::Exists => with_key.next().is_some(),
            Operator::DoesNotExist => with_key.next().is_none(),
        }
    }
}

impl Selector {
    /// Returns whether the requirement matches an identity without labels.
    pub fn is_negative(&self) -> bool {
        let negative = |r: &Requirement| matches!(r.operator, Operator::NotIn(_) | Operator::DoesNotExist);
        self.requirements.iter().all(negative)
    }

    /// Returns whether `labels` meets every requirement.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|r| r.matches(labels))
    }
}

/// The requirement as a manifest would state it.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Operator::DoesNotExist = self.operator {
            f.write_str("!")?;
        }
        if let Some(source) = self.source.as_deref().filter(|source| *source != "k8s") {
            write!(f, "{source}:")?;
        }
        f.write_str(short_key(&self.key))?;
        match &self.operator {
            Operator::In(values) => match &**values {
                [one] if one.is_empty() => Ok(()),
                [one] => write!(f, "={one}"),
                many => write!(f, " in ({})", many.join(",")),
            },
            Operator::NotIn(values) => write!(f, " not in ({})", values.join(",")),
            Operator::Exists | Operator::DoesNotExist => Ok(()),
        }
    }
}

impl Requirement {
    /// Returns whether the requirement is for the label that every endpoint of the cluster `default` has.
    fn is_default_cluster(&self) -> bool {
        let is = |value: &str| Label::new("k8s", &*self.key, value).is_default_cluster();
        matches!(&self.operator, Operator::In(values) if values.iter().all(|value| is(value)))
    }
}

/// The selector as a manifest would state it, without the label that every endpoint has.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<&Requirement> = self.requirements.iter().filter(|r| !r.is_default_cluster()).collect();
        if shown.is_empty() {
            return f.write_str("every endpoint");
        }
        for (i, requirement) in shown.into_iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}
