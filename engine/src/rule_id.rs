//! The identifier of a rule: its resource and its position in the resource.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    sync::Arc,
};
use core::fmt;

/// The resource that contains a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyRef {
    /// The Kubernetes kind, such as `AuthorizationPolicy`.
    pub kind: &'static str,
    /// The namespace; empty for cluster-scoped kinds.
    pub namespace: Box<str>,
    /// The name.
    pub name: Box<str>,
}

/// The identifier of a rule. Decisions and explanations contain it.
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
    /// The position in the list of rules, from 0.
    pub rule: u32,
    /// The list that contains the rule, such as `egress` or `ingressDeny`; empty for a kind with one list.
    pub section: &'static str,
    /// Position in the list of its `spec`, up to `u16::MAX`. It differs from `rule` in a resource with several `specs`.
    index: u16,
    /// One more than the position in `specs`; 0 for a rule of `spec`.
    specs: u16,
}

impl RuleId {
    /// Returns the identifier of rule number `rule` of `policy`, for a kind with one list of rules.
    #[must_use]
    pub fn new(policy: impl Into<Arc<PolicyRef>>, rule: u32) -> Self {
        Self::in_section(policy, "", rule)
    }

    /// Returns the identifier of rule number `rule` in the list `section` of `policy`.
    #[must_use]
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

    /// Returns the name of the rule in the Envoy configuration of istiod: `ns[NS]-policy[NAME]-rule[INDEX]`.
    ///
    /// Envoy writes it to the response code details (docs/semantics/istio.md#istio-rule-order).
    #[must_use]
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

/// Formats `Kind/namespace/name#3`, or `Kind/namespace/name#egress[3]` for a kind with several lists.
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
