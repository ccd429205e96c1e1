//! Case files against the module: plugin configuration in, verdict out.

use crate::{
    abi::LogLevel,
    error::Error,
    fail_policy::{FailurePolicy, Plugin},
    properties::{Node, Stream},
    state::HostCalls,
    stream::{HttpOutcome, HttpRequest, TcpOutcome},
    vm::{Module, VmOptions},
};
use std::sync::Arc;

/// What the client of a real proxy would see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The upstream gets the request or the bytes.
    Allow,
    /// The client gets a reply instead.
    Deny {
        /// The HTTP status, 200 for gRPC.
        status: u32,
        /// The gRPC status of a gRPC request.
        grpc_status: Option<u32>,
        /// The body.
        body: Vec<u8>,
        /// The response-code details.
        details: String,
    },
    /// The connection is closed, or the stream reset.
    Closed,
    /// The filter holds the stream for ever, which no case expects.
    Stuck,
}

/// A verdict and what it cost.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The verdict.
    pub verdict: Verdict,
    /// Host calls, by name.
    pub calls: HostCalls,
    /// Fuel.
    pub fuel: u64,
}

impl Verification {
    /// All host calls together.
    pub fn host_calls(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// The module, compiled once, and a way to ask it about one configuration at a time.
///
/// ```no_run
/// use palisade_harness::{Conformance, HttpRequest, Node, Stream, Verdict};
///
/// let module = std::fs::read("target/wasm/palisade_filter.wasm")?;
/// let conformance = Conformance::new(&module)?;
/// let mut plugin = conformance.plugin(br#"{"workload": {"namespace": "foo"}}"#, Node::default())?;
/// let request = HttpRequest { headers: vec![(b":path".to_vec(), b"/".to_vec())], ..HttpRequest::default() };
/// let answer = Conformance::http(&mut plugin, Stream::default(), &request);
/// assert_eq!(answer.verdict, Verdict::Allow);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conformance {
    module: Module,
}

impl Conformance {
    /// Compiles the module.
    ///
    /// # Errors
    /// When it is no proxy-wasm module.
    pub fn new(wasm: &[u8]) -> Result<Self, Error> {
        Ok(Self { module: Module::new(wasm, crate::Limits::default())? })
    }

    /// Starts a VM with a plugin configuration; many streams can go through it.
    ///
    /// # Errors
    /// When the module refuses the configuration; the message ends with what it logged.
    pub fn plugin(&self, configuration: &[u8], node: Node) -> Result<Plugin, Error> {
        self.plugin_among(configuration, VmOptions { node, ..VmOptions::default() })
    }

    /// The same, with all that surrounds the VM: the clusters that answer its HTTP calls, for one.
    ///
    /// # Errors
    /// When the module refuses the configuration.
    pub fn plugin_among(&self, configuration: &[u8], around: VmOptions) -> Result<Plugin, Error> {
        let options = VmOptions { log_level: LogLevel::Info, ..around };
        Plugin::start(&self.module, &options, configuration, FailurePolicy::Closed)
    }

    /// The verdict on a request.
    pub fn http(plugin: &mut Plugin, stream: Stream, request: &HttpRequest) -> Verification {
        let report = plugin.http(&Arc::new(stream), request);
        let (status, grpc_status) = (report.status(), report.grpc_status());
        let verdict = match report.outcome {
            HttpOutcome::Continue(_) => Verdict::Allow,
            HttpOutcome::Reply(reply) => Verdict::Deny {
                status: status.unwrap_or(reply.status),
                grpc_status,
                body: reply.body,
                details: reply.details,
            },
            HttpOutcome::Reset => Verdict::Closed,
            HttpOutcome::Stuck => Verdict::Stuck,
        };
        Verification { verdict, calls: report.calls, fuel: report.fuel }
    }

    /// The verdict on a connection whose client speaks first.
    pub fn tcp(plugin: &mut Plugin, stream: Stream) -> Verification {
        let report = plugin.tcp(&Arc::new(stream), b"hello");
        let verdict = match report.outcome {
            TcpOutcome::Continue => Verdict::Allow,
            TcpOutcome::Closed => Verdict::Closed,
            TcpOutcome::Stuck => Verdict::Stuck,
        };
        Verification { verdict, calls: report.calls, fuel: report.fuel }
    }
}
