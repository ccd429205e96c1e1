//! The headers that Envoy stores as one joined value, and the syntax of headers
//! (docs/semantics/envoy.md#envoy-joined-headers).

/// The headers that Envoy keeps inline: repeated lines reach filters as one value joined with commas. Sorted.
const INLINE: [&str; 61] = [
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "proxy-connection",
    "proxy-status",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-is-timeout-retry",
    "x-envoy-max-retries",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Returns whether repeated lines of `name`, which is in lower case, reach filters as one value joined with commas.
pub(crate) fn is_inline(name: &str) -> bool {
    INLINE.binary_search(&name).is_ok()
}

/// Returns whether `text` is a token, such as a header name or a method.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// Returns whether `value` is a valid header value.
pub(super) fn is_value(value: &[u8]) -> bool {
    value.iter().all(|b| *b == b'\t' || *b >= b' ' && *b != 0x7f)
}

/// Returns `value` without leading and trailing spaces and tabs.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
    value.get(start..end).unwrap_or_default()
}

/// Returns the elements of a comma-separated list, without spaces and tabs around them.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_headers_are_sorted() {
        assert!(INLINE.is_sorted());
        assert!(is_inline("via") && !is_inline("cookie") && !is_inline("x-b3-traceid"));
    }

    #[test]
    fn trim_removes_outer_spaces_and_tabs() {
        assert_eq!(trim(b" \ta b "), b"a b");
        assert_eq!(trim(b"  "), b"");
    }
}
