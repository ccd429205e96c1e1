//! Case files: flows and their expected decisions.
//!
//! [`CaseFile::read`] reads a `*.cases.yaml`. A [`Backend`] decides each [`Case`], and [`compare`] returns the differences
//! from the expected decision. [`run()`] does this for many files. The command line and the conformance tests use it.

mod backend;
mod case;
mod compare;
mod file;
mod load;
mod run;
mod schema;

pub use backend::{Answer, Backend, BackendError, InProcess, Session};
pub use case::{Case, FlowCase, LoadCase, Question};
pub use compare::{Mismatch, compare, describe_decider};
pub use file::{CaseFile, InvalidFile, ManifestSource, find};
pub use load::LoadAnswer;
pub use palisade_manifests::Access;
pub use run::{CaseReport, CaseResult, FileReport, Report, Summary, run, run_with};
pub use schema::{EventSpec, Expect, check_times, default_host, default_target, events, token};
