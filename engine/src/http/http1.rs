//! Envoy's HTTP/1 codec: the requests that it rejects, and the headers that it removes or joins. The order of the checks
//! determines the status.

use super::{
    header::{is_token, is_value, trim},
    nominated,
    proxy::{Downstream, Proxy},
    received::{MAX_HEADERS, Received, check_size, is_authority, is_content_length},
    refusal::Refusal,
    request::{HttpRequest, HttpVersion},
    url::{Url, is_authority_form, is_target},
};
use alloc::{borrow::Cow, vec::Vec};

/// The methods that the codec accepts, in order.
const METHODS: [&str; 35] = [
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

const TOO_LARGE: Refusal = Refusal::answer(431, "more than 60 KiB of headers");

fn bad(reason: &'static str) -> Refusal {
    Refusal::answer(400, reason)
}

/// Returns `request`, sent on `downstream`, after the codec of `proxy`.
///
/// # Errors
///
/// The codec responds with status 400, 403, 426, 431 or 501.
pub(super) fn receive(
    request: &HttpRequest,
    downstream: &Downstream,
    proxy: &Proxy,
) -> Result<Received, Refusal> {
    check_size(size(request), TOO_LARGE)?;
    let target = trim(&request.target);
    if METHODS.binary_search(&request.method.as_str()).is_err() {
        return Err(bad("unknown method"));
    }
    let is_connect = request.method == "CONNECT";
    if !is_target(target, is_connect) {
        return Err(bad("the request target is neither a path nor a URL"));
    }
    let mut received = Received { method: request.method.clone().into_bytes(), ..Received::default() };
    add_headers(request, &mut received)?;
    let upgrade = negotiate(&mut received, is_connect)?;
    if !upgrade && received.headers.contains("connection") {
        let sanitized = nominated::remove(&mut received);
        sanitized.ok_or(bad("Connection names a header that must not be removed, or too many"))?;
    }
    // Only a proxy that trusts no other one compares the scheme with the connection.
    let any_scheme = downstream.tls || !proxy.gateway || proxy.trusted_proxies > 0;
    route(target, is_connect, any_scheme, &mut received)?;
    if request.version == HttpVersion::Http10 && !proxy.accepts_http_1_0 {
        return Err(Refusal::answer(426, "a version before HTTP/1.1"));
    }
    match &received.authority {
        Some(authority) if !is_authority(authority) => Err(bad("invalid Host")),
        _ => Ok(received),
    }
}

/// Returns the size of the request head in bytes.
fn size(request: &HttpRequest) -> usize {
    let names = request.hosts.iter().map(|host| ("host".len(), host.len()));
    let lines = names.chain(request.headers.iter().map(|(name, value)| (name.len(), value.len())));
    let lines: usize = lines.map(|(name, value)| name + ": ".len() + value + "\r\n".len()).sum();
    request.method.len() + request.target.len() + "  HTTP/1.1\r\n\r\n".len() + lines
}

/// Adds the header lines and `Host`.
fn add_headers(request: &HttpRequest, received: &mut Received) -> Result<(), Refusal> {
    let hosts = request.hosts.iter().map(|host| ("host", host.as_bytes()));
    let lines = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    let mut lengths = 0;
    for (name, value) in hosts.clone().chain(lines.clone()) {
        let value = without_returns(value);
        if !is_token(name.as_bytes()) || !is_value(&value) {
            return Err(bad("invalid header"));
        }
        if name.eq_ignore_ascii_case("content-length") {
            lengths += 1;
            if !is_content_length(trim(&value)) || lengths > 1 {
                return Err(bad("invalid Content-Length, or several"));
            }
        }
    }
    for (name, value) in hosts.chain(lines) {
        let (name, value) = (name.to_ascii_lowercase(), without_returns(value));
        let value = trim(&value);
        match (name.as_str(), &mut received.authority) {
            ("host", Some(authority)) => {
                if !authority.is_empty() && !value.is_empty() {
                    authority.push(b',');
                }
                authority.extend_from_slice(value);
            }
            ("host", none) => *none = Some(value.to_vec()),
            _ => received.headers.add(&name, value),
        }
        if received.headers.len() + usize::from(received.authority.is_some()) > MAX_HEADERS {
            return Err(Refusal::answer(431, "more than 100 headers"));
        }
    }
    Ok(())
}

/// Returns `value` without carriage returns, which the parser removes.
fn without_returns(value: &[u8]) -> Cow<'_, [u8]> {
    match value.contains(&b'\r') {
        true => value.iter().copied().filter(|b| *b != b'\r').collect::<Vec<u8>>().into(),
        false => value.into(),
    }
}

/// Processes upgrades and the framing of the body. Returns whether the codec enters the upgrade mode.
fn negotiate(received: &mut Received, is_connect: bool) -> Result<bool, Refusal> {
    let mut upgrade = is_connect;
    if received.is_upgrade() {
        let h2c = received.headers.first("upgrade").is_some_and(|v| v.eq_ignore_ascii_case(b"h2c"));
        upgrade |= !h2c;
        if h2c {
            // Envoy does not upgrade to HTTP/2 in clear text. It removes the upgrade and processes the request as
            // HTTP/1.
            received.headers.remove("upgrade");
            received.headers.remove("http2-settings");
            nominated::forget(&mut received.headers, &[b"upgrade", b"http2-settings"]);
        }
    }
    if is_connect && let Some(length) = received.headers.first("content-length") {
        if length != b"0" {
            return Err(bad("a CONNECT with a body"));
        }
        received.headers.remove("content-length");
    }
    if let Some(encoding) = received.headers.first("transfer-encoding") {
        if received.headers.contains("content-length") {
            return Err(bad("both Transfer-Encoding and Content-Length"));
        }
        if is_connect || !encoding.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::answer(501, "a Transfer-Encoding other than chunked"));
        }
    }
    Ok(upgrade)
}

/// Sets path, host and scheme from the request target. A target in absolute form replaces `Host`.
fn route(target: &[u8], is_connect: bool, any_scheme: bool, received: &mut Received) -> Result<(), Refusal> {
    if is_connect {
        if !is_authority_form(target) {
            return Err(bad("the target of a CONNECT is not a host and a port"));
        }
        received.authority = Some(target.to_vec());
        return Ok(());
    }
    if target.starts_with(b"/") || target.starts_with(b"*") && received.method == b"OPTIONS" {
        received.path = Some(target.to_vec());
        return Ok(());
    }
    let url = Url::parse(target).ok_or(bad("the request target is neither a path nor a valid URL"))?;
    let scheme = url.scheme.to_ascii_lowercase();
    match scheme.as_slice() {
        b"http" => {}
        b"https" if any_scheme => {}
        b"https" => return Err(Refusal::answer(403, "an https URL on a connection without TLS")),
        _ => return Err(bad("the scheme of the request target is not http or https")),
    }
    received.authority = Some(url.authority.to_vec());
    received.path = Some(if url.path.is_empty() { b"/".to_vec() } else { url.path.to_vec() });
    received.scheme = Some(scheme);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_sorted() {
        assert!(METHODS.is_sorted());
    }
}
