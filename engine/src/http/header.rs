//! Which headers Envoy stores as one joined value, and which values it drops (`spec/istio.md` 7.4).

/// Whether repeated lines of `name` reach filters as one value joined with commas.
pub(crate) fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "access-control-request-headers"
            | "access-control-request-method"
            | "authorization"
            | "cache-control"
            | "content-type"
            | "expect"
            | "grpc-accept-encoding"
            | "grpc-timeout"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-range"
            | "origin"
            | "pragma"
            | "referer"
            | "user-agent"
            | "via"
            | "x-envoy-original-path"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-proto"
            | "x-request-id"
    )
}

/// Whether `name` is a header name at all.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether `value` may stand in a header.
pub(super) fn is_value(value: &[u8]) -> bool {
    !value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'))
}

/// `value` without outer spaces and tabs.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
    value.get(start..end).unwrap_or_default()
}

/// Whether Envoy keeps a `Referer`: an absolute http(s) URL without user or fragment, or a path.
pub(super) fn is_referer(value: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(value) else { return false };
    if !text.is_ascii() || text.bytes().any(|b| b <= b' ' || b == 0x7f || b"\"<>\\^`{|}[]#".contains(&b)) {
        return false;
    }
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) => {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            !host.is_empty() && !host.contains('@')
        }
        None => text.starts_with('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_referers_count_as_absent() {
        for bad in ["a b", "[x]", "http://u@h/", "https://h/#f", "about:blank", "é"] {
            assert!(!is_referer(bad.as_bytes()), "{bad}");
        }
        for good in ["http://h/", "https://h", "/x?y", "http://h:80/a?b=c"] {
            assert!(is_referer(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn outer_blanks_go() {
        assert_eq!(trim(b" \ta b "), b"a b");
        assert_eq!(trim(b"  "), b"");
    }
}
