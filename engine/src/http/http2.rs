//! Envoy's codecs for HTTP/2 and HTTP/3: the requests that they reject, and the headers that they join. Both reject a request
//! by a reset of the stream or by closing the connection.

use super::{
    header::is_token,
    header_map::HeaderMap,
    received::{MAX_HEADER_BYTES, MAX_HEADERS, Received, is_authority, is_content_length},
    refusal::Refusal,
    request::{HttpRequest, HttpVersion},
};
use alloc::vec::Vec;

/// Headers about the connection, which are invalid in these versions.
const CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Returns `request` after the codec.
///
/// # Errors
///
/// The codec resets the stream or closes the connection.
pub(super) fn receive(request: &HttpRequest, tls: bool) -> Result<Received, Refusal> {
    let http3 = request.version == HttpVersion::Http3;
    let path = path(request, http3)?;
    let (hosts, others): (Vec<_>, Vec<_>) = request.headers.iter().partition(|(name, _)| name == "host");
    let hosts: Vec<&[u8]> = hosts.iter().map(|(_, value)| value.as_slice()).collect();
    let authority = authority(request, &hosts, http3)?;
    // A CONNECT has neither scheme nor path.
    let scheme: Option<&[u8]> = path.map(|_| if tls { &b"https"[..] } else { b"http" });

    let pseudo = [(":method", Some(request.method.as_bytes())), (":scheme", scheme), (":path", path)];
    let (mut size, mut lines) = (0, 0);
    for (name, value) in pseudo.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        size += name.len() + value.len();
        lines += 1;
    }
    // Each `host` line is stored as `:authority`.
    for host in request.hosts.iter().map(|host| host.len()).chain(hosts.iter().map(|host| host.len())) {
        size += ":authority".len() + host;
        lines += 1;
    }
    let mut headers = HeaderMap::default();
    let mut cookies: Option<Vec<u8>> = None;
    let mut crumbs = 0;
    for (name, value) in others {
        check(name, value, http3)?;
        if name == "content-length" && request.body.is_empty() && value.iter().any(|b| *b != b'0') {
            return Err(Refusal::reset("content-length without a body"));
        }
        let before = headers.len();
        match (name.as_str(), &mut cookies) {
            ("cookie", Some(cookies)) => {
                if !(cookies.is_empty() || http3 && value.is_empty()) {
                    cookies.extend_from_slice(b"; ");
                }
                cookies.extend_from_slice(value);
                crumbs += 1;
            }
            ("cookie", none) => {
                *none = Some(value.clone());
                crumbs += 1;
            }
            ("content-length", _) if headers.contains("content-length") => {
                return Err(Refusal::reset("several content-length"));
            }
            _ => headers.add(name, value),
        }
        // HTTP/3 counts every line, HTTP/2 every stored line.
        lines += usize::from(http3 && name != "cookie" || before != headers.len());
        size += if before == headers.len() { value.len() + 1 } else { name.len() + value.len() };
        if lines + crumbs > MAX_HEADERS {
            return Err(Refusal::reset("more than 100 headers"));
        }
        if size > MAX_HEADER_BYTES {
            break;
        }
    }
    if size > MAX_HEADER_BYTES {
        return Err(Refusal::reset("more than 60 KiB of headers"));
    }
    if let Some(cookies) = cookies.filter(|cookies| !cookies.is_empty()) {
        headers.add("cookie", &cookies);
    }
    Ok(Received {
        method: request.method.clone().into_bytes(),
        path: path.map(<[u8]>::to_vec),
        authority: Some(authority),
        scheme: scheme.map(<[u8]>::to_vec),
        headers,
    })
}

/// Returns `:path`, or `None` for a CONNECT.
fn path(request: &HttpRequest, http3: bool) -> Result<Option<&[u8]>, Refusal> {
    let (method, path) = (request.method.as_bytes(), request.target.as_slice());
    // The HTTP/3 codec accepts an empty method, which the connection manager rejects.
    if !(is_token(method) || http3 && method.is_empty()) {
        return Err(Refusal::reset("invalid :method"));
    }
    if method == b"CONNECT" {
        return match path.is_empty() {
            true => Ok(None),
            false => Err(Refusal::reset("a CONNECT with :path")),
        };
    }
    let asterisk = path == b"*" && method == b"OPTIONS";
    let invalid = |b: &u8| *b <= b' ' || *b == 0x7f || http3 && *b > 0x7f;
    if !(path.starts_with(b"/") || asterisk) || path.iter().any(invalid) {
        return Err(Refusal::reset("invalid :path, or none"));
    }
    Ok(Some(path))
}

/// Returns `:authority`.
///
/// HTTP/2 uses `host` if there is no `:authority`, and drops it otherwise. HTTP/3 accepts `host` only with an equal
/// `:authority`, and joins the two. `:authority` may be empty over HTTP/3, except in a CONNECT.
fn authority(request: &HttpRequest, hosts: &[&[u8]], http3: bool) -> Result<Vec<u8>, Refusal> {
    let authorities: Vec<&[u8]> = request.hosts.iter().map(|host| host.as_bytes()).collect();
    let is_connect = request.method == "CONNECT";
    let may_be_empty = http3 && !is_connect;
    let valid =
        |name: &&[u8]| is_authority(name) && !name.contains(&b'@') && (may_be_empty || !name.is_empty());
    if !authorities.iter().chain(hosts).all(valid) {
        return Err(Refusal::reset("invalid :authority or host"));
    }
    match (authorities.as_slice(), hosts) {
        ([authority], []) => Ok(authority.to_vec()),
        ([authority], [host]) if http3 && authority == host => {
            let name = authority.to_vec();
            Ok(if name.is_empty() { name } else { [authority, &b","[..], host].concat() })
        }
        ([authority], [_]) if !http3 => Ok(authority.to_vec()),
        ([], [host]) if !http3 && !is_connect => Ok(host.to_vec()),
        ([], _) => Err(Refusal::reset("no :authority")),
        _ => Err(Refusal::reset("several :authority or host")),
    }
}

/// Returns an error if the header line is invalid in a request of these versions.
fn check(name: &str, value: &[u8], http3: bool) -> Result<(), Refusal> {
    if !is_token(name.as_bytes()) || name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(Refusal::reset("invalid header name"));
    }
    if !super::header::is_value(value) || http3 && !value.is_ascii() {
        return Err(Refusal::reset("invalid header value"));
    }
    if CONNECTION.contains(&name) {
        return Err(Refusal::reset("a header of the connection"));
    }
    let trailers = value == b"trailers" || !http3 && value.eq_ignore_ascii_case(b"trailers");
    if name == "te" && !trailers {
        return Err(Refusal::reset("te other than trailers"));
    }
    if name == "content-length" && !is_content_length(value) {
        return Err(Refusal::reset("invalid content-length"));
    }
    Ok(())
}
