use super::*;
use crate::fake::Fake;

fn provider(further: &str) -> Provider {
    serde_json::from_str(&format!(r#"{{"cluster": "opa", "path": "/check?a=b", "timeoutMs": 9{further}}}"#))
        .unwrap()
}

fn sent(host: &Fake, provider: &Provider) -> Vec<(String, String)> {
    call(host, provider).unwrap();
    let (cluster, headers, timeout) = host.calls.borrow()[0].clone();
    assert_eq!((cluster.as_str(), timeout), ("opa", 9));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    HeaderMap::parse(headers).unwrap().iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn request() -> Fake {
    Fake::default()
        .header(b":method", b"POST")
        .header(b":path", b"/orders?id=1")
        .header(b":authority", b"shop.example")
        .header(b"authorization", b"Bearer x")
        .header(b"content-length", b"5")
        .header(b"content-type", b"application/grpc")
        .header(b"x-envoy-upstream-rq-timeout-ms", b"1")
        .header(b"x-forwarded-uri", b"/forged")
        .header(b"x-a", b"\xff")
}

#[test]
fn call_has_the_request_line_and_drops_forged_headers() {
    let sent = sent(&request(), &provider(""));

    let expected = [
        (":method", "GET"),
        (":path", "/check?a=b"),
        (":authority", "shop.example"),
        ("x-forwarded-method", "POST"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-uri", "/orders?id=1"),
        ("authorization", "Bearer x"),
        ("x-a", "\u{fffd}"),
    ];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn listed_headers_are_sent_unless_they_control_the_call() {
    let sent = sent(
        &request(),
        &provider(r#", "headers": ["x-a", "content-type", "x-envoy-upstream-rq-timeout-ms"]"#),
    );

    assert_eq!(sent.iter().skip(6).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x-a"]);
}

#[test]
fn answer_other_than_200_denies_unless_fail_open_applies() {
    let open = provider(r#", "failOpen": true"#);
    let shut = provider("");
    let status_of = |status: &str, provider: &Provider| {
        let host = Fake::default().answering(status, &[("location", "/login"), ("x-b", "1")], "no");
        match answer(&host, provider, true) {
            Answer::Allow => 0,
            Answer::Deny(reply) => reply.status,
        }
    };

    assert_eq!((status_of("200", &shut), status_of("200", &open)), (0, 0));
    assert_eq!((status_of("401", &shut), status_of("401", &open)), (401, 401));
    assert_eq!((status_of("204", &shut), status_of("302", &shut)), (204, 302));
    assert_eq!((status_of("503", &shut), status_of("503", &open)), (503, 0));
    assert_eq!((status_of("abc", &shut), status_of("100", &shut), status_of("", &open)), (403, 403, 0));
}

#[test]
fn denying_answer_returns_only_headers_that_clients_need() {
    let host = Fake::default().answering("302", &[("location", "/login"), ("server", "x")], "go there");

    let Answer::Deny(reply) = answer(&host, &provider(""), true) else { panic!("allowed") };

    let headers = HeaderMap::parse(reply.headers).unwrap();
    assert_eq!(headers.iter().collect::<Vec<_>>(), [(&b"location"[..], &b"/login"[..])]);
    assert_eq!((&*reply.body, &*reply.details), (&b"go there"[..], "ext_authz_denied"));
}

#[test]
fn missing_answer_denies_unless_fail_open() {
    let host = Fake::default();

    assert_eq!(answer(&host, &provider(""), false), Answer::Deny(Reply::no_answer()));
    assert_eq!(answer(&host, &provider(r#", "failOpen": true"#), false), Answer::Allow);
}
