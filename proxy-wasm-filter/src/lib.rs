//! The Palisade filter for Envoy and Istio: the engine's decision, enforced at the proxy.
//!
//! One module serves as HTTP filter and as network filter. A configuration is compiled once per worker ([`Root`]); a
//! stream then reads from the proxy only the attributes that the decision needs ([`StreamAttributes`]), by the host
//! calls that are cheapest for these policies ([`Plan`]), and goes on or is denied. Whatever goes wrong denies.
//!
//! Towards the workload Istio's AuthorizationPolicies are enforced: CUSTOM by asking the configured provider, DENY and
//! ALLOW; an AUDIT policy denies nothing. Away from it the egress policies of Cilium are, by the name that the client
//! gives. Not enforced, since other parts of a cluster do it, are PeerAuthentication (the listener's TLS context),
//! RequestAuthentication (`jwt_authn`, whose claims are read) and, towards the workload, network policies (the node).
//! A configuration that holds any of these is accepted, with a warning in the log.
//!
//! ```text
//! abi ──▶ vm ──▶ root ──▶ config, compile ──▶ policies, plan
//!          └──▶ http, tcp ──▶ attributes ──▶ header_map, metadata
//!                    └──▶ provider, enforce ──▶ metrics, reply      all of them ──▶ host ──▶ abi ──▶ bytes
//! ```
//!
//! Built for `wasm32-unknown-unknown` it is the plugin; built for anything else it is a library for tests.

mod abi;
mod attributes;
mod bytes;
mod compile;
mod config;
mod egress;
mod enforce;
mod explain;
pub mod header_map;
mod host;
mod http;
pub mod metadata;
mod metrics;
mod plan;
mod policies;
mod provider;
mod reply;
mod root;
mod tcp;
mod types;
mod vm;

#[cfg(test)]
mod fake;

// The public interface.
pub use crate::{
    attributes::{SOURCE_ADDRESS, StreamAttributes},
    bytes::Bytes,
    compile::compile,
    config::{
        Config, Direction, FilterState, Identity, Mesh, Mode, PathNormalization, Provider, Role, Service,
        ServiceKind, Telemetry, Whom,
    },
    enforce::DECISION,
    host::{Call, Host, HostError, Proxy},
    metrics::Metrics,
    plan::Plan,
    policies::{Compiled, Policies, StreamKind},
    reply::Reply,
    root::{Compile, Plugin, Providers, Root},
    types::{Action, LogLevel, MetricKind},
    vm::Vm,
};
