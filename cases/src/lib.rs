//! Case files: a flow, what it should get, and who should have decided.
//!
//! A [`CaseFile`] is read from a `*.cases.yaml`, its [`Manifests`] are loaded beside it, and a [`Backend`] answers each
//! [`Case`]; [`compare`] tells whether the answer is the expected one. [`run()`] does all of this for many files at
//! once. The command line and the conformance tests run the same files through here.

mod access;
mod backend;
mod case;
mod compare;
mod explanation_json;
mod file;
mod json;
mod load;
mod manifests;
mod recording;
mod run;
mod source;
mod written;

pub use access::Access;
pub use backend::{Answer, Backend, InProcess, NoAnswer, Session};
pub use case::{Case, FlowCase, LoadCase, Question};
pub use compare::{Mismatch, compare, spell};
pub use explanation_json::ExplanationJson;
pub use file::{CaseFile, ManifestSource, find};
pub use json::{ByJson, CaseJson, LayerJson, ShadowJson, changed_options, options_json};
pub use load::LoadAnswer;
pub use manifests::Manifests;
pub use recording::{parse_recording, recording};
pub use run::{CaseReport, CaseResult, FileReport, Report, Summary, run, run_with};
pub use source::Sources;
pub use written::{Expect, default_host, default_target, token};
