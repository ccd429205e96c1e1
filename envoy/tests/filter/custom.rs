//! CUSTOM rules: Envoy calls a server on loopback, and the request waits for the answer.

use super::{get_only, head, http, plugin, policy, send, shipped, status};
use core::time::Duration;
use palisade_envoy::{
    client::Reply,
    config::{Bootstrap, Chain, Listener, cluster},
    process::Envoy,
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    thread,
};

/// Starts a server whose answer depends on the path, and which passes every request on as text. Returns its port.
fn provider(seen: std::sync::mpsc::Sender<String>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), seen) = (stream, seen.clone()) else { return };
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let answer = match head.split(' ').nth(1) {
                    Some("/allow") => "200 OK\r\ncontent-length: 0",
                    Some("/login") => "302 Found\r\nlocation: /login\r\ncontent-length: 0",
                    Some("/slow-deny") => {
                        thread::sleep(Duration::from_millis(200));
                        "401 Unauthorized\r\ncontent-length: 0"
                    }
                    Some("/late") => {
                        thread::sleep(Duration::from_secs(2));
                        "200 OK\r\ncontent-length: 0"
                    }
                    _ => "401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0",
                };
                let _ = seen.send(head);
                let _ =
                    stream.write_all(format!("HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n").as_bytes());
            });
        }
    });
    port
}

fn listener(module: &PathBuf, name: &str, provider: Value) -> Listener {
    let mut custom = policy("ask", "CUSTOM", json!([{"to": [{"operation": {"paths": ["/asked"]}}]}]));
    custom["spec"]["provider"] = json!({"name": "authz"});
    let mut further = json!({"resources": [custom, get_only()]});
    if !provider.is_null() {
        further["provider"] = provider;
    }
    http(name, &plugin(module, further))
}

#[test]
fn provider_answer_precedes_other_policies() {
    let Some(module) = shipped() else { return };
    let (sender, seen) = std::sync::mpsc::channel();
    let port = provider(sender);
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let ask = |cluster: &str, path: &str, open: bool| json!({"cluster": cluster, "path": path, "timeoutMs": 200, "failOpen": open});
    let mut bootstrap = Bootstrap::new(vec![
        listener(&module, "allow", ask("authz", "/allow", false)),
        listener(&module, "deny", ask("authz", "/deny", true)),
        listener(&module, "login", ask("authz", "/login", false)),
        listener(&module, "late", ask("authz", "/late", false)),
        listener(&module, "late-open", ask("authz", "/late", true)),
        listener(&module, "unreachable", ask("closed", "/allow", false)),
        listener(&module, "unreachable-open", ask("closed", "/allow", true)),
        listener(&module, "unknown", ask("no-such-cluster", "/allow", false)),
        listener(&module, "unknown-open", ask("no-such-cluster", "/allow", true)),
        listener(&module, "not-configured", Value::Null),
    ]);
    let slow = json!({"cluster": "authz", "path": "/slow-deny", "timeoutMs": 5000, "failOpen": true});
    let mut slow = listener(&module, "slow", slow);
    if let Chain::Http(http) = &mut slow.chain {
        let internal = json!({"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]});
        http.extra.insert("internal_address_config".into(), internal);
    }
    bootstrap.listeners.push(slow);
    bootstrap.clusters = vec![cluster("authz", port), cluster("closed", closed)];
    let envoy = Envoy::start(&bootstrap).unwrap();
    let ask = |listener: &str, method: &str, path: &str| send(&envoy, listener, &head(method, path));

    let expected = [
        ("allow", 200),
        ("deny", 401),
        ("login", 302),
        ("late", 504),
        ("late-open", 200),
        ("unreachable", 503),
        ("unreachable-open", 200),
        ("unknown", 403),
        ("unknown-open", 200),
        ("not-configured", 403),
    ];
    for (listener, expected) in expected {
        assert_eq!(status(&ask(listener, "GET", "/asked")), expected, "{listener}");
        // No CUSTOM rule matches, so the provider is not called.
        assert_eq!(status(&ask(listener, "GET", "/free")), 200, "{listener}");
        assert_eq!(status(&ask(listener, "PUT", "/free")), 403, "{listener}");
    }
    // The other policies may deny a request that the provider allows.
    assert_eq!(status(&ask("allow", "PUT", "/asked")), 403);

    let question = seen.iter().next().unwrap().to_ascii_lowercase();
    assert!(question.starts_with("get /allow http/1.1\r\n"), "{question}");
    for line in ["host: sample.foo", "x-forwarded-method: get", "x-forwarded-uri: /asked"] {
        assert!(question.contains(&format!("\r\n{line}\r\n")), "{question}");
    }
    let Reply::Response(login) = ask("login", "GET", "/asked") else { panic!("closed") };
    assert_eq!(login.header("location"), Some("/login"));
    // Envoy's own 503 would be HTTP 200 to a gRPC client; the call of the provider must not become one.
    let typed = "GET /asked HTTP/1.1\r\nhost: sample.foo\r\ncontent-type: application/grpc\r\n\r\n";
    for listener in ["unreachable", "late", "deny"] {
        let Reply::Response(answer) = send(&envoy, listener, typed) else { panic!("closed") };
        assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("7")), "{listener}");
    }
    // A client with an internal address may set these headers. With a timeout of 1 ms, a provider with `failOpen` would never
    // answer in time.
    for header in ["x-envoy-upstream-rq-timeout-ms: 1", "x-envoy-upstream-rq-per-try-timeout-ms: 1"] {
        let request = format!(
            "GET /asked HTTP/1.1\r\nhost: sample.foo\r\nx-forwarded-for: 127.0.0.1\r\n{header}\r\n\r\n"
        );
        assert_eq!(status(&send(&envoy, "slow", &request)), 401, "{header}");
    }
    // The VM still works.
    assert!(!envoy.log().unwrap().contains("VM failed"), "{}", envoy.log().unwrap());
}
