//! Converts a request as sent by the client to the request that policies are evaluated on.

use super::{
    client_address::Client,
    connect_udp, connection_manager,
    header_map::HeaderMap,
    http1, http2,
    normalize::normalize_path,
    proxy::{Downstream, Proxy},
    received::Received,
    refusal::Refusal,
    request::{HttpRequest, HttpVersion},
};
use alloc::{borrow::Cow, vec::Vec};
use core::net::IpAddr;

/// A request on which policies are evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// `:method`.
    pub method: Vec<u8>,
    /// `:path`, normalized; `None` for a CONNECT.
    pub path: Option<Vec<u8>>,
    /// `:authority`.
    pub authority: Vec<u8>,
    /// `:scheme`.
    pub scheme: Vec<u8>,
    /// The other headers.
    pub headers: HeaderMap,
    /// The client's address.
    pub remote_ip: Option<IpAddr>,
    /// Whether `client` is the peer of the socket because the address in `X-Forwarded-For` is invalid.
    pub remote_ip_is_guess: bool,
}

/// Returns `request`, sent on `downstream`, after the codec, path normalization and the connection manager of `proxy`.
///
/// # Errors
///
/// Envoy rejects the request before any policy, with a response or a stream reset.
pub fn admit(request: &HttpRequest, downstream: &Downstream, proxy: &Proxy) -> Result<Admitted, Refusal> {
    let request = &*request.parsed()?;
    let (mut received, client) = receive(request, downstream, proxy)?;
    // Over QUIC, Envoy does not report the names in its own certificate.
    let downstream = match request.version {
        HttpVersion::Http3 => Cow::Owned(Downstream { identity: None, ..downstream.clone() }),
        _ => Cow::Borrowed(downstream),
    };
    connection_manager::rewrite(&mut received, &client, &downstream, proxy);
    if is_refused_upgrade(&received) {
        return Err(Refusal::answer(403, "an upgrade that is not enabled"));
    }
    finish(request, received, &client, proxy)
}

/// Returns `request` as [`admit`] does, but without the changes of the connection manager, so the headers stay as sent.
/// For proxies whose connection manager Palisade does not model.
///
/// # Errors
///
/// As [`admit`].
pub fn decode(request: &HttpRequest, downstream: &Downstream, proxy: &Proxy) -> Result<Admitted, Refusal> {
    let request = &*request.parsed()?;
    let (received, client) = receive(request, downstream, proxy)?;
    finish(request, received, &client, proxy)
}

/// Applies the codec, the checks of the connection manager, and path normalization.
fn receive(
    request: &HttpRequest,
    downstream: &Downstream,
    proxy: &Proxy,
) -> Result<(Received, Client), Refusal> {
    let mut received = match request.version {
        HttpVersion::Http2 | HttpVersion::Http3 => http2::receive(request, downstream.tls)?,
        HttpVersion::Http10 | HttpVersion::Http11 => http1::receive(request, downstream, proxy)?,
    };
    check(&mut received)?;
    if let Some(path) = &received.path {
        let normalized = normalize_path(path, proxy.normalization, proxy.version);
        received.path = Some(normalized.ok_or(Refusal::answer(400, "invalid path"))?);
    }
    connection_manager::sanitize_referer(&mut received.headers);
    let client = match request.remote_ip {
        Some(given) => Client { address: Some(given.into()), is_guess: false },
        None => Client::read(&received.headers, downstream, proxy),
    };
    Ok((received, client))
}

fn finish(
    request: &HttpRequest,
    received: Received,
    client: &Client,
    proxy: &Proxy,
) -> Result<Admitted, Refusal> {
    let authority = received.authority.unwrap_or_default();
    if proxy.strict
        && let Some(reason) = ambiguity(request, &authority)
    {
        return Err(Refusal::answer(400, reason));
    }
    Ok(Admitted {
        method: received.method,
        path: received.path,
        authority,
        scheme: received.scheme.unwrap_or_default(),
        headers: received.headers,
        remote_ip: client.address.map(|address| address.ip),
        remote_ip_is_guess: client.is_guess,
    })
}

/// Returns an error if the connection manager rejects the request before it changes the headers.
fn check(received: &mut Received) -> Result<(), Refusal> {
    if received.authority.is_none() {
        return Err(Refusal::answer(400, "no Host"));
    }
    if received.method.is_empty() {
        return Err(Refusal::answer(400, "invalid method"));
    }
    if received.path.as_ref().is_some_and(|path| !path.starts_with(b"/")) {
        return Err(Refusal::answer(404, "the request target is not a path"));
    }
    let has_type = received.headers.first("content-type").is_some_and(|value| !value.is_empty());
    if received.method == b"QUERY" && !has_type {
        return Err(Refusal::answer(400, "QUERY without Content-Type"));
    }
    let wrong_udp = Refusal::answer(404, "the path does not name the host of a UDP tunnel");
    connect_udp::rewrite_authority(received).ok_or(wrong_udp)
}

/// Returns whether the request contains an upgrade that istiod does not enable. A request without scheme has no route, and
/// this check does not apply to it.
fn is_refused_upgrade(received: &Received) -> bool {
    let is = |name: &str, value: &[u8]| {
        received.headers.first(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    received.is_upgrade()
        && !is("upgrade", b"websocket")
        && !is("x-forwarded-proto", b"")
        && received.method != b"CONNECT"
}

/// Returns an error if Envoy forwards the request, but two servers can interpret it differently.
fn ambiguity(request: &HttpRequest, authority: &[u8]) -> Option<&'static str> {
    if authority.is_empty() {
        return Some("an empty Host");
    }
    if authority.contains(&b'@') {
        return Some("user information in Host");
    }
    if authority.contains(&b'%') {
        return Some("a percent sign in Host");
    }
    if authority.len() > 255 {
        return Some("a Host of more than 255 characters");
    }
    let further = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count();
    if request.hosts.len() + further > 1 || authority.contains(&b',') {
        return Some("more than one Host");
    }
    request.headers.iter().any(|(n, _)| n.contains('_')).then_some("an underscore in a header name")
}
