//! The numbers of the proxy-wasm ABI 0.2.1 that this filter uses.

/// How loud a log line is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u32)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// What the proxy does with a stream after a callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Action {
    /// The stream goes on.
    Continue = 0,
    /// The stream stops, headers, body and trailers alike: it was answered here, or an answer is on its way.
    ///
    /// This is `StopAllIterationAndWatermark`. The ABI's `Pause` is 1, `StopIteration`, after which Envoy still passes
    /// the body to the filter if the plugin is configured with `allow_on_headers_stop_iteration`; the first piece of
    /// it that the filter does not stop releases headers and body to the upstream. On a network filter every number
    /// but 0 stops the connection.
    Pause = 4,
}

/// What a metric measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum MetricKind {
    /// Only ever grows.
    Counter = 0,
    /// A distribution.
    Histogram = 2,
}

pub(crate) const REQUEST_HEADERS: u32 = 0;
pub(crate) const CALL_RESPONSE_HEADERS: u32 = 6;
pub(crate) const CALL_RESPONSE_BODY: u32 = 4;
pub(crate) const PLUGIN_CONFIGURATION: u32 = 7;
pub(crate) const HTTP_REQUEST: u32 = 0;
pub(crate) const DOWNSTREAM: u32 = 2;
