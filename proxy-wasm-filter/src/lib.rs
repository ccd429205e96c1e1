//! The Palisade filter for Envoy and Istio: it enforces the engine's decisions in the proxy.
//!
//! The same module is an HTTP filter and a network filter. Each worker compiles the plugin configuration once ([`Root`]).
//! For each stream, the filter reads only the attributes that the decision needs ([`StreamAttributes`]), with the host
//! calls that are cheapest for the policies ([`Plan`]). Then it allows or denies the stream. Every error denies.
//!
//! | direction | enforced | not enforced, with a warning in the log |
//! |---|---|---|
//! | inbound | Istio's AuthorizationPolicies: CUSTOM by a call to the configured provider, DENY and ALLOW. AUDIT denies nothing | PeerAuthentication (TLS settings of the listener), RequestAuthentication (`jwt_authn`; the filter reads its claims), network policies (the node) |
//! | outbound | Cilium's egress policies, on the name that the client states | AuthorizationPolicies, PeerAuthentication, RequestAuthentication |
//!
//! Data flows from left to right; a file uses only files to its right.
//!
//! ```text
//! exports ─▶ vm ─▶ root ─▶ compile ─▶ workload, egress
//!             └──▶ http, tcp ─▶ attributes ─▶ metadata, header_map
//!                      └─────▶ provider, enforce ─▶ explain, metrics, policies, plan
//!                                      all of them ─▶ host ─▶ hostcalls ─▶ bytes, types
//! ```
//!
//! For `wasm32-unknown-unknown`, the crate is the plugin; for every other target it is a library for tests.

mod attributes;
mod bytes;
mod compile;
mod egress;
mod enforce;
mod explain;
#[cfg(target_arch = "wasm32")]
mod exports;
pub mod header_map;
mod host;
mod hostcalls;
mod http;
pub mod metadata;
mod metrics;
mod plan;
mod plugin;
mod policies;
mod provider;
mod reply;
mod root;
mod tcp;
mod types;
mod vm;
mod workload;

#[cfg(test)]
mod fake;

// The public interface.
pub use crate::{
    attributes::{SOURCE_ADDRESS, StreamAttributes},
    bytes::Bytes,
    compile::compile,
    enforce::FILTER_STATE,
    host::{Call, Host, Proxy},
    metrics::Metrics,
    plan::Plan,
    plugin::{Plugin, Providers},
    policies::{Compiled, Policies, StreamKind},
    reply::Reply,
    root::{Compile, Root},
    types::{Action, HostError, LogLevel, MetricKind},
    vm::Vm,
};
