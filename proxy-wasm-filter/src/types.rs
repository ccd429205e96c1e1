//! The numbers of the proxy-wasm ABI 0.2.1 that this filter uses.

/// The status of a host call that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostError(pub u32);

impl HostError {
    /// The value does not exist.
    pub(crate) const NOT_FOUND: Self = Self(1);
    /// The host returned bytes outside the lent memory. The ABI has no such status.
    #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "only a host returns bytes"))]
    pub(crate) const NOT_LENT: Self = Self(u32::MAX);

    /// Returns an error for every status but 0.
    pub(crate) fn check(status: u32) -> Result<(), Self> {
        if status == 0 { Ok(()) } else { Err(Self(status)) }
    }
}

/// The severity of a log line.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u32)]
#[expect(missing_docs, reason = "the names are those of the ABI")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// The action of the proxy on a stream after a callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Action {
    /// The proxy continues with the stream.
    Continue = 0,
    /// The proxy stops headers, body and trailers: the filter has answered the request, or waits for a provider.
    ///
    /// This is `StopAllIterationAndWatermark`. The ABI's `Pause` is 1, `StopIteration`. With the plugin option
    /// `allow_on_headers_stop_iteration`, Envoy still passes the body to the filter after `StopIteration`, and the first
    /// part of the body that the filter does not stop releases headers and body to the upstream. On a network filter,
    /// every number but 0 stops the connection.
    Pause = 4,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum MetricKind {
    /// A number that only grows.
    Counter = 0,
    /// A distribution of values.
    Histogram = 2,
}

pub(crate) const REQUEST_HEADERS: u32 = 0;
pub(crate) const CALL_RESPONSE_HEADERS: u32 = 6;
pub(crate) const CALL_RESPONSE_BODY: u32 = 4;
pub(crate) const PLUGIN_CONFIGURATION: u32 = 7;
pub(crate) const HTTP_REQUEST: u32 = 0;
pub(crate) const DOWNSTREAM: u32 = 2;
