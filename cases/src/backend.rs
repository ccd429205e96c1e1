//! Where a case can run: every back end answers the same flows.

use crate::case::FlowCase;
use palisade::{
    Cluster, DecidedBy, Layer, LayerDecision, Options, Verdict,
    flow::{FlowDecision, FlowError, History, Simulation},
};

/// What a back end says of a flow. It leaves out what it cannot know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// May it pass?
    pub verdict: Verdict,
    /// HTTP status that the client sees where the proxy answers itself.
    pub status: Option<u16>,
    /// The layer that decided, and why; none if the back end cannot say.
    pub decided_by: Option<(Layer, DecidedBy)>,
    /// The layers taken by themselves; empty where the back end cannot say.
    pub layers: Vec<(Layer, LayerDecision)>,
    /// What dry-run policies would have said.
    pub shadow: Option<LayerDecision>,
    /// Remarks for the reader.
    pub notes: Vec<String>,
}

impl Answer {
    /// A bare verdict.
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

/// Why a back end gives no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It cannot run this case, for this reason.
    Skip(String),
    /// The case is wrong.
    Wrong(FlowError),
    /// Running it failed.
    Failed(String),
}

impl From<FlowError> for NoAnswer {
    fn from(error: FlowError) -> Self {
        Self::Wrong(error)
    }
}

/// Something that decides flows.
pub trait Backend: Sync {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// Makes ready for the flows of `cluster` under `options`.
    ///
    /// # Errors
    ///
    /// Flows of this cluster cannot run here at all.
    fn open<'c>(&'c self, cluster: &'c Cluster, options: &Options)
    -> Result<Box<dyn Session + 'c>, NoAnswer>;
}

/// A back end made ready for one cluster under one set of options.
pub trait Session {
    /// Decides one flow. What happened before it is forgotten afterwards.
    ///
    /// # Errors
    ///
    /// The case cannot run here, is wrong, or running it failed.
    fn answer(&mut self, case: &FlowCase) -> Result<Answer, NoAnswer>;
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
        cluster: &'c Cluster,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, NoAnswer> {
        Ok(Box::new(Simulation::new(cluster, options.clone())))
    }
}

impl Session for Simulation<'_> {
    fn answer(&mut self, case: &FlowCase) -> Result<Answer, NoAnswer> {
        let mut history = History::default();
        for event in &case.after {
            self.happen(&mut history, event)?;
        }
        Ok(self.decide(&case.flow, &history)?.into())
    }
}
