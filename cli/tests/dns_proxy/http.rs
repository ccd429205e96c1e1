//! The HTTP endpoint: invalid requests, foreign web pages, and clients that are slow on purpose.

use crate::{
    proxy::{Proxy, folder},
    upstream::Upstream,
};
use core::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test(flavor = "multi_thread")]
async fn invalid_request_is_refused_with_reason() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    for (method, path, body, status) in [
        ("GET", "/v1/health", "", 200),
        ("GET", "/", "", 404),
        ("PUT", "/v1/connect", "", 405),
        ("POST", "/v1/health", "", 405),
        ("OPTIONS", "/v1/connections/192.0.2.1", "", 405),
        ("GET", "/v1/connections/192.0.2.1", "", 405),
        ("PUT", "/v1/connections/nowhere", "", 400),
        ("GET", "/v1/connect?ip=192.0.2.1", "", 400),
        ("POST", "/v1/connect", "{", 400),
        ("POST", "/v1/connect", r#"{"ip": "192.0.2.1", "port": 443, "protocol": "X"}"#, 400),
    ] {
        let (found, answer) = proxy.http(method, path, body).await;
        assert_eq!(found, status, "{method} {path} {body}: {answer}");
        assert!(status == 200 || answer["error"].is_string());
    }
    let long = format!("{:20000}", "");
    assert_eq!(proxy.http("POST", "/v1/connect", &long).await.0, 400);
    let host = proxy.http.to_string();
    let (status, head, _) = proxy.request("POST", "/v1/health", &[("host", &host)], "").await;
    assert!(status == 405 && head.contains("allow: GET, HEAD"), "{head}");
    let (status, head, body) = proxy.request("HEAD", "/v1/health", &[("host", &host)], "").await;
    assert!(status == 200 && body.is_empty(), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_of_foreign_web_page_is_refused() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let port = proxy.http.port();
    let status = async |headers: &[(&str, &str)]| {
        proxy.request("PUT", "/v1/connections/203.0.113.20", headers, "").await.0
    };
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(status(&[("host", host)]).await, 200, "{host}");
        assert_eq!(status(&[("host", &format!("{host}:{port}"))]).await, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "203.0.113.5"] {
        assert_eq!(status(&[("host", host)]).await, 403, "{host}");
        assert_eq!(status(&[("host", &format!("{host}:{port}"))]).await, 403, "{host}");
    }
    assert_eq!(status(&[]).await, 400);
    assert_eq!(status(&[("host", "localhost"), ("host", "localhost")]).await, 400);
    assert_eq!(status(&[("host", "localhost"), ("origin", "http://evil.example")]).await, 403);
    let question = r#"{"ip": "192.0.2.1", "port": 443}"#;
    for (kind, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let headers = [("host", "localhost"), ("content-type", kind)];
        assert_eq!(proxy.request("POST", "/v1/connect", &headers, question).await.0, status, "{kind}");
    }
    assert_eq!(proxy.request("POST", "/v1/connect", &[("host", "localhost")], question).await.0, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_shared_address_are_limited() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    for n in 0..103 {
        proxy.resolve(&format!("shared{n}.example.com."), false).await.unwrap();
    }
    let (_, answer) = proxy.http("GET", "/v1/connect?ip=203.0.113.90&port=443", "").await;
    assert_eq!(answer["verdict"], "allow");
    assert_eq!((answer["names"].as_array().unwrap().len(), answer["moreNames"].as_u64()), (100, Some(3)));
}

/// Opens a connection, sends requests and never reads.
async fn client_that_never_reads(proxy: &Proxy) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(proxy.http).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_never_reads_loses_its_connection() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &["--idle-timeout", "1"]);
    let mut client = client_that_never_reads(&proxy).await;
    let requests = "GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    let sending = async { while client.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(30), sending).await.expect("the connection is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_http_client_is_closed_for_another() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let more = ["--max-connections", "2", "--idle-timeout", "60"];
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &more);
    let mut slow = Vec::new();
    for begin in [
        "",
        "GET /v1/he",
        "POST /v1/connect HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
    ] {
        let mut client = TcpStream::connect(proxy.http).await.unwrap();
        client.write_all(begin.as_bytes()).await.unwrap();
        slow.push(client);
    }
    for _ in 0..3 {
        assert_eq!(proxy.http("GET", "/v1/health", "").await.0, 200);
    }
    let mut byte = [0];
    assert_eq!(slow[0].read(&mut byte).await.unwrap_or(0), 0, "the proxy closes the first connection");
    assert!(proxy.resolve("www.example.com.", false).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_dns_client_is_closed_for_another() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let more = ["--max-connections", "2", "--idle-timeout", "60"];
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &more);
    let mut slow = Vec::new();
    for begin in [&b""[..], b"\0", b"\0\x20abc"] {
        let mut client = TcpStream::connect(proxy.dns).await.unwrap();
        client.write_all(begin).await.unwrap();
        slow.push(client);
    }
    for _ in 0..3 {
        assert!(proxy.resolve("www.example.com.", true).await.is_ok());
    }
}
