//! What the host remembers for one VM while it runs.

use crate::{
    abi::{LogLevel, MapType, Status, StreamType},
    metrics::Metrics,
    pairs::HeaderMap,
    properties::{Node, Scope, Stream},
    stream::LocalReply,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use wasmtime::{Memory, StoreLimits, TypedFunc};

/// How often each host function was called, by name.
pub type HostCalls = BTreeMap<&'static str, u64>;

/// A line that the module logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// How loud.
    pub level: LogLevel,
    /// What it said; bytes that are no UTF-8 are replaced.
    pub message: String,
}

/// What a cluster answers to the module's HTTP calls. Envoy itself answers 503 for one that it cannot reach and 504
/// for one that is late; without any headers the call was given up.
#[derive(Clone, Debug, Default)]
pub struct HttpAnswer {
    /// The response's headers, `:status` included.
    pub headers: HeaderMap,
    /// The response's body.
    pub body: Vec<u8>,
}

/// A call that the module made to a cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SentCall {
    /// The cluster.
    pub cluster: String,
    /// The headers, pseudo headers included.
    pub headers: HeaderMap,
    /// How long the answer may take, in milliseconds.
    pub timeout_millis: u32,
}

/// A call on its way: its token, and what comes back.
#[derive(Debug)]
pub(crate) struct PendingCall {
    pub(crate) token: u32,
    pub(crate) answer: HttpAnswer,
}

/// What one stream context sees and has done.
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

/// The store's data.
pub(crate) struct HostState {
    pub(crate) limits: StoreLimits,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// Nothing but logging is allowed while `_initialize` runs.
    pub(crate) starting: bool,
    pub(crate) calls: HostCalls,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) log_level: LogLevel,
    pub(crate) metrics: Metrics,
    pub(crate) now_nanos: u64,
    pub(crate) tick_millis: u32,
    pub(crate) node: Node,
    pub(crate) vm_configuration: Vec<u8>,
    /// Only there while `proxy_on_configure` runs.
    pub(crate) plugin_configuration: Option<Vec<u8>>,
    /// Whether `StopIteration` at the headers stops the headers alone.
    pub(crate) stop_iteration_at_headers: bool,
    pub(crate) streams: BTreeMap<u32, StreamState>,
    pub(crate) context: u32,
    pub(crate) clusters: BTreeMap<String, HttpAnswer>,
    pub(crate) pending: VecDeque<PendingCall>,
    pub(crate) sent: Vec<SentCall>,
    pub(crate) answer: Option<HttpAnswer>,
    pub(crate) next_token: u32,
    pub(crate) shared_data: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
}

impl HostState {
    pub(crate) fn current(&mut self) -> Option<&mut StreamState> {
        self.streams.get_mut(&self.context)
    }

    pub(crate) fn property(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let state = self.streams.get(&self.context);
        if let Some(value) = state.and_then(|state| state.properties.get(path)) {
            return Ok(value.clone());
        }
        let scope = Scope {
            node: &self.node,
            stream: state.map(|state| &*state.stream),
            request_headers: state
                .filter(|state| state.is_http)
                .and_then(|state| state.maps.get(&MapType::RequestHeaders)),
            handshake_done: state.is_some_and(|state| state.handshake_done),
        };
        scope.property(path)
    }

    pub(crate) fn log(&mut self, level: LogLevel, message: &[u8]) {
        if level >= self.log_level {
            self.logs.push(LogLine { level, message: String::from_utf8_lossy(message).into_owned() });
        }
    }
}

impl core::fmt::Debug for HostState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HostState")
            .field("context", &self.context)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}
