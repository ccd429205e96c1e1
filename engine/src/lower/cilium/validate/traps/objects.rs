//! The endpoints and the network policies of a cluster, by name.

use super::super::super::{lower::Endpoint, model::PolicyObject};
use crate::{
    cluster::Cluster,
    diagnostic::{Diagnostic, Findings},
    rule_id::PolicyRef,
};
use alloc::{collections::BTreeMap, string::String};

/// An endpoint with its name in findings.
pub(super) type NamedEndpoint<'a> = (String, Endpoint<'a>);

/// The network policies by name. Of several with one name, it has the first.
pub(super) struct Objects<'c>(BTreeMap<PolicyRef, PolicyObject<'c>>);

impl<'c> Objects<'c> {
    pub(super) fn new(cluster: &'c Cluster) -> Self {
        let mut objects = BTreeMap::new();
        for object in PolicyObject::all(cluster) {
            objects.entry(object.reference()).or_insert(object);
        }
        Self(objects)
    }

    /// Adds `finding` about the object with the name `policy`.
    pub(super) fn add(&self, policy: &PolicyRef, finding: Diagnostic, findings: &mut Findings) {
        if let Some(object) = self.0.get(policy) {
            findings.add(object.resource(), finding);
        }
    }
}
