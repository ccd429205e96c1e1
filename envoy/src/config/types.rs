//! The prefix of Envoy's type URLs.

/// The prefix of the type URL of every Envoy message.
pub(super) const TYPES: &str = "type.googleapis.com/envoy";
