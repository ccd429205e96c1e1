//! The few things asked of the proxy, as a trait, so that contexts are tested without one.

use crate::{abi, reply::Reply};
use proxy_wasm::{
    hostcalls,
    types::{BufferType, LogLevel},
};

/// A host call did not answer `Ok`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostError(pub u32);

impl HostError {
    const NOT_FOUND: Self = Self(1);

    /// Status 0 is success; every other, known or not, is an error.
    pub(crate) fn check(status: u32) -> Result<(), Self> {
        if status == 0 { Ok(()) } else { Err(Self(status)) }
    }
}

/// What the contexts need of a proxy. Every call concerns the context that is being called back.
pub trait Host {
    /// The plugin configuration, while the root is being configured.
    fn configuration(&self) -> Result<Vec<u8>, HostError>;
    /// All request headers in the ABI's layout (see [`crate::header_map`]).
    fn request_headers(&self) -> Result<Vec<u8>, HostError>;
    /// A property; none when the proxy has no such thing.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;
    /// Writes to the proxy's log; that this can fail helps nobody.
    fn log(&self, level: LogLevel, message: &str);
    /// A counter of this name.
    fn define_counter(&self, name: &str) -> Result<u32, HostError>;
    /// Adds one to a counter.
    fn increment(&self, counter: u32);
    /// Answers the client in place of the upstream.
    fn reply(&self, reply: &Reply) -> Result<(), HostError>;
    /// Closes the connection to the client.
    fn close(&self) -> Result<(), HostError>;
}

/// The proxy that this module runs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proxy;

impl Proxy {
    /// A panic is a bug that kills the VM: its place must not be lost. The SDK's own hook can panic itself.
    pub fn log_panics() {
        std::panic::set_hook(Box::new(|panic| Self.log(LogLevel::Critical, &panic.to_string())));
    }
}

impl Host for Proxy {
    fn configuration(&self) -> Result<Vec<u8>, HostError> {
        hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX)
            .map(Option::unwrap_or_default)
            .map_err(|status| HostError(status as u32))
    }

    fn request_headers(&self) -> Result<Vec<u8>, HostError> {
        abi::request_headers()
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        match abi::property(path.join("\0").as_bytes()) {
            Ok(value) => Ok(Some(value)),
            Err(HostError::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn log(&self, level: LogLevel, message: &str) {
        let _ = abi::log(level, message);
    }

    fn define_counter(&self, name: &str) -> Result<u32, HostError> {
        abi::define_counter(name)
    }

    fn increment(&self, counter: u32) {
        let _ = abi::increment(counter);
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        abi::send_local_response(Reply::STATUS, reply.details.as_bytes(), Reply::BODY, Reply::GRPC_STATUS)
    }

    fn close(&self) -> Result<(), HostError> {
        abi::close_downstream()
    }
}
