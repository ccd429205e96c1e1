//! The state of the host for one VM.

use crate::{
    abi::{LogLevel, MapType, Status, StreamType},
    header_map::HeaderMap,
    metrics::Metrics,
    properties::{Node, Scope, Stream},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use wasmtime::{Memory, StoreLimits, TypedFunc};

/// The number of calls of each host function, by name.
pub type HostCalls = BTreeMap<&'static str, u64>;

/// A line in the log of the module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// The level.
    pub level: LogLevel,
    /// The text; invalid UTF-8 is replaced.
    pub message: String,
}

/// The answer of a cluster to the module's HTTP calls.
///
/// Envoy itself answers 503 for an unreachable cluster and 504 after the timeout. An answer without headers means that
/// Envoy has cancelled the call.
#[derive(Clone, Debug, Default)]
pub struct HttpAnswer {
    /// The response headers with `:status`.
    pub headers: HeaderMap,
    /// The response body.
    pub body: Vec<u8>,
}

/// An HTTP call of the module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SentCall {
    /// The cluster.
    pub cluster: String,
    /// The headers and pseudo headers.
    pub headers: HeaderMap,
    /// The timeout in milliseconds.
    pub timeout_millis: u32,
}

/// A reply of the module to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalReply {
    /// The status in the module's call; [`HttpReport::status`](crate::HttpReport::status) is that of the client.
    pub status: u32,
    /// The body.
    pub body: Vec<u8>,
    /// The response code details.
    pub details: String,
    /// Additional headers.
    pub headers: HeaderMap,
    /// The gRPC status, if the module sets one.
    pub grpc_status: Option<u32>,
}

/// The data of one store.
pub(crate) struct HostState {
    pub(crate) limits: StoreLimits,
    pub(crate) vm: VmState,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    pub(crate) http_calls: HttpCalls,
    pub(crate) streams: Streams,
    /// The host calls since the last report.
    pub(crate) counts: HostCalls,
    pub(crate) metrics: Metrics,
    pub(crate) shared_data: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
}

/// The instance and its configuration.
#[derive(Default)]
pub(crate) struct VmState {
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// Whether `_initialize` runs, which may only call `proxy_log`.
    pub(crate) is_starting: bool,
    pub(crate) node: Node,
    pub(crate) configuration: Vec<u8>,
    /// The plugin configuration, during `proxy_on_configure`.
    pub(crate) plugin_configuration: Option<Vec<u8>>,
    /// Whether the result `StopIteration` of the headers callback stops only the headers.
    pub(crate) allow_on_headers_stop_iteration: bool,
}

/// The clock, which the test sets.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    pub(crate) now_nanos: u64,
    pub(crate) tick_millis: u32,
}

/// The log of the module.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) level: LogLevel,
    pub(crate) lines: Vec<LogLine>,
}

/// The HTTP calls of the module.
#[derive(Debug, Default)]
pub(crate) struct HttpCalls {
    /// The answer of each cluster.
    pub(crate) clusters: BTreeMap<String, HttpAnswer>,
    /// Calls without an answer yet.
    pub(crate) pending: VecDeque<PendingCall>,
    /// Every call of the module.
    pub(crate) sent: Vec<SentCall>,
    /// The answer of the current callback.
    pub(crate) answer: Option<HttpAnswer>,
    pub(crate) last_token: u32,
}

/// An HTTP call without an answer yet.
#[derive(Debug)]
pub(crate) struct PendingCall {
    pub(crate) token: u32,
    pub(crate) answer: HttpAnswer,
}

/// The stream contexts.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) by_context: BTreeMap<u32, StreamState>,
    /// The context of the current callback.
    pub(crate) context: u32,
}

/// The state of one stream context.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    pub(crate) stream: Arc<Stream>,
    pub(crate) is_http: bool,
    pub(crate) handshake_done: bool,
    pub(crate) maps: BTreeMap<MapType, HeaderMap>,
    pub(crate) body: Vec<u8>,
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) local_reply: Option<LocalReply>,
    pub(crate) closed: Option<StreamType>,
    pub(crate) resumed: bool,
}

impl Log {
    /// Adds a line, if its level is high enough.
    pub(crate) fn write(&mut self, level: LogLevel, message: &[u8]) {
        if level >= self.level {
            self.lines.push(LogLine { level, message: String::from_utf8_lossy(message).into_owned() });
        }
    }
}

impl HttpCalls {
    /// Records a call, and returns its token.
    ///
    /// # Errors
    ///
    /// The cluster does not exist.
    pub(crate) fn send(&mut self, call: SentCall) -> Result<u32, Status> {
        let answer = self.clusters.get(&call.cluster).cloned().ok_or(Status::BadArgument)?;
        self.sent.push(call);
        self.last_token = self.last_token.wrapping_add(1);
        let token = self.last_token;
        self.pending.push_back(PendingCall { token, answer });
        Ok(token)
    }
}

impl Streams {
    /// Returns the stream of the current callback; `None` in a root context.
    pub(crate) fn current(&mut self) -> Option<&mut StreamState> {
        self.by_context.get_mut(&self.context)
    }
}

impl HostState {
    /// Reads a property in the current context.
    pub(crate) fn property(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let state = self.streams.by_context.get(&self.streams.context);
        if let Some(value) = state.and_then(|state| state.properties.get(path)) {
            return Ok(value.clone());
        }
        let scope = Scope {
            node: &self.vm.node,
            stream: state.map(|state| &*state.stream),
            request_headers: state
                .filter(|state| state.is_http)
                .and_then(|state| state.maps.get(&MapType::RequestHeaders)),
            handshake_done: state.is_some_and(|state| state.handshake_done),
        };
        scope.property(path)
    }
}

impl core::fmt::Debug for HostState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HostState")
            .field("context", &self.streams.context)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
