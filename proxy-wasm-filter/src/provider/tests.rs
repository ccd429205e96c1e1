use super::*;
use crate::fake::Fake;

fn provider(further: &str) -> Provider {
    serde_json::from_str(&format!(r#"{{"cluster": "opa", "path": "/check?a=b", "timeoutMs": 9{further}}}"#))
        .unwrap()
}

fn asked(host: &Fake, provider: &Provider) -> Vec<(String, String)> {
    ask(host, provider).unwrap();
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
fn the_provider_sees_the_request_and_not_its_forgeries() {
    let sent = asked(&request(), &provider(""));

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
fn only_listed_headers_are_sent_and_none_that_steer_the_call() {
    let sent = asked(
        &request(),
        &provider(r#", "headers": ["x-a", "content-type", "x-envoy-upstream-rq-timeout-ms"]"#),
    );

    assert_eq!(sent.iter().skip(6).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x-a"]);
}

#[test]
fn only_200_allows() {
    let open = provider(r#", "failOpen": true"#);
    let shut = provider("");
    let said = |status: &str, provider: &Provider| {
        let host = Fake::default().answering(status, &[("location", "/login"), ("x-b", "1")], "no");
        match answer(&host, provider, true) {
            Answer::Allow => 0,
            Answer::Deny(reply) => reply.status,
        }
    };

    assert_eq!((said("200", &shut), said("200", &open)), (0, 0));
    assert_eq!((said("401", &shut), said("401", &open)), (401, 401));
    assert_eq!((said("204", &shut), said("302", &shut)), (204, 302));
    assert_eq!((said("503", &shut), said("503", &open)), (503, 0));
    assert_eq!((said("abc", &shut), said("100", &shut), said("", &open)), (403, 403, 0));
}

#[test]
fn a_refusal_is_passed_on_as_far_as_the_client_needs_it() {
    let host = Fake::default().answering("302", &[("location", "/login"), ("server", "x")], "go there");

    let Answer::Deny(reply) = answer(&host, &provider(""), true) else { panic!("allowed") };

    let headers = HeaderMap::parse(reply.headers).unwrap();
    assert_eq!(headers.iter().collect::<Vec<_>>(), [(&b"location"[..], &b"/login"[..])]);
    assert_eq!((&*reply.body, &*reply.details), (&b"go there"[..], "ext_authz_denied"));
}

#[test]
fn no_answer_is_no_allowance() {
    let host = Fake::default();

    assert_eq!(answer(&host, &provider(""), false), Answer::Deny(Reply::no_answer()));
    assert_eq!(answer(&host, &provider(r#", "failOpen": true"#), false), Answer::Allow);
}
