//! The rejection of a request by the proxy's codec or connection manager.

/// The rejection of a request before any policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the proxy's response; `None` if it resets the stream or closes the connection.
    pub status: Option<u16>,
    /// The reason.
    pub reason: &'static str,
}

impl Refusal {
    /// Returns a rejection by a response with `status`.
    pub const fn answer(status: u16, reason: &'static str) -> Self {
        Self { status: Some(status), reason }
    }

    /// Returns a rejection by a reset of the stream or by closing the connection.
    pub const fn reset(reason: &'static str) -> Self {
        Self { status: None, reason }
    }
}
