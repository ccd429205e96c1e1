//! Absolute URLs in Envoy's syntax: the targets of HTTP/1, and `Referer`.

use super::address::Address;

/// The parts of an absolute URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) scheme: &'a [u8],
    /// Host with port, without user information.
    pub(super) authority: &'a [u8],
    /// Path, query and fragment; may be empty.
    pub(super) path: &'a [u8],
    pub(super) has_user_info: bool,
    pub(super) has_fragment: bool,
}

impl<'a> Url<'a> {
    /// Parses `scheme://[user@]host[:port][/path][?query][#fragment]`.
    pub(super) fn parse(url: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = split_scheme(url)?;
        let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
        let (server, path) = rest.split_at_checked(end)?;
        let (user, authority) = match server.iter().position(|b| *b == b'@') {
            Some(at) => (server.get(..at)?, server.get(at + 1..)?),
            None => (&[][..], server),
        };
        let fragment = path.iter().position(|b| *b == b'#').and_then(|at| path.get(at..)).unwrap_or_default();
        let printable = |b: &u8| (b'!'..=b'~').contains(b);
        let valid = user.iter().all(is_user_info) && path.iter().all(printable);
        (valid && is_host_and_port(authority)).then_some(Self {
            scheme,
            authority,
            path,
            has_user_info: !user.is_empty(),
            has_fragment: fragment.iter().any(|b| *b != b'#'),
        })
    }
}

/// Returns the scheme of `url`, and the text after `://`.
pub(super) fn split_scheme(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = url.iter().position(|b| *b == b':')?;
    let (scheme, rest) = url.split_at_checked(colon)?;
    let valid = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b));
    Some((scheme, rest.strip_prefix(b"://").filter(|_| valid)?))
}

/// Returns whether the HTTP/1 parser accepts `target`: a path, or a host after a scheme. The target of a CONNECT has no
/// scheme. The parser checks the target before it reads headers.
pub(super) fn is_target(target: &[u8], is_connect: bool) -> bool {
    if !target.iter().all(|b| (b'!'..=b'~').contains(b)) {
        return false;
    }
    if matches!(target, [b'/' | b'*', ..]) {
        return true;
    }
    let rest = match is_connect {
        true => Some(target).filter(|target| !target.is_empty()),
        false => split_scheme(target).map(|(_, rest)| rest),
    };
    rest.is_some_and(|rest| {
        let host = rest.split(|b| matches!(b, b'/' | b'?')).next().unwrap_or_default();
        let valid = |b: &u8| b.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=@[]_~".contains(b);
        host.iter().all(valid) && !host.windows(2).any(|pair| pair == b"@@")
    })
}

/// Returns whether `target` is the target of a CONNECT: a host and a port.
pub(super) fn is_authority_form(target: &[u8]) -> bool {
    port_of(target).is_some() && is_host_and_port(target)
}

/// Returns whether Envoy keeps a `Referer`: an absolute URL without user information or fragment, or a relative
/// reference.
pub(super) fn is_referer(value: &[u8]) -> bool {
    if let Some(url) = Url::parse(value) {
        return !url.has_user_info && !url.has_fragment;
    }
    // The first segment of a relative path has no colon.
    let first = value.iter().position(|b| *b == b'/').unwrap_or(value.len());
    let reference = |b: &u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(b);
    value.iter().all(reference) && !value.iter().take(first).any(|b| *b == b':')
}

fn is_user_info(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()%;:&=+$,".contains(byte)
}

/// Returns the text after the last colon, or `None` if the colon is inside of an IPv6 address.
fn port_of(authority: &[u8]) -> Option<&[u8]> {
    let colon = authority.iter().rposition(|b| *b == b':')?;
    let port = authority.get(colon + 1..)?;
    (!port.contains(&b']')).then_some(port)
}

