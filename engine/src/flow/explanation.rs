//! The long form of a flow's decision, and what is wrong with a flow that cannot be decided.

use super::FlowDecision;
use crate::{
    decision::{Layer, LayerDecision},
    explain::{RuleTrace, nearest_miss},
};
use alloc::{string::String, vec::Vec};
use core::fmt;

/// One layer, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerExplanation {
    /// The layer.
    pub layer: Layer,
    /// Whose policies these are, as `namespace/name`; empty for an end without.
    pub workload: String,
    /// What it said.
    pub decision: LayerDecision,
    /// HTTP status that a proxy of this layer answers with, where it refuses the request itself.
    pub status: Option<u16>,
    /// Every rule that was looked at, in order of precedence.
    pub rules: Vec<RuleTrace>,
    /// Remarks for the reader.
    pub notes: Vec<String>,
}

impl LayerExplanation {
    /// The rule that came nearest to matching.
    pub fn nearest_miss(&self) -> Option<&RuleTrace> {
        nearest_miss(&self.rules)
    }
}

/// A flow's decision with everything that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowExplanation {
    /// The decision.
    pub decision: FlowDecision,
    /// The layers, in order.
    pub layers: Vec<LayerExplanation>,
}

/// A flow that cannot be decided, because it names what is not there or contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowError {
    message: String,
    help: String,
}

impl FlowError {
    /// What is wrong, and what to do about it.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// What to do about it.
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
