//! A request after the codec and before the connection manager, and the limits of every codec.

use super::{header_map::HeaderMap, refusal::Refusal};
use alloc::vec::Vec;

/// A request after the codec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) method: Vec<u8>,
    /// `:path`; `None` for a CONNECT.
    pub(super) path: Option<Vec<u8>>,
    /// `:authority`, or `Host`.
    pub(super) authority: Option<Vec<u8>>,
    /// `:scheme`, if the request has one.
    pub(super) scheme: Option<Vec<u8>>,
    pub(super) headers: HeaderMap,
}

/// Envoy's limit for the bytes of a request's headers.
pub(super) const MAX_HEADER_BYTES: usize = 60 << 10;

/// Envoy's limit for the header lines of a request, pseudo headers and `Host` included.
pub(super) const MAX_HEADERS: usize = 100;

impl Received {
    /// Returns whether the client requests an upgrade.
    pub(super) fn is_upgrade(&self) -> bool {
        self.headers.contains("upgrade") && has_element(&self.headers, "connection", b"upgrade")
    }
}

/// Returns whether the list in the header `name` contains `element`, in any case.
pub(super) fn has_element(headers: &HeaderMap, name: &str, element: &[u8]) -> bool {
    let list = headers.first(name).unwrap_or_default();
    super::header::elements(list).any(|e| e.eq_ignore_ascii_case(element))
}

/// Returns whether `authority` consists of characters that Envoy accepts in an authority.
pub(super) fn is_authority(authority: &[u8]) -> bool {
    authority.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@[]%".contains(b))
}

/// Returns whether `value` is a valid number of bytes of a body.
pub(super) fn is_content_length(value: &[u8]) -> bool {
    !value.is_empty()
        && value.iter().all(u8::is_ascii_digit)
        && core::str::from_utf8(value).is_ok_and(|digits| digits.parse::<u64>().is_ok())
}

/// Returns `refusal` as an error if `bytes` exceeds Envoy's limit for headers.
pub(super) fn check_size(bytes: usize, refusal: Refusal) -> Result<(), Refusal> {
    if bytes > MAX_HEADER_BYTES { Err(refusal) } else { Ok(()) }
}
