//! `palisade lint`.

use super::input::{Format, ManifestArgs, OptionArgs};
use crate::{
    failure::Failure,
    output::Output,
    report::finding,
    show::{
        diagnostics,
        style::{BAD, DOUBT, GOOD},
        text::{Text, paint},
    },
};
use clap::Args;
use palisade::{Diagnostic, Severity};
use serde_json::json;

/// Report policies that are invalid or that users often misread.
///
/// An error is a policy that istiod, the Cilium agent or the API server
/// rejects. A warning is a policy that only the schema of Cilium's CRDs
/// rejects, or a documented trap. docs/lint.md lists all of them.
///
/// Example:
///
///     palisade lint -f manifests/ --option ciliumVersion=1.19
///
/// Exit codes:
///   0  no problems found
///   1  problems found
///   2  a file is not Kubernetes YAML or JSON
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Lint {
    #[command(flatten)]
    manifests: ManifestArgs,
    #[command(flatten)]
    options: OptionArgs,
    /// Format of the output.
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
        (0, 0) => return Text::of(&[&paint(GOOD, "no problems found")]),
        (0, _) => DOUBT,
        _ => BAD,
    };
    let counts = format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    Text::of(&[&paint(style, counts)])
}
