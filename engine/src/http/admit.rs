//! From the request a client sends to the one that policies see.

use super::{
    authority::{absolute_form, is_authority},
    header::{is_inline, is_name, is_referer, is_value, trim},
    normalize::{NormalizationVersion, normalize_path},
    request::{HttpRequest, HttpVersion},
};
use crate::resource::istio::PathNormalization;
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// The proxy's settings that change what policies see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Path normalization of the mesh.
    pub normalization: PathNormalization,
    /// Envoy's behaviour for dot segments with parameters.
    pub version: NormalizationVersion,
    /// Whether it is a gateway, which trusts only its own trusted proxies for the client's address.
    pub gateway: bool,
    /// `numTrustedProxies`.
    pub trusted_proxies: u32,
    /// Whether what is malformed or ambiguous is refused, though Envoy lets it pass.
    pub strict: bool,
}

/// Envoy answers with this status itself, before any policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Why.
    pub reason: &'static str,
}

/// A request as policies see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// `:method`.
    pub method: Vec<u8>,
    /// `:path`, normalized.
    pub path: Vec<u8>,
    /// `:authority`.
    pub authority: Vec<u8>,
    /// Header lines, names in lower case, inline headers joined.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The client's address.
    pub remote_ip: Option<IpAddr>,
    /// Whether `X-Forwarded-For` names a client that cannot be read, so that the socket's peer stands in for it.
    pub remote_ip_is_guess: bool,
}

const METHODS: &[&str] = &[
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
    "M-SEARCH",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
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

fn refuse(status: u16, reason: &'static str) -> Refusal {
    Refusal { status, reason }
}

/// What `request`, sent from `source`, looks like to policies behind `proxy`.
///
/// # Errors
///
/// Envoy refuses it before any policy: 400 for what is malformed, 404 for a target that is no path.
pub fn admit(request: &HttpRequest, source: Option<IpAddr>, proxy: &Proxy) -> Result<Admitted, Refusal> {
    let http1 = request.version != HttpVersion::Http2;
    if http1 && !METHODS.contains(&request.method.as_str()) {
        return Err(refuse(400, "unknown method"));
    }
    if request.method.is_empty() || !is_name(&request.method) {
        return Err(refuse(400, "invalid method"));
    }
    let mut authority = request.hosts.join(",").into_bytes();
    let mut target = request.target.as_slice();
    // HTTP/2 takes bytes above ASCII, which normalization encodes.
    if target.iter().any(|b| *b <= b' ' || *b == 0x7f || http1 && *b > 0x7e) {
        return Err(refuse(400, "invalid character in the request target"));
    }
    if http1 && let Some((host, path)) = absolute_form(target) {
        authority = host.to_vec();
        target = path;
    } else if request.hosts.is_empty() {
        return Err(refuse(400, "no Host"));
    }
    if !http1 && (authority.is_empty() || authority.contains(&b'@')) {
        return Err(refuse(400, "an empty :authority, or one with user information"));
    }
    if !is_authority(&authority) {
        return Err(refuse(400, "invalid Host"));
    }
    if !target.starts_with(b"/") {
        let asterisk = target.starts_with(b"*") && request.method == "OPTIONS";
        return Err(refuse(if http1 && !asterisk { 400 } else { 404 }, "the request target is no path"));
    }
    let path =
        normalize_path(target, proxy.normalization, proxy.version).ok_or(refuse(400, "invalid path"))?;
    let headers = headers(request, http1)?;
    let forwarded = headers.iter().find(|(name, _)| name == "x-forwarded-for");
    let named = forwarded.and_then(|(_, value)| client_entry(value, proxy));
    let client = named.map(|entry| core::str::from_utf8(entry).ok().and_then(|e| e.trim().parse().ok()));
    let remote_ip = request.remote_ip.or(client.flatten()).or(source);
    let remote_ip_is_guess = request.remote_ip.is_none() && client == Some(None);
    if proxy.strict
        && let Some(reason) = ambiguity(request, &authority)
    {
        return Err(refuse(400, reason));
    }
    let method = request.method.clone().into_bytes();
    Ok(Admitted { method, path, authority, headers, remote_ip, remote_ip_is_guess })
}

/// What Envoy lets pass and two servers may read differently.
fn ambiguity(request: &HttpRequest, authority: &[u8]) -> Option<&'static str> {
    if authority.contains(&b'@') {
        return Some("user information in Host");
    }
    if authority.len() > 255 {
        return Some("a Host of more than 255 characters");
    }
    if request.hosts.len() > 1 || authority.contains(&b',') {
        return Some("more than one Host");
    }
    if request.version == HttpVersion::Http2 && request.headers.iter().any(|(n, _)| n == "host") {
        return Some("host beside :authority");
    }
    request.headers.iter().any(|(n, _)| n.contains('_')).then_some("an underscore in a header name")
}

fn headers(request: &HttpRequest, http1: bool) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    let mut out: Vec<(String, Vec<u8>)> = Vec::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        if !is_name(name) || !is_value(value) {
            return Err(refuse(400, "invalid header"));
        }
        let name = name.to_ascii_lowercase();
        let value = if http1 { trim(value) } else { value };
        let crumbs = !http1 && name == "cookie";
        let joined = (crumbs || is_inline(&name)).then(|| out.iter_mut().find(|(n, _)| *n == name)).flatten();
        match joined {
            // Envoy appends nothing for an empty line, and no separator to an empty one.
            Some(_) if value.is_empty() && !crumbs => {}
            Some((_, before)) => {
                if !before.is_empty() {
                    before.extend_from_slice(if crumbs { b"; " } else { b"," });
                }
                before.extend_from_slice(value);
            }
            None => out.push((name, value.to_vec())),
        }
    }
    out.retain(|(name, value)| name != "referer" || is_referer(value));
    Ok(out)
}

/// The entry of `X-Forwarded-For` that names the client (`spec/istio.md` 7.5); none where the socket's peer counts.
fn client_entry<'v>(value: &'v [u8], proxy: &Proxy) -> Option<&'v [u8]> {
    let from_right = match (proxy.gateway, proxy.trusted_proxies) {
        (true, 0) => return None,
        (true, n) => n.checked_sub(1)?,
        (false, n) => n,
    };
    value.rsplit(|b| *b == b',').nth(usize::try_from(from_right).ok()?)
}
