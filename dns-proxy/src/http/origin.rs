//! Refuses requests from foreign web pages in a local browser.
//!
//! An attacker can let the name of a web page resolve to this address (DNS rebinding). The requests of such a page have its
//! name in `Host`. Legitimate requests have an address of this machine or `localhost`.

use core::net::IpAddr;
use hyper::{
    Request, StatusCode,
    header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN},
};

/// Refuses requests to another host than `local`, the local address of the connection, and requests from pages of other
/// hosts.
pub(super) fn check<B>(request: &Request<B>, local: IpAddr) -> Result<(), (StatusCode, String)> {
    let Some(host) = single(request.headers(), HOST)? else {
        return Err((StatusCode::BAD_REQUEST, "missing Host header".to_owned()));
    };
    let target = request.uri().authority().map(|authority| authority.as_str());
    for host in [Some(host), target].into_iter().flatten() {
        if !is_local(host, local) {
            let error = "the Host header must name the address of this endpoint or localhost".to_owned();
            return Err((StatusCode::FORBIDDEN, error));
        }
    }
    let Some(origin) = single(request.headers(), ORIGIN)? else { return Ok(()) };
    match origin.split_once("://") {
        Some((_, host)) if is_local(host, local) => Ok(()),
        _ => Err((StatusCode::FORBIDDEN, "requests of foreign web pages are refused".to_owned())),
    }
}

/// Returns the only header `name`.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, (StatusCode, String)> {
    let mut values = headers.get_all(&name).iter();
    let (first, second) = (values.next(), values.next());
    let invalid = |_| (StatusCode::BAD_REQUEST, format!("invalid {name} header"));
    match second {
        Some(_) => Err((StatusCode::BAD_REQUEST, format!("more than one {name} header"))),
        None => first.map(HeaderValue::to_str).transpose().map_err(invalid),
    }
}

/// Returns whether `host`, with or without a port, is `local`, any loopback address if `local` is one, or `localhost`. The
/// port can differ, because a client can use a forwarded port.
fn is_local(host: &str, local: IpAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && !name.ends_with(':') => name,
        _ => host,
    };
    let (bare, is_bracketed) = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => (inner, true),
        None => (name, false),
    };
    let local = local.to_canonical();
    match bare.parse::<IpAddr>() {
        Ok(ip) if ip.is_ipv6() == is_bracketed => {
            let ip = ip.to_canonical();
            ip == local || (ip.is_loopback() && local.is_loopback())
        }
        Ok(_) => false,
        Err(_) => !is_bracketed && name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn host_is_local_if_it_names_this_machine() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:5380",
            "127.0.0.2:1",
            "localhost",
            "LocalHost:5380",
            "localhost.:80",
            "[::1]:5380",
            "[::1]",
            "[::ffff:127.0.0.1]:80",
        ] {
            assert!(is_local(host, LOCAL), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:5380",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "203.0.113.5:5380",
            "[2001:db8::1]:80",
            "::1",
            "::1:5380",
            "[127.0.0.1]:80",
            "[localhost]",
            "localhost:99999",
            "localhost:x",
            "localhost:",
            "user@localhost",
            "127.1",
            "localhost..",
            "a.localhost",
        ] {
            assert!(!is_local(host, LOCAL), "{host}");
        }
        let here: IpAddr = "192.0.2.7".parse().unwrap();
        assert!(is_local("192.0.2.7:80", here) && is_local("localhost", here));
        assert!(!is_local("127.0.0.1", here) && !is_local("192.0.2.8", here));
    }

    fn status(headers: &[(&str, &str)], target: &str) -> Option<u16> {
        let request = headers.iter().fold(Request::builder().uri(target), |r, (k, v)| r.header(*k, *v));
        check(&request.body(()).unwrap(), LOCAL).err().map(|(status, _)| status.as_u16())
    }

    #[test]
    fn foreign_host_or_origin_is_refused() {
        let host = ("host", "127.0.0.1:1");
        assert_eq!(status(&[host], "/"), None);
        assert_eq!(status(&[], "/"), Some(400));
        assert_eq!(status(&[host, host], "/"), Some(400));
        assert_eq!(status(&[("host", "evil.example")], "/"), Some(403));
        assert_eq!(status(&[host], "http://evil.example/"), Some(403));
        assert_eq!(status(&[host], "http://127.0.0.1:1/"), None);
        assert_eq!(status(&[host, ("origin", "http://localhost:3000")], "/"), None);
        for origin in ["http://evil.example", "null", "http://localhost.evil.example"] {
            assert_eq!(status(&[host, ("origin", origin)], "/"), Some(403), "{origin}");
        }
    }
}
