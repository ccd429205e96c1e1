//! Why a request gets no further than the proxy's codec and connection manager.

/// A request that Envoy refuses before any policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status of the proxy's answer. `None` if it resets the stream or closes the connection.
    pub status: Option<u16>,
    /// Why.
    pub reason: &'static str,
}

impl Refusal {
    /// An answer with `status`.
    pub const fn answer(status: u16, reason: &'static str) -> Self {
        Self { status: Some(status), reason }
    }

    /// A stream that is reset, or a connection that is closed, without an answer.
    pub const fn reset(reason: &'static str) -> Self {
        Self { status: None, reason }
    }
}
