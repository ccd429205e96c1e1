//! A wasmtime host that behaves towards a proxy-wasm filter as Envoy does.
//!
//! It runs the very module that ships: [`Module`] compiles it, [`Plugin`] keeps one VM of it under a
//! [`FailurePolicy`], and a stream of plain data ([`Stream`]) goes through [`Plugin::http`] or
//! [`Plugin::tcp`], which answer what the client of a real Envoy would see. [`Conformance`] wraps the three
//! for case files: plugin configuration in, verdict out, with the host calls and the fuel that it took.
//!
//! ```text
//! bytes --Module--> compiled --Plugin(config, policy)--> VM --http/tcp(Stream)--> report
//!                                                        ^ a trap kills it; the policy says what follows
//! ```
//!
//! What differs from Envoy, on purpose: one worker, a clock that the test sets, fuel so that an endless loop
//! is a trap and not a hang (V8 in Envoy has neither fuel nor a deadline), and shared queues, gRPC calls and
//! foreign functions that answer `Unimplemented`.

mod abi;
mod conformance;
mod error;
mod exports;
mod fail_policy;
mod host;
mod metrics;
mod pairs;
mod properties;
mod protobuf;
mod state;
mod stream;
mod value;
mod vm;

// The public interface.
pub use crate::{
    abi::{LogLevel, Status},
    conformance::{Conformance, Verdict, Verification},
    error::{Error, ErrorKind},
    fail_policy::{FailurePolicy, Plugin},
    metrics::{Metric, MetricKind, Metrics},
    pairs::{HeaderMap, decode_pairs, encode_pairs},
    properties::{Connection, Direction, Node, Stream},
    state::{HostCalls, HttpAnswer, LogLine, SentCall},
    stream::{HttpOutcome, HttpReport, HttpRequest, LocalReply, TcpOutcome, TcpReport},
    vm::{Limits, Module, Vm, VmOptions},
};
