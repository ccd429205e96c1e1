//! What the admission webhooks of Istio and Cilium would refuse or warn of, and traps that users report.

mod cilium;
mod istio;
mod istio_jwt;
mod istio_provider;
mod istio_rule;
mod istio_traps;

use crate::{
    cluster::Cluster,
    diagnostic::{Authority, Diagnostic},
    options::{Options, Profile},
    resource::Object,
};
use alloc::{string::String, vec::Vec};

/// Every finding about the policies of `cluster`; those of severity error make a load fail.
pub fn check(cluster: &Cluster, options: &Options) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    istio::check(cluster, &mut findings);
    istio_provider::check(cluster, options, &mut findings);
    if options.profile == Profile::Strict {
        istio_traps::check(cluster, &mut findings);
    }
    findings.0.extend(cilium::check(cluster, options));
    findings.0
}

/// Collects findings about one object after the other.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Diagnostic>);

impl Findings {
    /// Adds a finding about `object`.
    pub(crate) fn add<T>(&mut self, object: &Object<T>, finding: Diagnostic) {
        self.0.push(finding.of(object.title(), &object.origin));
    }

    /// An error about the field at `path` of `object`.
    pub(crate) fn error<T>(
        &mut self,
        object: &Object<T>,
        path: impl Into<String>,
        message: impl Into<String>,
        help: &str,
    ) {
        let finding = Diagnostic::error("rejected-by-istiod", message).at(path).help(help);
        self.add(object, finding.refused_by(Authority::Istiod));
    }

    /// A warning about the field at `path` of `object`.
    pub(crate) fn warning<T>(
        &mut self,
        object: &Object<T>,
        code: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
        help: &str,
    ) {
        self.add(object, Diagnostic::warning(code, message).at(path).help(help));
    }
}
