//! What Envoy's HTTP codec and connection manager do to a request before any policy sees it: refusals, path
//! normalization, joined headers, the client's address (`spec/istio.md` 7).
//!
//! Inside Envoy all of this has happened already; the filter must not do it twice.

mod admit;
mod authority;
mod header;
mod normalize;
mod request;

pub use admit::{Admitted, Proxy, Refusal, admit};
pub(crate) use header::is_inline;
pub use normalize::{NormalizationVersion, normalize_path};
pub use request::{Headers, HttpRequest, HttpVersion};
