//! What the admission webhooks of Istio and Cilium would refuse or warn of, and traps that users report.

use crate::{cluster::Cluster, diagnostic::Diagnostic, options::Options};
use alloc::vec::Vec;

/// Every finding about the policies of `cluster`; those of severity error make a load fail.
pub fn check(cluster: &Cluster, options: &Options) -> Vec<Diagnostic> {
    let _ = (cluster, options);
    Vec::new()
}
