//! A flow between two ends of a cluster, decided through all layers.
//!
//! [`Simulation`] holds what a node would: the compiled policies of each workload and the names that DNS taught.
//! A [`Flow`] says who talks to whom and what; [`Simulation::decide`] gives a [`FlowDecision`].

mod explanation;
mod history;
mod simulation;
mod types;

pub use explanation::{FlowError, FlowExplanation, LayerExplanation};
pub use history::History;
pub use simulation::Simulation;
pub use types::{
    Certificate, DnsLookup, End, Event, Flow, FlowDecision, Headers, HttpRequest, HttpVersion, Lookup, Place,
    Tls, Token, TokenFault, TokenPlace,
};
