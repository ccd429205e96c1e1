//! Findings about policies that istiod, the API server or the Cilium agent rejects, and warnings about policies with a
//! surprising effect.

mod istio;
mod istio_jwt;
mod istio_provider;
mod istio_rule;
mod istio_traps;

use crate::{
    cluster::Cluster,
    diagnostic::{Diagnostic, Findings},
    lower::cilium,
    options::{Options, Profile},
};
use alloc::vec::Vec;

/// Returns the findings about the policies of `cluster`. Those of severity error make a load fail.
pub fn check(cluster: &Cluster, options: &Options) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    istio::check(cluster, &mut findings);
    istio_provider::check(cluster, options, &mut findings);
    if options.profile == Profile::Strict {
        istio_traps::check(cluster, &mut findings);
    }
    cilium::validate(cluster, options, &mut findings);
    findings.into_vec()
}
