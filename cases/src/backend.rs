//! Back ends, which decide the flows of cases.

use crate::case::FlowCase;
use palisade::{
    DecidedBy, Layer, LayerDecision, Options, Verdict,
    flow::{FlowDecision, FlowError, History, Simulation},
};
use palisade_manifests::Manifests;

/// The decision of a back end; parts that it does not report are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// HTTP status of the response if the proxy responds itself.
    pub status: Option<u16>,
    /// The deciding layer and the rule or the default reason; none if the back end does not report it.
    pub decided_by: Option<(Layer, DecidedBy)>,
    /// The outcome of each layer; empty if the back end does not report it.
    pub layers: Vec<(Layer, LayerDecision)>,
    /// The decision of the dry-run policies.
    pub shadow: Option<LayerDecision>,
    /// Notes about the policies.
    pub notes: Vec<String>,
}

impl Answer {
    /// Returns an answer with only a verdict.
    pub fn new(verdict: Verdict) -> Self {
        Self { verdict, status: None, decided_by: None, layers: Vec::new(), shadow: None, notes: Vec::new() }
    }
}

impl From<FlowDecision> for Answer {
    fn from(decision: FlowDecision) -> Self {
        Self {
            verdict: decision.verdict,
            status: decision.status,
            decided_by: Some(decision.decided_by),
            layers: decision.layers.into(),
            shadow: decision.shadow,
            notes: decision.notes,
        }
    }
}

/// The reason why a back end cannot decide a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendError {
    /// It does not support this case, for this reason.
    Unsupported(String),
    /// The case is invalid.
    InvalidCase(FlowError),
    /// It failed.
    Failed(String),
}

impl From<FlowError> for BackendError {
    fn from(error: FlowError) -> Self {
        Self::InvalidCase(error)
    }
}

/// An implementation that decides flows.
pub trait Backend: Sync {
    /// Returns its name in reports.
    fn name(&self) -> &str;

    /// Opens a session for flows in the cluster of `manifests` with `options`.
    ///
    /// # Errors
    ///
    /// The back end supports no flow of this cluster.
    fn open<'c>(
        &'c self,
        manifests: &'c Manifests,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, BackendError>;
}

/// A back end with the policies of one cluster and one set of options.
pub trait Session {
    /// Decides one flow. The events before it do not affect later flows.
    ///
    /// # Errors
    ///
    /// The case is unsupported or invalid, or the back end failed.
    fn answer(&mut self, case: &FlowCase) -> Result<Answer, BackendError>;
}

/// The compiled engine in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcess;

impl Backend for InProcess {
    fn name(&self) -> &str {
        "in-process"
    }

    fn open<'c>(
        &'c self,
        manifests: &'c Manifests,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, BackendError> {
        Ok(Box::new(Simulation::new(manifests.cluster.clone(), options.clone())))
    }
}

impl Session for Simulation {
    fn answer(&mut self, case: &FlowCase) -> Result<Answer, BackendError> {
        let mut history = History::default();
        for event in &case.after {
            self.apply(&mut history, event)?;
        }
        Ok(self.decide(&case.flow, &history)?.into())
    }
}
