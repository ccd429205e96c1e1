//! The Palisade filter for Envoy and Istio: the engine's decision, enforced at the proxy.
//!
//! One module serves as HTTP filter and as network filter; the configuration says which ([`Attachment`]). It is
//! compiled once per worker ([`Root`]); a stream then reads from the proxy only the attributes that the decision
//! needs ([`StreamAttributes`]) and goes on or is denied ([`http`], [`tcp`]). Whatever goes wrong denies.
//!
//! Enforced are Istio's AuthorizationPolicies, ALLOW and DENY; an AUDIT policy denies nothing, and where a CUSTOM
//! one applies the stream is denied, as its provider is not asked. Not enforced, since other parts of a cluster
//! do it, are PeerAuthentication (the listener's TLS context), RequestAuthentication (`jwt_authn`, whose claims
//! are read), NetworkPolicy, CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (the node). A configuration
//! that holds any of these is accepted, with a warning in the log.
//!
//! ```text
//! SDK ──▶ root ──▶ config, compile ──▶ policies
//!            └──▶ http, tcp ──▶ attributes ──▶ header_map, metadata
//!                         └──▶ enforce ──▶ metrics, reply      all of them ──▶ host ──▶ abi, SDK
//! ```
//!
//! Entry, dispatch and contexts are those of the SDK, `proxy_wasm`. Built for `wasm32-unknown-unknown` it is the
//! plugin; built for anything else it is a library for tests.

mod abi;
mod attributes;
mod compile;
mod config;
mod enforce;
pub mod header_map;
mod host;
pub mod http;
pub mod metadata;
mod metrics;
mod policies;
mod reply;
mod root;
pub mod tcp;

#[cfg(test)]
mod fake;

// The public interface.
pub use crate::{
    attributes::{SOURCE_ADDRESS, StreamAttributes},
    compile::compile,
    config::{Attachment, Config, Direction, Identity, Mesh, Mode, PathNormalization, Whom},
    host::{Host, HostError, Proxy},
    metrics::Metrics,
    policies::{Compiled, Policies},
    reply::Reply,
    root::{Compile, Plugin, Root},
};

mod entry {
    proxy_wasm::main! {{
        crate::Proxy::log_panics();
        proxy_wasm::set_root_context(|_| Box::new(crate::Root::default()));
    }}
}
