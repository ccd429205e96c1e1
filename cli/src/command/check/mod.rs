//! `palisade check`.

pub(super) mod end;
mod flow;
mod timeline;

pub(crate) use timeline::{Stretch, Timeline};

use super::input::{self, Format, ManifestArgs, OptionArgs};
use crate::{
    Output,
    failure::Failure,
    show::{self, explanation, notes, text::Text},
};
use clap::Args;
use palisade::{
    Options, Verdict,
    flow::{Event, Flow, FlowError, History, Simulation},
};
use palisade_cases::{Answer, CaseJson, ExplanationJson, options_json};
use serde::Serialize;
use std::path::PathBuf;

/// May this request pass, which rule decided, and if not, what was nearly right?
///
/// Examples:
///
///     palisade check -f manifests/ --from foo/sleep --to foo/sample:8000 --method DELETE --path /status
///     palisade check -f manifests/ --from foo/sleep --to www.google.com:443
///     palisade check -f manifests/ --from 203.0.113.7 --to foo/sample:8000 --plaintext
///     palisade check -f manifests/ --from foo/sleep --to kube-system/kube-dns --query www.google.com
///     palisade check -f manifests/ --from foo/sleep --to www.google.com:443 --timeline --answers answers.yaml
///     kubectl get pods,ns,svc,authorizationpolicies -A -o yaml | palisade check -f - --from .. --to ..
///
/// Exit code 0: allowed (with --timeline: at some time). 1: anything else. 2: the input is bad.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Check {
    #[command(flatten)]
    manifests: ManifestArgs,
    #[command(flatten)]
    flow: flow::FlowArgs,
    /// What happened before: the items of `after:` of a case file, as YAML or as JSON lines (`palisade dns-proxy --output
    /// json` writes such).
    #[arg(long, value_name = "FILE", help_heading = "DNS")]
    answers: Option<PathBuf>,
    /// Print when the flow is allowed and when dropped, from the beginning of --answers to the end of what it teaches.
    #[arg(long, requires = "answers", help_heading = "DNS")]
    timeline: bool,
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
    #[serde(flatten)]
    explanation: ExplanationJson,
    profile: &'static str,
    versions: VersionsJson,
}

#[derive(Serialize)]
struct VersionsJson {
    istio: String,
    envoy: String,
    cilium: String,
}

impl Check {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        let options = self.options.options()?;
        let manifests = input::valid(&self.manifests, &options)?;
        let asked = self.flow.read(&manifests.cluster)?;
        asked.remarks.iter().for_each(|remark| notes::say(remark));
        let simulation = Simulation::new(&manifests.cluster, options.clone());
        let mut events = asked.after;
        if let Some(path) = &self.answers {
            events.extend(palisade_cases::recording(path, &self.manifests.access())?);
        }
        if self.timeline {
            return self.timeline(&simulation, &asked.flow, &asked.title, &events);
        }
        let mut history = History::default();
        for event in &events {
            simulation.happen(&mut history, event).map_err(|error| wrong(&error))?;
        }
        let explained = simulation.explain(&asked.flow, &history).map_err(|error| wrong(&error))?;
        let code = u8::from(explained.decision.verdict != Verdict::Allow);
        let text = match self.output {
            Format::Text => explanation::text(&asked.title, &explained),
            Format::Json => {
                let explanation = ExplanationJson::new(&explained);
                let mut answer = CaseJson::new(&asked.title, &Answer::from(explained.decision));
                answer.options = options_json(&options);
                let report = CheckJson {
                    answer,
                    explanation,
                    profile: options.profile.as_str(),
                    versions: versions(&options),
                };
                Text::json_pretty(&report)
            }
        };
        Ok(Output { text, code })
    }
}

impl Check {
    fn timeline(
        &self,
        simulation: &Simulation<'_>,
        flow: &Flow,
        title: &str,
        events: &[Event],
    ) -> Result<Output, Failure> {
        let timelines = timeline::timelines(simulation, flow, events).map_err(|error| wrong(&error))?;
        let mut stretches = timelines.iter().flat_map(|timeline| &timeline.stretches);
        let code = u8::from(!stretches.any(|stretch| stretch.verdict == Verdict::Allow));
        let text = match self.output {
            Format::Text => show::timeline::text(title, &timelines),
            Format::Json => show::timeline::json(title, &timelines),
        };
        Ok(Output { text, code })
    }
}

fn wrong(error: &FlowError) -> Failure {
    Failure::argument(error.to_string(), error.help())
}

fn versions(options: &Options) -> VersionsJson {
    VersionsJson {
        istio: options.istio.version.to_string(),
        envoy: options.envoy.version.to_string(),
        cilium: options.cilium.version.to_string(),
    }
}
