//! The changes of Envoy's connection manager to the headers of a request before the first filter.

use super::{
    address::Address,
    client_address::{Client, appended},
    client_certificate,
    header::elements,
    header_map::HeaderMap,
    proxy::{Downstream, Proxy},
    received::Received,
    url::is_referer,
};

/// Headers with instructions from one Envoy to another. Istio treats no request as internal, so Envoy removes them from all
/// requests.
const INTERNAL: [&str; 16] = [
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
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
];

/// Further headers that a gateway removes.
const INTERNAL_AT_EDGE: [&str; 5] = [
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-original-host",
    "x-envoy-original-path",
];

/// Headers that Istio's metadata exchange removes.
const PEER_METADATA: [&str; 2] = ["x-envoy-peer-metadata", "x-envoy-peer-metadata-id"];

/// A placeholder for the random identifier that the proxy generates.
const REQUEST_ID: &[u8] = b"00000000-0000-4000-8000-000000000000";

/// Changes the headers of `received`, whose client is `client`.
pub(super) fn rewrite(received: &mut Received, client: &Client, downstream: &Downstream, proxy: &Proxy) {
    let upgrade = received.is_upgrade();
    let headers = &mut received.headers;
    if !upgrade {
        headers.remove("connection");
        headers.remove("upgrade");
        only_trailers(headers);
    }
    remove_all(headers, &["keep-alive", "proxy-connection", "transfer-encoding"]);
    forwarded(headers, downstream, proxy);
    if received.scheme.is_none() {
        received.scheme = Some(scheme(headers, downstream).to_vec());
    }
    remove_all(headers, &INTERNAL);
    if proxy.gateway {
        remove_all(headers, &INTERNAL_AT_EDGE);
        if let Some(address) = &client.address {
            headers.set("x-envoy-external-address", address.text().as_bytes());
        }
    }
    if proxy.generates_request_id
        && (proxy.gateway || headers.first("x-request-id").is_none_or(<[u8]>::is_empty))
    {
        headers.set("x-request-id", REQUEST_ID);
    }
    client_certificate::forward(headers, downstream, proxy);
    if proxy.exchanges_metadata {
        remove_all(headers, &PEER_METADATA);
    }
}

fn remove_all(headers: &mut HeaderMap, names: &[&str]) {
    names.iter().for_each(|name| headers.remove(name));
}

/// Removes a `Referer` that is not a valid URL or reference.
pub(super) fn sanitize_referer(headers: &mut HeaderMap) {
    if headers.first("referer").is_some_and(|value| !is_referer(value)) {
        headers.remove("referer");
    }
}

/// Removes all values of `TE` except `trailers`.
fn only_trailers(headers: &mut HeaderMap) {
    match headers.first("te") {
        None | Some([]) => {}
        Some(value) if elements(value).any(|element| element == b"trailers") => {
            headers.set("te", b"trailers")
        }
        Some(_) => headers.remove("te"),
    }
}

/// Sets `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Port`.
fn forwarded(headers: &mut HeaderMap, downstream: &Downstream, proxy: &Proxy) {
    let untrusted = proxy.gateway && proxy.trusted_proxies == 0;
    if proxy.gateway
        && let Some(address) = appended(downstream)
    {
        headers.append("x-forwarded-for", Address::from(address).text().as_bytes(), b",");
    }
    if untrusted || !headers.contains("x-forwarded-proto") {
        headers.set("x-forwarded-proto", if downstream.tls { b"https" } else { b"http" });
    }
    if proxy.appends_forwarded_port
        && (untrusted || !headers.contains("x-forwarded-port"))
        && let Some(port) = downstream.port
    {
        headers.set("x-forwarded-port", alloc::format!("{port}").as_bytes());
    }
}

/// Sets `:scheme` if the request has none.
fn scheme<'h>(headers: &'h HeaderMap, downstream: &Downstream) -> &'h [u8] {
    let forwarded = headers.first("x-forwarded-proto").unwrap_or_default();
    match (forwarded.to_ascii_lowercase().as_slice(), downstream.tls) {
        (b"https", _) => b"https",
        (b"http", _) => b"http",
        (_, true) => b"https",
        (_, false) => b"http",
    }
}
