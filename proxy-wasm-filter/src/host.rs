//! The proxy as a trait, so that tests run the contexts without a proxy.

use crate::{
    bytes::Bytes,
    hostcalls,
    reply::Reply,
    types::{self, HostError, LogLevel, MetricKind},
};

/// An HTTP call to another server.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The cluster that receives the call.
    pub cluster: &'a str,
    /// The headers and pseudo headers in the ABI's layout.
    pub headers: &'a [u8],
    /// The timeout in milliseconds.
    pub timeout_ms: u32,
}

/// The host calls that the contexts need. Every call applies to the context of the current callback.
pub trait Host {
    /// Returns the plugin configuration, during the configuration of the root.
    fn configuration(&self) -> Result<Bytes, HostError>;
    /// Returns all request headers in the ABI's layout (see [`crate::header_map`]).
    fn request_headers(&self) -> Result<Bytes, HostError>;
    /// Returns the first request header with this name.
    fn request_header(&self, name: &str) -> Result<Option<Bytes>, HostError>;
    /// Returns the property at `path`, whose parts are separated by zero bytes; `None` if it does not exist.
    fn property(&self, path: &str) -> Result<Option<Bytes>, HostError>;
    /// Sets the filter state `wasm.NAME` of the stream.
    fn set_filter_state(&self, name: &str, value: &str);
    /// Writes a line to the proxy's log. Errors are ignored.
    fn log(&self, level: LogLevel, message: &str);
    /// Returns whether the proxy writes lines of this level.
    fn is_logged(&self, level: LogLevel) -> bool;
    /// Returns the time in nanoseconds; only differences are meaningful.
    fn now(&self) -> u64;
    /// Defines a metric and returns its number.
    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError>;
    /// Adds one to a counter.
    fn increment(&self, counter: u32);
    /// Adds a value to a histogram.
    fn record(&self, histogram: u32, value: u64);
    /// Sends a reply to the client instead of the request to the upstream.
    fn reply(&self, reply: &Reply) -> Result<(), HostError>;
    /// Closes the connection to the client.
    fn close(&self) -> Result<(), HostError>;
    /// Sends a call; the returned token identifies the answer.
    fn call(&self, call: &Call<'_>) -> Result<u32, HostError>;
    /// Returns the headers of the answer in the ABI's layout, during its callback.
    fn answer_headers(&self) -> Result<Bytes, HostError>;
    /// Returns up to `max` bytes of the answer's body.
    fn answer_body(&self, max: usize) -> Result<Bytes, HostError>;
    /// Continues a paused request.
    fn resume(&self) -> Result<(), HostError>;
    /// Makes `context` the context of the following calls.
    fn select(&self, context: u32) -> Result<(), HostError>;
}

/// The proxy that runs this module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proxy;

impl Proxy {
    /// Logs the position of every panic. A panic is a bug and ends the VM.
    pub fn log_panics() {
        std::panic::set_hook(Box::new(|panic| Self.log(LogLevel::Critical, &panic.to_string())));
    }
}

/// Converts the status "not found" to `None`.
fn found(value: Result<Bytes, HostError>) -> Result<Option<Bytes>, HostError> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(HostError::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Host for Proxy {
    fn configuration(&self) -> Result<Bytes, HostError> {
        hostcalls::buffer(types::PLUGIN_CONFIGURATION, usize::MAX)
    }

    fn request_headers(&self) -> Result<Bytes, HostError> {
        hostcalls::header_pairs(types::REQUEST_HEADERS)
    }

    fn request_header(&self, name: &str) -> Result<Option<Bytes>, HostError> {
        found(hostcalls::header(types::REQUEST_HEADERS, name))
    }

    fn property(&self, path: &str) -> Result<Option<Bytes>, HostError> {
        found(hostcalls::property(path))
    }

    fn set_filter_state(&self, name: &str, value: &str) {
        let _ = hostcalls::set_property(name, value.as_bytes());
    }

    fn log(&self, level: LogLevel, message: &str) {
        let _ = hostcalls::log(level, message);
    }

    fn is_logged(&self, level: LogLevel) -> bool {
        hostcalls::log_level().is_ok_and(|lowest| lowest <= level as u32)
    }

    fn now(&self) -> u64 {
        hostcalls::now().unwrap_or_default()
    }

    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        hostcalls::define_metric(kind, name)
    }

    fn increment(&self, counter: u32) {
        let _ = hostcalls::increment(counter);
    }

    fn record(&self, histogram: u32, value: u64) {
        let _ = hostcalls::record(histogram, value);
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        let details = reply.details.as_bytes();
        hostcalls::send_local_response(reply.status, details, &reply.body, &reply.headers, Reply::GRPC_STATUS)
    }

    fn close(&self) -> Result<(), HostError> {
        hostcalls::close_stream(types::DOWNSTREAM)
    }

    fn call(&self, call: &Call<'_>) -> Result<u32, HostError> {
        hostcalls::http_call(call.cluster, call.headers, call.timeout_ms)
    }

    fn answer_headers(&self) -> Result<Bytes, HostError> {
        hostcalls::header_pairs(types::CALL_RESPONSE_HEADERS)
    }

    fn answer_body(&self, max: usize) -> Result<Bytes, HostError> {
        hostcalls::buffer(types::CALL_RESPONSE_BODY, max)
    }

    fn resume(&self) -> Result<(), HostError> {
        hostcalls::continue_stream(types::HTTP_REQUEST)
    }

    fn select(&self, context: u32) -> Result<(), HostError> {
        hostcalls::set_effective_context(context)
    }
}
