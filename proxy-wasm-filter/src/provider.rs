//! The call to an external provider for a request that a CUSTOM rule matches.
//!
//! The request waits for the answer, as with Envoy's own filter `ext_authz`. The call is `GET` for the configured path,
//! with the headers of the request and its method, host and path in `x-forwarded-method`, `-host` and `-uri`. The
//! answer 200 allows. Any other answer denies with the provider's status, body, and the headers that a client needs.
//! The proxy itself answers 503 for an unreachable provider and 504 after the timeout. Therefore, with `failOpen`, a
//! status of 500 and above counts as a missing answer, which allows.

use crate::{
    header_map::{HeaderMap, serialize},
    host::{Call, Host},
    reply::Reply,
    types::HostError,
};
use palisade::RuleId;
use palisade_plugin_config::Provider;
use std::rc::Rc;

/// Headers of the call that the client must not set: those about the connection or the body, and those of the filter.
///
/// With a `content-type` of gRPC, Envoy's own answers to the call (503, 504) would be HTTP 200 with a gRPC status.
const NOT_SENT: [&str; 16] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-uri",
];

/// The prefix of headers that Envoy applies to the call itself: its timeout, its retries, and the upstream of a cluster
/// of type `ORIGINAL_DST`.
const NOT_SENT_PREFIX: &[u8] = b"x-envoy-";

/// The headers of a denying answer that reach the client.
const RETURNED: [&str; 4] = ["content-type", "location", "set-cookie", "www-authenticate"];

/// The maximum length of a provider's body; a longer body is truncated.
const MAX_BODY: usize = 64 << 10;

/// A request that waits for the answer of a provider.
#[derive(Debug)]
pub(crate) struct PendingAuthz {
    /// The token of the call.
    pub(crate) token: u32,
    /// The rule that names the provider.
    pub(crate) rule: RuleId,
    pub(crate) provider: Rc<Provider>,
    /// The providers to call after this one.
    pub(crate) rest: Vec<(RuleId, Rc<Provider>)>,
}

/// The decision of a provider.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Allow,
    Deny(Reply),
}

/// Calls the provider, and returns the token of the call.
pub(crate) fn call(host: &impl Host, provider: &Provider) -> Result<u32, HostError> {
    let request = HeaderMap::parse(host.request_headers()?).ok_or(HostError(0))?;
    let first = |name: &[u8]| request.first(name).unwrap_or_default();
    let authority = match first(b":authority") {
        b"" => provider.cluster.as_bytes(),
        authority => authority,
    };
    let own: [(&[u8], &[u8]); 6] = [
        (b":method", b"GET"),
        (b":path", provider.path.as_bytes()),
        (b":authority", authority),
        (b"x-forwarded-method", first(b":method")),
        (b"x-forwarded-host", first(b":authority")),
        (b"x-forwarded-uri", first(b":path")),
    ];
    let sent = request.iter().filter(|(name, _)| is_sent(provider, name));
    let headers: Vec<_> = own.into_iter().chain(sent).collect();
    let headers = serialize(&headers);
    host.call(&Call { cluster: &provider.cluster, headers: &headers, timeout_ms: provider.timeout_ms })
}

fn is_sent(provider: &Provider, name: &[u8]) -> bool {
    let is_reserved = name.starts_with(b":")
        || name.starts_with(NOT_SENT_PREFIX)
        || NOT_SENT.iter().any(|reserved| reserved.as_bytes() == name);
    let is_listed = |names: &Vec<String>| names.iter().any(|listed| listed.as_bytes() == name);
    !is_reserved && provider.headers.as_ref().is_none_or(is_listed)
}

/// Reads the answer of the current callback. An answer without headers means that the proxy has cancelled the call.
pub(crate) fn answer(host: &impl Host, provider: &Provider, has_headers: bool) -> Answer {
    let headers = match has_headers {
        true => host.answer_headers().ok().and_then(HeaderMap::parse),
        false => None,
    };
    let status = headers.as_ref().and_then(status);
    match (headers, status) {
        (_, Some(200)) => Answer::Allow,
        (_, Some(500..)) | (_, None) if provider.fail_open => Answer::Allow,
        (Some(headers), Some(status)) => {
            let returned = headers.iter().filter(|(name, _)| RETURNED.iter().any(|n| n.as_bytes() == *name));
            let returned: Vec<_> = returned.collect();
            let body = host.answer_body(MAX_BODY).unwrap_or_default();
            Answer::Deny(Reply::of_provider(status, serialize(&returned), body.to_vec()))
        }
        _ => Answer::Deny(Reply::no_answer()),
    }
}

/// Returns the decision for a provider that the proxy cannot call.
pub(crate) fn on_unreachable(provider: &Provider) -> Answer {
    if provider.fail_open { Answer::Allow } else { Answer::Deny(Reply::no_answer()) }
}

/// Returns the status, if it is one that a client can receive.
fn status(headers: &HeaderMap) -> Option<u32> {
    let status = core::str::from_utf8(headers.first(b":status")?).ok()?.parse().ok()?;
    (200..600).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests;
