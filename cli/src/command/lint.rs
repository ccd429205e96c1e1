//! `palisade lint`.

use super::input::{Format, ManifestArgs, OptionArgs};
use crate::{
    Output,
    failure::Failure,
    show::{
        diagnostics,
        style::{BAD, DOUBT, GOOD},
        text::{Text, paint},
    },
};
use clap::Args;
use palisade::{Diagnostic, Severity};
use serde_json::{Value, json};

/// Report what Istio and Cilium would refuse, and what they accept but probably is not meant.
///
/// Errors are what istiod's admission webhook, the Cilium agent or the API server rejects; each names who does. Warnings
/// are what only the schema of Cilium's CRDs rejects, and documented traps: a toFQDNs rule whose names the pod may not
/// look up, a `*` where `**` is needed, deny rules that close everything else. docs/lint.md lists them.
///
/// Exit code 0: nothing found. 1: something was found. 2: a file cannot be read as Kubernetes YAML.
#[derive(Debug, Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    manifests: ManifestArgs,
    #[command(flatten)]
    options: OptionArgs,
    /// How the findings are printed.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

impl Lint {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        let options = self.options.options()?;
        let manifests = self.manifests.load()?;
        let mut findings = manifests.findings.clone();
        findings.extend(manifests.lint(&options));
        let code = u8::from(!findings.is_empty());
        let text = match self.output {
            Format::Text => {
                let mut text = diagnostics::render(&findings, &manifests.sources);
                text.append(total(&findings));
                text
            }
            Format::Json => {
                let ignored = &manifests.cluster.resources().ignored.0;
                let report = json!({
                    "findings": findings.iter().map(finding).collect::<Vec<_>>(),
                    "summary": {
                        "errors": count(&findings, Severity::Error),
                        "warnings": count(&findings, Severity::Warning),
                    },
                    "ignored": ignored,
                });
                Text::json_pretty(&report)
            }
        };
        Ok(Output { text, code })
    }
}

fn count(findings: &[Diagnostic], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

fn total(findings: &[Diagnostic]) -> Text {
    let (errors, warnings) = (count(findings, Severity::Error), count(findings, Severity::Warning));
    let plural = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    let style = match (errors, warnings) {
        (0, 0) => return Text::of(&[&paint(GOOD, "nothing found")]),
        (0, _) => DOUBT,
        _ => BAD,
    };
    let counts = format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    Text::of(&[&paint(style, counts)])
}

/// The JSON form of a finding.
pub(super) fn finding(finding: &Diagnostic) -> Value {
    json!({
        "code": finding.code,
        "severity": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": finding.message,
        "help": finding.help,
        "refusedBy": finding.refused_by.iter().map(|authority| authority.as_str()).collect::<Vec<_>>(),
        "resource": finding.resource,
        "path": finding.path,
        "file": finding.origin.file.as_deref(),
        "line": finding.position.map_or(finding.origin.line, |(line, _)| line),
        "column": finding.position.map(|(_, column)| column),
    })
}
