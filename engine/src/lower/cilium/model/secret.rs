//! Secrets that policies refer to.

use super::scope::Scope;
use crate::resource::{Object, cilium, kubernetes::Secret};
use alloc::{
    format,
    string::{String, ToString},
};

/// Returns the Secret that `reference` names. Without a namespace it is in that of the policy.
pub(crate) fn find<'s>(reference: &cilium::Secret, scope: &Scope<'s>) -> Option<&'s Object<Secret>> {
    let namespace = namespace(reference, scope);
    let name = reference.name.as_deref()?;
    scope.index.secret(namespace, name)
}

/// Returns the value of the Secret that `reference` names, if it has exactly one.
pub(crate) fn value(reference: &cilium::Secret, scope: &Scope<'_>) -> Option<String> {
    let mut values = find(reference, scope)?.spec.values.values();
    let first = values.next()?;
    values.next().is_none().then(|| first.clone())?
}

/// Returns `namespace/name` of the Secret that `reference` names.
pub(super) fn title(reference: Option<&cilium::Secret>, scope: &Scope<'_>) -> String {
    let Some(reference) = reference else { return "?".to_string() };
    format!("{}/{}", namespace(reference, scope), reference.name.as_deref().unwrap_or_default())
}

fn namespace<'r, 's: 'r>(reference: &'r cilium::Secret, scope: &Scope<'s>) -> &'r str {
    let written = reference.namespace.as_deref().filter(|n| !n.is_empty());
    written.or(scope.namespace).unwrap_or("default")
}
