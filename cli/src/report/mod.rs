//! The JSON output of the commands.

mod answer;
mod explanation;
mod finding;
mod position;

pub(crate) use answer::{AnswerJson, ByJson, changed_options, options_json};
pub(crate) use explanation::ExplanationJson;
pub(crate) use finding::finding;
pub(crate) use position::{PositionsJson, RuleSource, RuleSources};
