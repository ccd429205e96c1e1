//! The module as a back end of case files: a plugin configuration and a stream in, a verdict out.

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

/// The result for the client of a real proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The upstream receives the request or the bytes.
    Allow,
    /// The client receives a reply of the filter.
    Deny {
        /// The HTTP status, 200 for gRPC.
        status: u32,
        /// The gRPC status of a gRPC request.
        grpc_status: Option<u32>,
        /// The body.
        body: Vec<u8>,
        /// The response code details.
        details: String,
    },
    /// The connection is closed, or the stream is reset.
    Closed,
    /// The stream stays paused, which no case expects.
    Paused,
}

/// A verdict, with its host calls and fuel.
#[derive(Clone, Debug)]
pub struct MeasuredVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// Host calls, by name.
    pub calls: HostCalls,
    /// Fuel.
    pub fuel: u64,
}

impl MeasuredVerdict {
    /// Returns the number of all host calls.
    pub fn host_calls(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// The compiled module, which runs one plugin for each configuration.
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
    ///
    /// The bytes are not a proxy-wasm module.
    pub fn new(wasm: &[u8]) -> Result<Self, Error> {
        Ok(Self { module: Module::new(wasm, crate::Limits::default())? })
    }

    /// Starts a VM with a plugin configuration, for any number of streams.
    ///
    /// # Errors
    ///
    /// The module refuses the configuration. The message ends with its log line.
    pub fn plugin(&self, configuration: &[u8], node: Node) -> Result<Plugin, Error> {
        self.plugin_among(configuration, VmOptions { node, ..VmOptions::default() })
    }

    /// Starts a VM with a plugin configuration in an environment, such as clusters that answer its HTTP calls.
    ///
    /// # Errors
    ///
    /// The module refuses the configuration.
    pub fn plugin_among(&self, configuration: &[u8], environment: VmOptions) -> Result<Plugin, Error> {
        let options = VmOptions { log_level: LogLevel::Info, ..environment };
        Plugin::start(&self.module, &options, configuration, FailurePolicy::Closed)
    }

    /// Returns the verdict on a request.
    pub fn http(plugin: &mut Plugin, stream: Stream, request: &HttpRequest) -> MeasuredVerdict {
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
            HttpOutcome::Paused => Verdict::Paused,
        };
        MeasuredVerdict { verdict, calls: report.calls, fuel: report.fuel }
    }

    /// Returns the verdict on a connection whose client sends first.
    pub fn tcp(plugin: &mut Plugin, stream: Stream) -> MeasuredVerdict {
        let report = plugin.tcp(&Arc::new(stream), b"hello");
        let verdict = match report.outcome {
            TcpOutcome::Continue => Verdict::Allow,
            TcpOutcome::Closed => Verdict::Closed,
            TcpOutcome::Paused => Verdict::Paused,
        };
        MeasuredVerdict { verdict, calls: report.calls, fuel: report.fuel }
    }
}
