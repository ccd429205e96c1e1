//! The numbers of the proxy-wasm ABI 0.2.x.

/// The result of a host call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Status {
    /// The call succeeded.
    Ok = 0,
    /// The property, header or metric does not exist.
    NotFound = 1,
    /// An argument is out of range, or the map does not exist at this stage.
    BadArgument = 2,
    /// The value has no serialized form, such as a null inside a struct.
    SerializationFailure = 3,
    /// A pointer is outside the guest's memory, or the guest failed to allocate.
    InvalidMemoryAccess = 6,
    /// The value is empty.
    Empty = 7,
    /// The compare-and-swap number is outdated.
    CasMismatch = 8,
    /// The host failed.
    InternalFailure = 10,
    /// This host does not implement the call.
    Unimplemented = 12,
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the names are those of the ABI")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl LogLevel {
    pub(crate) fn from_wire(level: u32) -> Option<Self> {
        Some(match level {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            5 => Self::Critical,
            _ => return None,
        })
    }
}

/// The header map of a call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum MapType {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
    GrpcInitialMetadata,
    GrpcTrailingMetadata,
    HttpCallHeaders,
    HttpCallTrailers,
}

impl MapType {
    pub(crate) fn from_wire(map: u32) -> Option<Self> {
        Some(match map {
            0 => Self::RequestHeaders,
            1 => Self::RequestTrailers,
            2 => Self::ResponseHeaders,
            3 => Self::ResponseTrailers,
            4 => Self::GrpcInitialMetadata,
            5 => Self::GrpcTrailingMetadata,
            6 => Self::HttpCallHeaders,
            7 => Self::HttpCallTrailers,
            _ => return None,
        })
    }
}

/// The buffer of a call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum BufferType {
    RequestBody,
    ResponseBody,
    DownstreamData,
    UpstreamData,
    HttpCallBody,
    GrpcMessage,
    VmConfiguration,
    PluginConfiguration,
    CallData,
}

impl BufferType {
    pub(crate) fn from_wire(buffer: u32) -> Option<Self> {
        Some(match buffer {
            0 => Self::RequestBody,
            1 => Self::ResponseBody,
            2 => Self::DownstreamData,
            3 => Self::UpstreamData,
            4 => Self::HttpCallBody,
            5 => Self::GrpcMessage,
            6 => Self::VmConfiguration,
            7 => Self::PluginConfiguration,
            8 => Self::CallData,
            _ => return None,
        })
    }
}

/// The stream and the direction of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StreamType {
    HttpRequest,
    HttpResponse,
    Downstream,
    Upstream,
}

impl StreamType {
    pub(crate) fn from_wire(stream: u32) -> Option<Self> {
        Some(match stream {
            0 => Self::HttpRequest,
            1 => Self::HttpResponse,
            2 => Self::Downstream,
            3 => Self::Upstream,
            _ => return None,
        })
    }
}
