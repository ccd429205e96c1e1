//! `palisade check`.

mod flow;
mod recording;

use super::input::{self, Format, ManifestArgs, OptionArgs};
use crate::{
    failure::Failure,
    output::Output,
    report::{AnswerJson, ExplanationJson, PositionsJson, RuleSources, options_json},
    show::{self, explanation, notes, text::Text},
    timeline,
};
use clap::Args;
use palisade::{
    Options, Verdict,
    flow::{Event, Flow, FlowError, History, Simulation},
};
use palisade_cases::Answer;
use serde::Serialize;
use std::path::PathBuf;

/// Decide one request and explain the decision.
///
/// Examples:
///
///     palisade check -f manifests/ --from foo/sleep \
///         --to foo/sample:8000 --method DELETE --path /status
///     palisade check -f manifests/ --from foo/sleep \
///         --to www.google.com:443
///     palisade check -f manifests/ --from 203.0.113.7 \
///         --to foo/sample:8000 --plaintext
///     palisade check -f manifests/ --from foo/sleep \
///         --to kube-system/kube-dns --query www.google.com
///     palisade check -f manifests/ --from foo/sleep \
///         --to www.google.com:443 --timeline --answers answers.yaml
///     kubectl get pods,ns,svc,authorizationpolicies -A -o yaml |
///         palisade check -f - --from foo/sleep --to foo/sample:8000
///
/// Exit codes:
///   0  allowed (with --timeline: at some time)
///   1  not allowed
///   2  invalid input
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Check {
    #[command(flatten)]
    manifests: ManifestArgs,
    #[command(flatten)]
    flow: flow::FlowArgs,
    /// Read the DNS answers and connections before the flow from FILE
    ///
    /// FILE contains the items of `after:` of a case file, as YAML or as
    /// JSON lines. `palisade dns-proxy --output json` prints such lines.
    #[arg(long, value_name = "FILE", help_heading = "DNS", verbatim_doc_comment)]
    answers: Option<PathBuf>,
    /// Print when the flow is allowed, along the answers in --answers.
    #[arg(long, requires = "answers", help_heading = "DNS")]
    timeline: bool,
    #[command(flatten)]
    options: OptionArgs,
    /// Format of the output.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

/// The decision, and the semantics that it follows.
#[derive(Serialize)]
struct CheckJson {
    #[serde(flatten)]
    answer: AnswerJson,
    #[serde(flatten)]
    explanation: ExplanationJson,
    positions: PositionsJson,
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
        let request = self.flow.read(&manifests.cluster)?;
        request.notes.iter().for_each(|note| notes::print(note));
        let simulation = Simulation::new(manifests.cluster.clone(), options.clone());
        let mut events = request.after;
        if let Some(path) = &self.answers {
            events.extend(recording::recording(path, &self.manifests.access())?);
        }
        if self.timeline {
            return self.timeline(&simulation, &request.flow, &request.title, &events);
        }
        let mut history = History::default();
        for event in &events {
            simulation.apply(&mut history, event).map_err(|error| invalid(&error))?;
        }
        let explained = simulation.explain(&request.flow, &history).map_err(|error| invalid(&error))?;
        let code = u8::from(explained.decision.verdict != Verdict::Allow);
        let rules = RuleSources::new(&manifests, &explained);
        let text = match self.output {
            Format::Text => {
                let mut text = explanation::text(&request.title, &explained);
                text.append(show::rule::text(&rules, &manifests.sources));
                text
            }
            Format::Json => {
                let explanation = ExplanationJson::new(&explained);
                let mut answer = AnswerJson::new(&request.title, &Answer::from(explained.decision));
                answer.options = options_json(&options);
                Text::json_pretty(&CheckJson {
                    answer,
                    explanation,
                    positions: PositionsJson::from(&rules),
                    profile: options.profile.as_str(),
                    versions: versions(&options),
                })
            }
        };
        Ok(Output { text, code })
    }

    fn timeline(
        &self,
        simulation: &Simulation,
        flow: &Flow,
        title: &str,
        events: &[Event],
    ) -> Result<Output, Failure> {
        let timelines = timeline::timelines(simulation, flow, events).map_err(|error| invalid(&error))?;
        let mut periods = timelines.iter().flat_map(|timeline| &timeline.periods);
        let code = u8::from(!periods.any(|period| period.verdict == Verdict::Allow));
        let text = match self.output {
            Format::Text => show::timeline::text(title, &timelines),
            Format::Json => show::timeline::json(title, &timelines),
        };
        Ok(Output { text, code })
    }
}

fn invalid(error: &FlowError) -> Failure {
    Failure::argument(error.to_string(), error.help())
}

fn versions(options: &Options) -> VersionsJson {
    VersionsJson {
        istio: options.istio.version.to_string(),
        envoy: options.envoy.version.to_string(),
        cilium: options.cilium.version.to_string(),
    }
}
