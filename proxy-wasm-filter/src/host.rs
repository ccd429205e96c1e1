//! The few things asked of the proxy, as a trait, so that contexts are tested without one.

use crate::{
    abi,
    bytes::Bytes,
    reply::Reply,
    types::{self, LogLevel, MetricKind},
};

/// A host call did not answer `Ok`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostError(pub u32);

impl HostError {
    const NOT_FOUND: Self = Self(1);
    /// No status of the ABI: the host shows bytes where it was lent no memory.
    #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "no host shows bytes"))]
    pub(crate) const NOT_LENT: Self = Self(u32::MAX);

    /// Status 0 is success; every other, known or not, is an error.
    pub(crate) fn check(status: u32) -> Result<(), Self> {
        if status == 0 { Ok(()) } else { Err(Self(status)) }
    }
}

/// A question to another server.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The cluster that the proxy sends it to.
    pub cluster: &'a str,
    /// The headers, pseudo headers among them, in the ABI's layout.
    pub headers: &'a [u8],
    /// How long the answer may take, in milliseconds.
    pub timeout_ms: u32,
}

/// What the contexts need of a proxy. Every call concerns the context that is being called back.
pub trait Host {
    /// The plugin configuration, while the root is being configured.
    fn configuration(&self) -> Result<Bytes, HostError>;
    /// All request headers in the ABI's layout (see [`crate::header_map`]).
    fn request_headers(&self) -> Result<Bytes, HostError>;
    /// One request header; of one that is repeated, the first.
    fn request_header(&self, name: &str) -> Result<Option<Bytes>, HostError>;
    /// The property at a path whose parts are separated by zero bytes; none when the proxy has no such thing.
    fn property(&self, path: &str) -> Result<Option<Bytes>, HostError>;
    /// Puts a text into the stream's filter state, under `wasm.` and this name.
    fn set_filter_state(&self, name: &str, value: &str);
    /// Writes to the proxy's log; that this can fail helps nobody.
    fn log(&self, level: LogLevel, message: &str);
    /// Whether lines of this level are written.
    fn logs(&self, level: LogLevel) -> bool;
    /// The time in nanoseconds; only differences mean something.
    fn now(&self) -> u64;
    /// A metric of this name.
    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError>;
    /// Adds one to a counter.
    fn increment(&self, counter: u32);
    /// Adds a value to a histogram.
    fn record(&self, histogram: u32, value: u64);
    /// Answers the client in place of the upstream.
    fn reply(&self, reply: &Reply) -> Result<(), HostError>;
    /// Closes the connection to the client.
    fn close(&self) -> Result<(), HostError>;
    /// Asks another server; the token comes back with the answer.
    fn call(&self, call: &Call<'_>) -> Result<u32, HostError>;
    /// The headers of the answer, in the ABI's layout, while it is being called back.
    fn answer_headers(&self) -> Result<Bytes, HostError>;
    /// Up to `max` bytes of the answer's body.
    fn answer_body(&self, max: usize) -> Result<Bytes, HostError>;
    /// Lets a held request go on.
    fn resume(&self) -> Result<(), HostError>;
    /// Makes the calls that follow concern this context.
    fn select(&self, context: u32) -> Result<(), HostError>;
}

/// The proxy that this module runs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proxy;

impl Proxy {
    /// A panic is a bug that kills the VM: its place must not be lost.
    pub fn log_panics() {
        std::panic::set_hook(Box::new(|panic| Self.log(LogLevel::Critical, &panic.to_string())));
    }
}

fn found(value: Result<Bytes, HostError>) -> Result<Option<Bytes>, HostError> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(HostError::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Host for Proxy {
    fn configuration(&self) -> Result<Bytes, HostError> {
        abi::buffer(types::PLUGIN_CONFIGURATION, usize::MAX)
    }

    fn request_headers(&self) -> Result<Bytes, HostError> {
        abi::header_pairs(types::REQUEST_HEADERS)
    }

    fn request_header(&self, name: &str) -> Result<Option<Bytes>, HostError> {
        found(abi::header(types::REQUEST_HEADERS, name))
    }

    fn property(&self, path: &str) -> Result<Option<Bytes>, HostError> {
        found(abi::property(path))
    }

    fn set_filter_state(&self, name: &str, value: &str) {
        let _ = abi::set_property(name, value.as_bytes());
    }

    fn log(&self, level: LogLevel, message: &str) {
        let _ = abi::log(level, message);
    }

    fn logs(&self, level: LogLevel) -> bool {
        abi::log_level().is_ok_and(|lowest| lowest <= level as u32)
    }

    fn now(&self) -> u64 {
        abi::now().unwrap_or_default()
    }

    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        abi::define_metric(kind, name)
    }

    fn increment(&self, counter: u32) {
        let _ = abi::increment(counter);
    }

    fn record(&self, histogram: u32, value: u64) {
        let _ = abi::record(histogram, value);
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        let details = reply.details.as_bytes();
        abi::send_local_response(reply.status, details, &reply.body, &reply.headers, Reply::GRPC_STATUS)
    }

    fn close(&self) -> Result<(), HostError> {
        abi::close_stream(types::DOWNSTREAM)
    }

    fn call(&self, call: &Call<'_>) -> Result<u32, HostError> {
        abi::http_call(call.cluster, call.headers, call.timeout_ms)
    }

    fn answer_headers(&self) -> Result<Bytes, HostError> {
        abi::header_pairs(types::CALL_RESPONSE_HEADERS)
    }

    fn answer_body(&self, max: usize) -> Result<Bytes, HostError> {
        abi::buffer(types::CALL_RESPONSE_BODY, max)
    }

    fn resume(&self) -> Result<(), HostError> {
        abi::continue_stream(types::HTTP_REQUEST)
    }

    fn select(&self, context: u32) -> Result<(), HostError> {
        abi::set_effective_context(context)
    }
}
