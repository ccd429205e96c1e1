//! The Palisade filter for Envoy and Istio: the engine's decision, enforced at the proxy.
//!
//! One module serves as HTTP filter and as network filter. A configuration is compiled once per worker
//! ([`Root`]); a stream then reads from the proxy only the attributes that the decision needs
//! ([`StreamAttributes`]) and goes on or is denied ([`http`], [`tcp`]). Whatever goes wrong denies.
//!
//! ```text
//! abi ──▶ contexts ──▶ root ──▶ config, compile ──▶ policies
//!                  └─▶ http, tcp ──▶ attributes ──▶ header_map, metadata
//!                               └─▶ enforce ──▶ metrics, reply   all of them ──▶ host ──▶ abi
//! ```
//!
//! Built for `wasm32-unknown-unknown` it is the plugin; built for anything else it is a library for tests.

mod abi;
mod attributes;
mod compile;
mod config;
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(dead_code, reason = "only the exports of the wasm build call it")
)]
mod contexts;
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
    config::{Config, Direction, Identity, Mesh, Mode, PathNormalization, Whom},
    host::{Host, HostError, Level, Proxy},
    metrics::Metrics,
    policies::{Compiled, Policies},
    reply::Reply,
    root::{Compile, Plugin, Root},
};
