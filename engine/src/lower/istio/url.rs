//! URLs in the syntax of Go's `net/url`, with which istiod checks `jwksUri` and `pathPrefix`.

use alloc::string::String;
use core::net::Ipv6Addr;

/// The parts of a URL that istiod checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url<'t> {
    /// The scheme in lower case; empty for a relative reference.
    pub(crate) scheme: String,
    /// The digits after the host; empty without a port.
    pub(crate) port: &'t str,
}

/// Parses `text` as `url.Parse` of Go 1.26 does.
///
/// # Errors
///
/// The URL is invalid; the reason completes "invalid URL: ".
pub(crate) fn parse(text: &str) -> Result<Url<'_>, &'static str> {
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err("control character");
    }
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    if !has_valid_escapes(fragment) {
        return Err("invalid escape in the fragment");
    }
    let (scheme, rest) = split_scheme(text)?;
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    let mut url = Url { scheme: scheme.to_ascii_lowercase(), port: "" };
    if !rest.starts_with('/') {
        let first = rest.split('/').next().unwrap_or_default();
        return match (scheme.is_empty(), first.contains(':')) {
            (true, true) => Err("colon in the first path segment"),
            // After a scheme this text is opaque data, which Go does not parse.
            (true, false) if !has_valid_escapes(rest) => Err("invalid escape in the path"),
            _ => Ok(url),
        };
    }
    let mut path = rest;
    let has_authority = !scheme.is_empty() || !rest.starts_with("///");
    if let Some(after) = rest.strip_prefix("//").filter(|_| has_authority) {
        let end = after.find('/').unwrap_or(after.len());
        let (authority, after) = after.split_at_checked(end).unwrap_or((after, ""));
        url.port = parse_authority(authority)?;
        path = after;
    }
    if has_valid_escapes(path) { Ok(url) } else { Err("invalid escape in the path") }
}

/// Returns the scheme and the text after its colon. A text that does not start with a scheme is a relative reference.
fn split_scheme(text: &str) -> Result<(&str, &str), &'static str> {
    let is_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    let end = text.bytes().position(|b| !is_scheme(b)).unwrap_or(text.len());
    let (scheme, rest) = text.split_at_checked(end).unwrap_or(("", text));
    match rest.strip_prefix(':') {
        Some(_) if scheme.is_empty() => Err("missing scheme before the colon"),
        Some(rest) if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) => Ok((scheme, rest)),
        _ => Ok(("", text)),
    }
}

/// Returns the port of `authority`.
fn parse_authority(authority: &str) -> Result<&str, &'static str> {
    let Some((user, host)) = authority.rsplit_once('@') else { return parse_host(authority) };
    let is_valid = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
    if !user.bytes().all(is_valid) || !has_valid_escapes(user) {
        return Err("invalid user information");
    }
    parse_host(host)
}

fn parse_host(host: &str) -> Result<&str, &'static str> {
    if let Some((before, literal)) = host.rsplit_once('[') {
        let (address, port) = literal.rsplit_once(']').ok_or("missing `]` in the host")?;
        let (address, zone) = match address.split_once("%25") {
            Some((address, zone)) => (address, Some(zone)),
            None => (address, None),
        };
        let is_valid = address.parse::<Ipv6Addr>().is_ok() && zone != Some("") && before.is_empty();
        return if is_valid { parse_port(port) } else { Err("invalid IPv6 address in the host") };
    }
    let start = host.find(':').unwrap_or(host.len());
    let (name, port) = host.split_at_checked(start).unwrap_or((host, ""));
    if is_host_name(name) { parse_port(port) } else { Err("invalid character in the host") }
}

/// Returns the digits of `text`, which is empty or starts with a colon.
fn parse_port(text: &str) -> Result<&str, &'static str> {
    let digits = text.strip_prefix(':').unwrap_or(text);
    let is_valid = text.is_empty() || text.starts_with(':') && digits.bytes().all(|b| b.is_ascii_digit());
    if is_valid { Ok(digits) } else { Err("invalid port") }
}

/// Returns whether a host has only characters that Go accepts. An escape can represent bytes above ASCII and `%` only.
fn is_host_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let Some([high, low]) = after.first_chunk::<2>() else { return false };
                let above_ascii = matches!(high, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F');
                if !low.is_ascii_hexdigit() || !(above_ascii || [*high, *low] == *b"25") {
                    return false;
                }
                rest = after.get(2..).unwrap_or_default();
            }
            byte if byte.is_ascii_alphanumeric() || !byte.is_ascii() => {}
            byte if b"-_.~!$&'()*+,;=:[]<>\"".contains(byte) => {}
            _ => return false,
        }
    }
    true
}

/// Returns whether two hexadecimal digits follow every percent sign.
fn has_valid_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_returns_scheme_and_port() {
        for (text, scheme, port) in [
            ("https://k.example/x", "https", ""),
            ("HTTP://k.example:8080", "http", "8080"),
            ("https://u:p@k.example:1?a:b#c", "https", "1"),
            ("https://[::1]:443/x", "https", "443"),
            ("https://[fe80::1%25en0]/x", "https", ""),
            ("https://k.example:/x", "https", ""),
            ("https:///x", "https", ""),
            ("https:k.example:80", "https", ""),
            ("//k.example:99999/x", "", "99999"),
            ("///k.example:x/x", "", ""),
            ("https://%C3%A9.example/%41", "https", ""),
            ("/check?a=%zz", "", ""),
            ("check", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(parse(text), Ok(Url { scheme: scheme.into(), port }), "{text}");
        }
    }

    #[test]
    fn invalid_url_is_an_error() {
        for text in [
            "https://k.example:port/x",
            "https://k.example:80x",
            "https://k.example:80:81/",
            "https://::1/x",
            "https://[::1/x",
            "https://[1.2.3.4]/x",
            "https://[::1]x/",
            "https://a[::1]/",
            "https://[fe80::1%25]/",
            "https://k example/",
            "https://k.example%20/",
            "https://k.example%/",
            "https://u ser@k.example/",
            "https://u%zz@k.example/",
            "https://k.example/%zz",
            "https://k.example/#%z",
            "https://k.example/\n",
            "/%",
            "1a:b",
            ":80",
            "//h:x/p",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
