//! The changes of Envoy's HTTP codec and connection manager to a request before policies are evaluated
//! (docs/semantics/envoy.md).
//!
//! [`admit`] applies these steps, in this order:
//!
//! 1. the codec of the HTTP version, which rejects malformed requests and joins inline headers;
//! 2. the checks of the connection manager, and path normalization;
//! 3. the client address from `X-Forwarded-For`;
//! 4. the headers that the connection manager sets, extends and removes.
//!
//! Envoy applies all of them before it calls the filter, so the filter must not apply them again.

mod address;
mod admit;
mod client_address;
mod client_certificate;
mod connect_udp;
mod connection_manager;
mod cookie;
mod header;
mod header_map;
mod http1;
mod http2;
mod nominated;
mod normalize;
mod proxy;
mod query;
mod raw;
mod received;
mod refusal;
mod request;
mod url;

pub use admit::{Admitted, admit, decode};
pub(crate) use cookie::cookie;
pub(crate) use header::is_inline;
pub use header_map::HeaderMap;
pub use normalize::{NormalizationVersion, normalize_path};
pub use proxy::{CertificateDetails, ClientCertificate, Downstream, ForwardClientCertificate, Proxy};
pub(crate) use query::Query;
pub use refusal::Refusal;
pub use request::{Headers, HttpRequest, HttpVersion};
