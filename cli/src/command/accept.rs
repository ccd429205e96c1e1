//! `--accept-inexact`: policies that the printed form cannot enforce exactly.

use crate::{failure::Failure, show::notes};
use clap::Args;
use palisade::{Diagnostic, Severity, enforcement::Inexact, resource::Resources};
use palisade_cases::Manifests;
use std::collections::BTreeSet;

/// `--accept-inexact`.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// Print the form although it does not enforce this policy exactly. May be repeated.
    #[arg(long = "accept-inexact", value_name = "KIND/NAMESPACE/NAME")]
    accepted: Vec<String>,
}

impl AcceptArgs {
    /// Fails with every finding whose policy is not accepted, prints the accepted ones as warnings, and returns their
    /// policies by name.
    pub(crate) fn check(
        &self,
        found: Vec<Inexact>,
        manifests: &Manifests,
    ) -> Result<BTreeSet<String>, Failure> {
        let known = policies(manifests.cluster.resources());
        if let Some(unknown) = self.accepted.iter().find(|name| !known.contains(*name)) {
            let named: Vec<String> = known.iter().take(5).map(|name| format!("`{name}`")).collect();
            let help = match named.is_empty() {
                true => "the manifests hold no policy".to_owned(),
                false => format!("the manifests hold {}", named.join(", ")),
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
            notes::say(&format!("`{name}` needs no --accept-inexact: this form enforces it exactly"));
        }
        Ok(accepted)
    }
}

/// Every policy of a kind that a form may have to leave out, as `Kind/namespace/name`.
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
