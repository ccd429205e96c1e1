//! The entry point of the library: manifests are read, validated, and compiled.
//!
//! [`Policies`] reads manifests. [`Policies::validate`] returns [`ValidatedPolicies`], the only way to a [`PolicySet`] or a
//! [`Simulation`]: an invalid policy is an error and is never ignored in part.

use crate::{
    cluster::{CalledService, Cluster, Workload},
    diagnostic::{Diagnostic, Severity},
    flow::Simulation,
    lint,
    options::Options,
    policy_set::PolicySet,
    resource::Resources,
};
use alloc::{sync::Arc, vec::Vec};
use core::fmt;
use serde_json::Value;

/// Manifests that were read but not validated.
///
/// ```
/// use palisade::{Options, Policies};
/// use serde_json::json;
///
/// let policies = Policies::from_json(json!({
///     "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
///     "metadata": {"name": "get-only", "namespace": "foo"},
///     "spec": {"rules": [{"to": [{"operation": {"ports": ["http"]}}]}]},
/// }))?;
/// let error = policies.validate(&Options::default()).unwrap_err();
/// assert_eq!(error.diagnostics()[0].path, "spec.rules[0].to[0].operation.ports[0]");
/// # Ok::<(), palisade::LoadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Policies {
    resources: Resources,
    warnings: Vec<Diagnostic>,
}

impl Policies {
    /// Reads every Kubernetes object of a YAML text. `file` is the name that errors contain.
    ///
    /// # Errors
    ///
    /// The text is not YAML, or a document is not a valid object.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, LoadError> {
        let mut policies = Self::default();
        policies.add_yaml(file, text)?;
        Ok(policies)
    }

    /// Reads one Kubernetes object, or each item of a `List`.
    ///
    /// # Errors
    ///
    /// The value is not a valid object.
    pub fn from_json(object: Value) -> Result<Self, LoadError> {
        let mut policies = Self::default();
        policies.add_json(object)?;
        Ok(policies)
    }

    /// Adds every Kubernetes object of a YAML text.
    ///
    /// # Errors
    ///
    /// As [`Policies::from_yaml`]. The valid objects are added.
    #[cfg(feature = "yaml")]
    pub fn add_yaml(&mut self, file: &str, text: &str) -> Result<(), LoadError> {
        let (errors, warnings) = partition(crate::manifest::load(file, text, &mut self.resources));
        self.warnings.extend(warnings);
        if errors.is_empty() { Ok(()) } else { Err(LoadError { diagnostics: errors }) }
    }

    /// Adds one Kubernetes object, or each item of a `List`.
    ///
    /// # Errors
    ///
    /// As [`Policies::from_json`].
    pub fn add_json(&mut self, object: Value) -> Result<(), LoadError> {
        let added = self.resources.add(object, Default::default());
        added.map_err(|diagnostic| LoadError { diagnostics: alloc::vec![diagnostic] })
    }

    /// Validates the objects as istiod, the API server and the Cilium agent do.
    ///
    /// # Errors
    ///
    /// One of them refuses an object.
    pub fn validate(self, options: &Options) -> Result<ValidatedPolicies, ValidationError> {
        let Self { resources, mut warnings } = self;
        let (cluster, duplicates) = Cluster::new(resources);
        let (errors, found) = partition(duplicates.into_iter().chain(lint::check(&cluster, options)));
        if !errors.is_empty() {
            return Err(ValidationError { diagnostics: errors });
        }
        warnings.extend(found);
        Ok(ValidatedPolicies { cluster: Arc::new(cluster), options: options.clone(), warnings })
    }
}

#[doc(hidden)]
impl From<Resources> for Policies {
    fn from(resources: Resources) -> Self {
        Self { resources, warnings: Vec::new() }
    }
}

/// Splits findings into errors and warnings.
fn partition(findings: impl IntoIterator<Item = Diagnostic>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    findings.into_iter().partition(|finding| finding.severity == Severity::Error)
}

/// Policies that passed validation under one set of options. A clone is another reference to the same cluster.
#[derive(Clone, Debug)]
pub struct ValidatedPolicies {
    cluster: Arc<Cluster>,
    options: Options,
    warnings: Vec<Diagnostic>,
}

impl ValidatedPolicies {
    /// Returns the cluster that the manifests describe.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Returns the options of the validation.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the warnings: findings about valid objects that are probably mistakes.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Compiles the mesh policies that apply to `workload`.
    ///
    /// # Cost
    ///
    /// Linear in the size of the policies.
    pub fn policy_set(&self, workload: &Workload) -> PolicySet {
        PolicySet::new(&self.cluster, workload, None, &self.options)
    }

    /// Compiles the mesh policies that the waypoint `workload` enforces for requests to `service`.
    pub fn policy_set_for_service(&self, workload: &Workload, service: CalledService<'_>) -> PolicySet {
        PolicySet::new(&self.cluster, workload, Some(service), &self.options)
    }

    /// Returns a simulation of the cluster. It compiles the policies of a workload with its first flow.
    pub fn simulation(&self) -> Simulation {
        Simulation::of_cluster(Arc::clone(&self.cluster), self.options.clone())
    }
}

/// The error of unreadable manifests.
#[derive(Clone, Debug)]
pub struct LoadError {
    diagnostics: Vec<Diagnostic>,
}

/// The error of manifests that istiod, the API server or the Cilium agent refuses.
#[derive(Clone, Debug)]
pub struct ValidationError {
    diagnostics: Vec<Diagnostic>,
}

macro_rules! diagnostics_error {
    ($error:ident) => {
        impl $error {
            /// Returns the errors, in the order of the input; at least one.
            pub fn diagnostics(&self) -> &[Diagnostic] {
                &self.diagnostics
            }
        }

        /// One line for each error.
        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (i, diagnostic) in self.diagnostics.iter().enumerate() {
                    let separator = if i == 0 { "" } else { "\n" };
                    write!(f, "{separator}{diagnostic}")?;
                }
                Ok(())
            }
        }

        impl core::error::Error for $error {}
    };
}

diagnostics_error!(LoadError);
diagnostics_error!(ValidationError);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n";

    #[test]
    fn unreadable_document_is_an_error_and_the_others_are_read() {
        let mut policies = Policies::default();
        let text = alloc::format!("{NAMESPACE}---\napiVersion: v1\nkind: Pod\nmetadata: {{}}\n");
        let error = policies.add_yaml("a.yaml", &text).unwrap_err();
        assert!(error.to_string().starts_with("a.yaml:"), "{error}");
        assert_eq!(policies.resources.namespaces.len(), 1);
    }

    #[test]
    fn refused_policy_has_no_validated_form() {
        let text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
                    metadata: {name: p, namespace: foo}\n\
                    spec: {rules: [{to: [{operation: {ports: [http]}}]}]}\n";
        let policies = Policies::from_yaml("p.yaml", text).unwrap();
        let error = policies.validate(&Options::default()).unwrap_err();
        assert!(error.diagnostics().iter().all(|d| d.severity == Severity::Error));
    }

    #[test]
    fn object_given_twice_is_reported() {
        let policies = Policies::from_yaml("a.yaml", &[NAMESPACE, "---\n", NAMESPACE].concat()).unwrap();
        let findings = match policies.validate(&Options::default()) {
            Ok(validated) => validated.warnings().to_vec(),
            Err(error) => error.diagnostics().to_vec(),
        };
        assert_eq!(findings.len(), 1);
    }
}
