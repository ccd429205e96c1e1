//! The explanation of a flow's decision, and the error for an invalid flow.

use super::types::FlowDecision;
use crate::{
    decision::{Layer, LayerDecision},
    explain::{RuleTrace, nearest_miss},
};
use alloc::{string::String, vec::Vec};
use core::fmt;

/// The explanation of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerExplanation {
    /// The layer.
    pub layer: Layer,
    /// The workload of the policies, as `namespace/name`; empty for an endpoint without policies.
    pub workload: String,
    /// The decision.
    pub decision: LayerDecision,
    /// The HTTP status, if a proxy of this layer responds to the request itself.
    pub status: Option<u16>,
    /// The evaluated rules, in order of precedence.
    pub rules: Vec<RuleTrace>,
    /// Remarks for the reader.
    pub notes: Vec<String>,
}

impl LayerExplanation {
    /// Returns the rule that comes closest to a match.
    pub fn nearest_miss(&self) -> Option<&RuleTrace> {
        nearest_miss(&self.rules)
    }
}

/// The decision about a flow, with the evaluated rules of each layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowExplanation {
    /// The decision.
    pub decision: FlowDecision,
    /// The layers, in order.
    pub layers: Vec<LayerExplanation>,
}

/// The error for a flow that names a missing endpoint, or that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowError {
    message: String,
    help: String,
}

impl FlowError {
    /// Returns an error with a `message` and a suggestion.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// Returns a suggestion that resolves the error.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for FlowError {}
