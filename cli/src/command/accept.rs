//! `--accept-inexact`: policies that the output cannot enforce exactly.

use crate::{failure::Failure, show::notes};
use clap::Args;
use palisade::{Diagnostic, Severity, enforcement::Inexact, resource::Resources};
use palisade_manifests::Manifests;
use std::collections::BTreeSet;

/// The argument `--accept-inexact`.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// Accept that the output does not enforce this policy exactly; repeatable.
    #[arg(long = "accept-inexact", value_name = "KIND/NAMESPACE/NAME")]
    accepted: Vec<String>,
}

impl AcceptArgs {
    /// Prints the findings of accepted policies as warnings and returns the names of these policies. The other findings
    /// are a failure.
    pub(crate) fn check(
        &self,
        found: Vec<Inexact>,
        manifests: &Manifests,
    ) -> Result<BTreeSet<String>, Failure> {
        let known = policies(manifests.cluster.resources());
        if let Some(unknown) = self.accepted.iter().find(|name| !known.contains(*name)) {
            let named: Vec<String> = known.iter().take(5).map(|name| format!("`{name}`")).collect();
            let help = match named.is_empty() {
                true => "the manifests contain no policy".to_owned(),
                false => format!("the manifests contain {}", named.join(", ")),
            };
            return Err(Failure::argument(format!("unknown policy `{unknown}` in --accept-inexact"), help));
        }
        let mut accepted = BTreeSet::new();
        let mut findings: Vec<Diagnostic> = Vec::new();
        let mut is_refused = false;
        for Inexact { policy, mut finding } in found {
            let name = policy.to_string();
            if self.accepted.contains(&name) {
                finding.severity = Severity::Warning;
                accepted.insert(name);
            } else {
                is_refused = true;
                let help = finding.help.unwrap_or_default();
                finding.help = Some(format!("{help}; or accept it: --accept-inexact {name}"));
            }
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        if is_refused {
            findings.retain(|finding| finding.severity == Severity::Error);
            return Err(Failure::Input(findings, manifests.sources.clone()));
        }
        notes::warnings(&findings, &manifests.sources);
        for name in self.accepted.iter().filter(|name| !accepted.contains(*name)) {
            notes::print(&format!("`{name}` needs no --accept-inexact: this format enforces it exactly"));
        }
        Ok(accepted)
    }
}

/// Returns every policy of a kind that an output may be unable to enforce, as `Kind/namespace/name`.
fn policies(resources: &Resources) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    macro_rules! add {
        ($($list:ident),*) => {
            $(names.extend(resources.$list.iter().map(|object| object.reference().to_string()));)*
        };
    }
    add!(
        authorization_policies,
        network_policies,
        cilium_network_policies,
        cilium_clusterwide_network_policies,
        cluster_network_policies
    );
    names
}
