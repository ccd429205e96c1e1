//! Where a rule came from: the resource and the rule's place in it.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    sync::Arc,
};
use core::fmt;

/// The resource that a rule was written in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyRef {
    /// Kubernetes kind, such as `AuthorizationPolicy`.
    pub kind: &'static str,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: Box<str>,
    /// Name.
    pub name: Box<str>,
}

/// One rule of one resource, all the way from the manifest to the answer.
///
/// ```
/// use palisade::{PolicyRef, RuleId};
///
/// let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "get".into() };
/// assert_eq!(RuleId::new(policy, 0).to_string(), "AuthorizationPolicy/foo/get#0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    /// The resource, shared by all its rules.
    pub policy: Arc<PolicyRef>,
    /// Place in the resource's list of rules, from 0. Where a kind has several lists, `section` tells them apart.
    pub rule: u32,
    /// The list the rule stands in, such as `egress` or `ingressDeny`; empty where a kind has only one.
    pub section: &'static str,
    /// Position in the list of its `spec`, up to `u16::MAX`. It differs from `rule` in a resource with several `specs`.
    index: u16,
    /// One more than the position in `specs`; 0 for a rule of `spec`.
    specs: u16,
}

impl RuleId {
    /// Rule number `rule` of `policy`, for kinds with one list of rules.
    pub fn new(policy: impl Into<Arc<PolicyRef>>, rule: u32) -> Self {
        Self::in_section(policy, "", rule)
    }

    /// Rule number `rule` of the list `section` of `policy`.
    pub fn in_section(policy: impl Into<Arc<PolicyRef>>, section: &'static str, rule: u32) -> Self {
        let index = rule.try_into().unwrap_or(u16::MAX);
        Self { policy: policy.into(), rule, section, index, specs: 0 }
    }

    /// Returns the id with the rule's position in a resource with several `specs`.
    #[must_use]
    pub(crate) fn in_specs(self, spec: usize, index: usize) -> Self {
        let narrow = |number: usize| number.try_into().unwrap_or(u16::MAX);
        Self { index: narrow(index), specs: narrow(spec).saturating_add(1), ..self }
    }

    /// Returns the path of the rule in its resource, such as `spec.rules[0]` or `spec.egress[1]`.
    pub fn path(&self) -> String {
        let Self { section, index, .. } = self;
        match (self.policy.kind, *section, self.specs.checked_sub(1)) {
            ("AuthorizationPolicy", _, _) => alloc::format!("spec.rules[{}]", self.rule),
            (_, "", _) => "spec".into(),
            (_, section, None) => alloc::format!("spec.{section}[{index}]"),
            (_, section, Some(specs)) => alloc::format!("specs[{specs}].{section}[{index}]"),
        }
    }

    /// The name that istiod gives the rule in Envoy's configuration: `ns[NS]-policy[NAME]-rule[INDEX]`.
    ///
    /// Source: docs/semantics/istio.md#istio-rule-order, and what Envoy prints in its response-code details.
    pub fn envoy_name(&self) -> String {
        alloc::format!("ns[{}]-policy[{}]-rule[{}]", self.policy.namespace, self.policy.name, self.rule)
    }
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// `Kind/namespace/name#3`, or `Kind/namespace/name#egress[3]` where a kind has several lists.
impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.section.is_empty() {
            write!(f, "{}#{}", self.policy, self.rule)
        } else {
            write!(f, "{}#{}[{}]", self.policy, self.section, self.rule)
        }
    }
}

impl From<&RuleId> for String {
    fn from(id: &RuleId) -> Self {
        id.to_string()
    }
}
