//! A flow between two ends of a cluster, decided through all layers.
//!
//! [`Simulation`] holds what a node would: the compiled policies of each workload and the names that DNS taught.
//! A [`Flow`] says who talks to whom and what; [`Simulation::decide`] gives a [`FlowDecision`].

mod claim_text;
mod connection;
mod custom;
mod dns_policy;
mod dns_proxy;
mod endpoint;
mod entity;
mod explanation;
mod history;
mod jwt_authn;
mod lookup;
mod mesh;
mod network;
mod port;
mod proxy;
mod simulation;
mod token;
mod types;

pub use crate::http::{Headers, HttpRequest, HttpVersion};
pub use dns_policy::DnsPolicy;
pub use dns_proxy::{DnsCode, DnsDecision, DnsRequest, DnsVerdict, Opened};
pub use entity::Entity;
pub use explanation::{FlowError, FlowExplanation, LayerExplanation};
pub use history::History;
pub use mesh::MeshRequest;
pub use simulation::Simulation;
pub use types::{
    Certificate, DnsLookup, End, Event, Flow, FlowDecision, Lookup, Place, Tls, Token, TokenFault, TokenPlace,
};
