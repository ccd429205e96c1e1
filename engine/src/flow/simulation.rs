//! Decides flows through all layers.

use super::{Event, Flow, FlowDecision, FlowError, FlowExplanation, History};
use crate::{cluster::Cluster, options::Options};

/// A cluster under one set of options, ready to decide flows. Policies are compiled once per workload, when first
/// needed.
#[derive(Debug)]
pub struct Simulation<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) options: Options,
}

impl<'c> Simulation<'c> {
    /// A simulation of `cluster`.
    pub fn new(cluster: &'c Cluster, options: Options) -> Self {
        Self { cluster, options }
    }

    /// The cluster.
    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Lets `event` happen.
    ///
    /// # Errors
    ///
    /// The event names an end that the cluster does not have.
    pub fn happen(&self, _history: &mut History, _event: &Event) -> Result<(), FlowError> {
        Ok(())
    }

    /// Decides `flow` as things stand after `history`.
    ///
    /// # Errors
    ///
    /// The flow names an end that the cluster does not have, or contradicts itself.
    pub fn decide(&self, flow: &Flow, history: &History) -> Result<FlowDecision, FlowError> {
        self.explain(flow, history).map(|e| e.decision)
    }

    /// The same with every rule that was looked at.
    ///
    /// # Errors
    ///
    /// As [`Self::decide`].
    pub fn explain(&self, _flow: &Flow, _history: &History) -> Result<FlowExplanation, FlowError> {
        Err(FlowError::new("not built yet", "wait"))
    }
}