fn is_host_and_port(authority: &[u8]) -> bool {
    let port = port_of(authority);
    let host = authority.len() - port.map_or(0, |port| port.len() + 1);
    let host = authority.get(..host).unwrap_or_default();
    let number = |port: &[u8]| {
        !port.is_empty()
            && port.iter().all(u8::is_ascii_digit)
            && port.iter().fold(0u32, |n, digit| (n * 10 + u32::from(digit - b'0')).min(1 << 16)) < 1 << 16
    };
    let is_name =
        |host: &[u8]| !host.is_empty() && host.iter().all(|b| b.is_ascii_alphanumeric() || b".-".contains(b));
    let bracketed = host.strip_prefix(b"[").map(|rest| rest.strip_suffix(b"]"));
    let host_ok = match bracketed {
        Some(inner) => inner.is_some_and(|address| Address::parse(address).is_some()),
        None => is_name(host),
    };
    host_ok && port.is_none_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_url_has_authority_and_path() {
        for (url, authority, path) in [
            ("http://b.com/x", "b.com", "/x"),
            ("http://u:p@b.com:80/x", "b.com:80", "/x"),
            ("http://:@b.com", "b.com", ""),
            ("http://b.com?x", "b.com", "?x"),
            ("HTTPS://B.com:00080/#f", "B.com:00080", "/#f"),
            ("http://b.com:65535/", "b.com:65535", "/"),
            ("http://[::1]:80/", "[::1]:80", "/"),
            ("http://[1.2.3.4]/", "[1.2.3.4]", "/"),
            ("http://b.com:80@c.com/", "c.com", "/"),
            ("http://u%40_!$&()*+,;=~'@b/", "b", "/"),
            ("a+b-c.d://-/<>\"", "-", "/<>\""),
        ] {
            let parsed = Url::parse(url.as_bytes()).unwrap_or_else(|| panic!("{url}"));
            assert_eq!((parsed.authority, parsed.path), (authority.as_bytes(), path.as_bytes()), "{url}");
        }
        for url in [
            "http://",
            "http:///x",
            "http://?x",
            "http:/b",
            "http:b",
            "b.com/x",
            "b.com:80",
            "//b/x",
            "1a://b",
            "http://u@v@b/",
            "http://u[@b/",
            "http://@@b/",
            "http://b:/x",
            "http://b:",
            "http://b:x/",
            "http://b:80:80/",
            "http://b:65536/",
            "http://b:99999/x",
            "http://b:99999999999999999999/",
            "http://a_b/",
            "http://a%2ec/",
            "http://a,b/",
            "http://a~b/",
            "http://b#f",
            "http://b:80#x",
            "http://[::1",
            "http://[::1]x/",
            "http://[]/",
            "http://[a]/",
            "http://[::g]/",
            "http://[fe80::1%25eth0]/",
            "http://b\\x",
            "http://b/a b",
            "http://b/\u{7f}",
            "http://b/\u{e9}",
            "http://u@/",
        ] {
            assert_eq!(Url::parse(url.as_bytes()), None, "{url}");
        }
    }

    #[test]
    fn target_is_path_or_host_after_scheme() {
        for good in ["/\\", "*x", "http://a_b/\\", "a://", "http://u@v@b?{", "http://"] {
            assert!(is_target(good.as_bytes(), false), "{good}");
        }
        for bad in [
            "",
            "a",
            "a:80",
            "1a://b",
            "http:/b",
            "http://b\\x",
            "http://b#f",
            "http://a@@b",
            "/ ",
            "/\u{e9}",
        ] {
            assert!(!is_target(bad.as_bytes(), false), "{bad}");
        }
        assert!(is_target(b"a:80", true) && is_target(b"a@b/\\", true) && !is_target(b"a\\", true));
    }

    #[test]
    fn target_of_connect_is_host_and_port() {
        for good in ["a:80", "A.b:80", "[::1]:80"] {
            assert!(is_authority_form(good.as_bytes()), "{good}");
        }
        for bad in [
            "a",
            "/x",
            "http://a/",
            "a:80/x",
            "a:80?x",
            "u@a:80",
            ":80",
            "a:",
            "*",
            "a_b:80",
            "a:99999",
            "[::1]",
        ] {
            assert!(!is_authority_form(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn invalid_referer_is_rejected() {
        for bad in [
            "a b",
            "[x]",
            "http://u@h/",
            "https://h/#f",
            "about:blank",
            "é",
            "http://a_b/",
            "http://a:99999/",
            "/#f",
            "/<>",
            "/[]",
            "http://",
            "http:///x",
            "http://a/\u{e9}",
            "a:b",
        ] {
            assert!(!is_referer(bad.as_bytes()), "{bad}");
        }
        for good in [
            "",
            "http://h/",
            "https://h",
            "/x?y",
            "http://h:80/a?b=c",
            "a",
            "*",
            "?x",
            "//a",
            "ftp://a/",
            "http://a/<>",
            "http://a/?#",
            "http://@a/",
            "/a:b",
            "http://a/,http://b/",
        ] {
            assert!(is_referer(good.as_bytes()), "{good}");
        }
    }
}
