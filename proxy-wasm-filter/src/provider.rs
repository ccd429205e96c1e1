//! Asking an external provider about a request that a CUSTOM rule holds for.
//!
//! As with Envoy's own `ext_authz` the request waits. The provider is asked with `GET` for its configured path, the
//! request's own line in `x-forwarded-method`, `-host` and `-uri`, and the request's headers beside. Its answer 200
//! allows; any other denies with the provider's status, body, and the headers that a browser or client needs to go on.
//! The proxy gives an answer of its own where the provider cannot be reached (503) or is late (504), so a status of
//! 500 and above counts as none if `failOpen` lets requests pass without.

use crate::{
    config::Provider,
    header_map::{HeaderMap, serialize},
    host::{Call, Host, HostError},
    reply::Reply,
};
use palisade::RuleId;
use std::rc::Rc;

/// Headers about one connection or about a body that is not sent, and headers that the proxy sets itself.
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

/// Envoy obeys these headers wherever it sends a request: among them are the timeout of the call, its retries, and the
/// upstream of a cluster of type `ORIGINAL_DST`.
const NOT_SENT_PREFIX: &[u8] = b"x-envoy-";

/// What of a refusal reaches the client.
const PASSED_ON: [&str; 4] = ["content-type", "location", "set-cookie", "www-authenticate"];

/// A provider's page beyond this is cut.
const MAX_BODY: usize = 64 << 10;

/// A request that waits for a provider.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) token: u32,
    /// The rule that wanted the provider asked, and who that is; then those still to be asked.
    pub(crate) now: (RuleId, Rc<Provider>),
    pub(crate) rest: Vec<(RuleId, Rc<Provider>)>,
}

/// What a provider said.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Allow,
    Deny(Reply),
}

/// Sends the question; its token.
pub(crate) fn ask(host: &impl Host, provider: &Provider) -> Result<u32, HostError> {
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
    let known = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
    let wanted = |names: &Vec<String>| names.iter().any(|wanted| wanted.as_bytes() == name);
    let is_kept = name.starts_with(b":") || name.starts_with(NOT_SENT_PREFIX) || known(&NOT_SENT);
    !is_kept && provider.headers.as_ref().is_none_or(wanted)
}

/// What the answer that is being called back says; it has no headers where the proxy gave up.
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
            let passed = headers.iter().filter(|(name, _)| PASSED_ON.iter().any(|n| n.as_bytes() == *name));
            let passed: Vec<_> = passed.collect();
            let body = host.answer_body(MAX_BODY).unwrap_or_default();
            Answer::Deny(Reply::of_provider(status, serialize(&passed), body.to_vec()))
        }
        _ => Answer::Deny(Reply::no_answer()),
    }
}

/// What follows where a provider cannot even be asked.
pub(crate) fn unasked(provider: &Provider) -> Answer {
    if provider.fail_open { Answer::Allow } else { Answer::Deny(Reply::no_answer()) }
}

/// A final status: one that a client can be sent.
fn status(headers: &HeaderMap) -> Option<u32> {
    let status = core::str::from_utf8(headers.first(b":status")?).ok()?.parse().ok()?;
    (200..600).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests;
