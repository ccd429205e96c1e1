//! The decision about a flow between two endpoints of a cluster, by all layers.
//!
//! A [`Simulation`] contains the policies of a cluster; [`Simulation::decide`] decides a [`Flow`] after the events of a
//! [`History`]. The modules form a pipeline: `endpoint`, `exchange` and `connection` resolve the flow, `network` and `mesh`
//! evaluate two layers each, and `evaluation` combines the results.

mod admission;
mod cache;
mod claim_text;
mod connection;
mod custom;
mod dns_policy;
mod dns_proxy;
mod dns_types;
mod endpoint;
mod entity;
mod evaluation;
mod events;
mod exchange;
mod explanation;
mod history;
mod jwt_authn;
mod lookup;
mod mesh;
mod mesh_policies;
mod mesh_request;
mod network;
mod network_policies;
mod port;
mod proxy;
mod simulation;
#[cfg(test)]
mod tests;
mod token;
mod types;

pub use crate::http::{Headers, HttpRequest, HttpVersion};
pub use dns_policy::DnsPolicy;
pub use dns_types::{DnsCode, DnsDecision, DnsRequest, DnsVerdict, LearnedAddresses};
pub use entity::Entity;
pub use explanation::{FlowError, FlowExplanation, LayerExplanation};
pub use history::History;
pub use mesh_request::MeshRequest;
pub use simulation::Simulation;
pub use types::{
    Certificate, DnsLookup, EndpointRef, Event, Flow, FlowDecision, FlowSource, Lookup, Tls, Token,
    TokenFault, TokenLocation,
};
