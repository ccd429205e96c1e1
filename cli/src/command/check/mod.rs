//! `palisade check`.

mod end;
mod flow;

use super::input::{self, Format, ManifestArgs, OptionArgs};
use crate::{
    Output,
    failure::Failure,
    show::{explanation, notes},
};
use clap::Args;
use palisade::{
    CiliumVersion, Options, Profile, Verdict,
    flow::{FlowError, History, Simulation},
};
use palisade_cases::{Answer, CaseJson};
use serde::Serialize;

/// May this request pass, which rule decided, and if not, what was nearly right?
///
/// Examples:
///
///     palisade check -f manifests/ --from foo/sleep --to foo/sample:8000 --method DELETE --path /status
///     palisade check -f manifests/ --from foo/sleep --to www.google.com:443
///     palisade check -f manifests/ --from 203.0.113.7 --to foo/sample:8000 --plaintext
///     palisade check -f manifests/ --from foo/sleep --to kube-system/kube-dns --query www.google.com
///     kubectl get pods,ns,svc,authorizationpolicies -A -o yaml | palisade check -f - --from .. --to ..
///
/// Exit code 0: allowed. 1: anything else. 2: the input is bad.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Check {
    #[command(flatten)]
    manifests: ManifestArgs,
    #[command(flatten)]
    flow: flow::FlowArgs,
    #[command(flatten)]
    options: OptionArgs,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

/// The answer, and whose semantics it follows.
#[derive(Serialize)]
struct CheckJson {
    #[serde(flatten)]
    answer: CaseJson,
    profile: &'static str,
    versions: VersionsJson,
}

#[derive(Serialize)]
struct VersionsJson {
    istio: String,
    envoy: String,
    cilium: &'static str,
}

impl Check {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        let options = self.options.options()?;
        let manifests = input::valid(&self.manifests, &options)?;
        let asked = self.flow.read(&manifests.cluster)?;
        asked.remarks.iter().for_each(|remark| notes::say(remark));
        let simulation = Simulation::new(&manifests.cluster, options.clone());
        let mut history = History::default();
        for event in &asked.after {
            simulation.happen(&mut history, event).map_err(|error| wrong(&error))?;
        }
        let explained = simulation.explain(&asked.flow, &history).map_err(|error| wrong(&error))?;
        let code = u8::from(explained.decision.verdict != Verdict::Allow);
        let text = match self.output {
            Format::Text => explanation::text(&asked.title, &explained),
            Format::Json => {
                let answer = CaseJson::new(&asked.title, &Answer::from(explained.decision));
                let report = CheckJson { answer, profile: profile(&options), versions: versions(&options) };
                let text = serde_json::to_string_pretty(&report).unwrap_or_default();
                format!("{text}\n")
            }
        };
        Ok(Output { text, code })
    }
}

fn wrong(error: &FlowError) -> Failure {
    Failure::argument(error.to_string(), error.help())
}

fn profile(options: &Options) -> &'static str {
    match options.profile {
        Profile::Compat => "compat",
        Profile::Strict => "strict",
        Profile::AzureAcns => "azure-acns",
    }
}

fn versions(options: &Options) -> VersionsJson {
    VersionsJson {
        istio: options.istio_version.clone(),
        envoy: options.envoy_version.clone(),
        cilium: match options.cilium_version {
            CiliumVersion::V1_17 => "1.17",
            CiliumVersion::V1_18 => "1.18",
            CiliumVersion::V1_19 => "1.19",
            CiliumVersion::V1_20 => "1.20",
        },
    }
}
