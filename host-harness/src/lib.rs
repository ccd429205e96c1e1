//! A wasmtime host that treats a proxy-wasm filter as Envoy does.
//!
//! It runs the shipped module. [`Module`] compiles it, and [`Plugin`] runs one VM of it with a [`FailurePolicy`]. A
//! stream is plain data ([`Stream`]); [`Plugin::http`] and [`Plugin::tcp`] return the result that the client of a real
//! Envoy receives. [`Conformance`] combines the three for case files: a plugin configuration in, a verdict out, with the
//! host calls and the fuel of each decision.
//!
//! ```text
//! bytes ──Module──▶ compiled ──Plugin(configuration, policy)──▶ VM ──http, tcp(Stream)──▶ report
//!                                                               └─ after a trap, the policy decides the result
//! ```
//!
//! The host differs from Envoy in these points:
//!
//! - There is one worker.
//! - The test sets the clock.
//! - Fuel limits each call, so that an endless loop traps. V8 in Envoy has neither fuel nor a deadline.
//! - Shared queues, gRPC calls and foreign functions return `Unimplemented`.

mod abi;
mod conformance;
mod error;
mod exports;
mod fail_policy;
mod header_map;
mod host;
mod metrics;
mod properties;
mod protobuf;
mod state;
mod stream;
mod value;
mod vm;

// The public interface.
pub use crate::{
    abi::{LogLevel, Status},
    conformance::{Conformance, MeasuredVerdict, Verdict},
    error::{Error, ErrorKind},
    fail_policy::{FailurePolicy, Plugin},
    header_map::{HeaderMap, decode_pairs, encode_pairs},
    metrics::{Metric, MetricKind, Metrics},
    properties::{Connection, Node, Stream, TrafficDirection},
    state::{HostCalls, HttpAnswer, LocalReply, LogLine, SentCall},
    stream::{HttpOutcome, HttpReport, HttpRequest, TcpOutcome, TcpReport},
    vm::{Limits, Module, Vm, VmOptions},
};
