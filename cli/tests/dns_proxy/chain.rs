//! The life of a recorded address: lookup, response, connection, expiry, and another lookup.

use crate::{
    proxy::{Proxy, folder},
    upstream::Upstream,
};
use core::time::Duration;
use std::process::Command;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn address_is_allowed_from_its_answer_to_its_expiry() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    for by_tcp in [false, true] {
        let refused = proxy.resolve("www.example.org.", by_tcp).await.unwrap_err();
        assert!(!refused.is_nx_domain(), "{refused}");
        assert_eq!(proxy.event("refused")["code"], "REFUSED");
        assert_eq!(upstream.take_names(), [""; 0], "the proxy does not forward a refused lookup");

        assert_eq!(proxy.connect("203.0.113.20", 443).await, "deny");
        let addresses = proxy.resolve("Short.Example.COM.", by_tcp).await.unwrap();
        assert_eq!(addresses, ["203.0.113.20".parse::<core::net::IpAddr>().unwrap()]);
        assert_eq!(
            proxy.connect("203.0.113.20", 443).await,
            "allow",
            "the address is recorded before the response"
        );
        assert_eq!(proxy.connect("203.0.113.20", 80).await, "deny");
        sleep(Duration::from_millis(1_100)).await;
        assert_eq!(proxy.connect("203.0.113.20", 443).await, "deny", "the answer has expired");
        assert!(upstream.take_names().iter().all(|name| name == "short.example.com."));
    }
    proxy.resolve("short.example.com.", false).await.unwrap();
    assert_eq!(proxy.connect("203.0.113.20", 443).await, "allow", "the second lookup allows it again");
    proxy.terminate("-INT");
}

#[tokio::test(flavor = "multi_thread")]
async fn alias_and_ipv6_answers_allow_the_queried_name() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    proxy.resolve("alias.example.com.", false).await.unwrap();
    proxy.resolve("six.example.com.", false).await.unwrap();
    assert_eq!(proxy.connect("203.0.113.30", 443).await, "allow");
    assert_eq!(proxy.connect("2001:db8::10", 443).await, "allow");
    let (_, answer) = proxy.http("POST", "/v1/connect", r#"{"ip": "203.0.113.30", "port": 443}"#).await;
    assert_eq!(answer["names"], serde_json::json!(["alias.example.com."]));
    assert_eq!(answer["decidedBy"], "CiliumNetworkPolicy/foo/names#egress[1]");
    let answered = proxy.line(|line| line["name"] == "alias.example.com." && line["type"] == "A");
    assert_eq!(answered["dns"]["ttl"], 300);
    assert_eq!(answered["labels"], serde_json::json!(["fqdn:*.example.com"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn address_with_ttl_zero_is_allowed_for_the_next_connection() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    proxy.resolve("zero.example.com.", false).await.unwrap();
    assert_eq!(proxy.connect("203.0.113.60", 443).await, "allow");
    assert_eq!(
        proxy.line(|line| line["name"] == "zero.example.com." && line["type"] == "A")["dns"]["ttl"],
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv4_mapped_address_allows_the_ipv4_address() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    proxy.resolve("sixmapped.example.com.", false).await.unwrap();
    for form in ["203.0.113.70", "::ffff:203.0.113.70", "%3A%3Affff%3Acb00%3A7146"] {
        assert_eq!(proxy.connect(form, 443).await, "allow", "{form}");
    }
    let answered = proxy.line(|line| line["dns"]["query"] == "sixmapped.example.com.");
    assert_eq!(answered["dns"]["answers"], serde_json::json!(["203.0.113.70"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connection_keeps_its_address() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    proxy.resolve("short.example.com.", false).await.unwrap();
    assert_eq!(proxy.http("PUT", "/v1/connections/203.0.113.20", "").await.0, 200);
    sleep(Duration::from_millis(1_100)).await;
    assert_eq!(proxy.connect("203.0.113.20", 443).await, "allow");
    assert_eq!(proxy.http("DELETE", "/v1/connections/203.0.113.20", "").await.0, 200);
    assert_eq!(proxy.connect("203.0.113.20", 443).await, "deny");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_allows_only_its_protocol() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/udp", upstream.address, &["--refuse-with", "nxdomain"]);
    assert!(proxy.resolve("www.example.com.", false).await.is_ok());
    assert!(proxy.resolve("www.example.com.", true).await.unwrap_err().is_nx_domain());
    assert_eq!(proxy.event("refused")["code"], "NXDOMAIN");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_answers_for_a_timeline() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    proxy.resolve("short.example.com.", false).await.unwrap();
    proxy.line(|line| line["dns"]["query"] == "short.example.com.");
    let log = proxy.log.clone();
    proxy.terminate("-TERM");
    let ran = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["check", "-f", "cluster.yaml", "--from", "foo/sleep", "--to", "short.example.com:443"])
        .args(["--timeline", "--output", "json", "--answers"])
        .arg(log)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let found: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let stretches = found["timelines"][0]["stretches"].as_array().unwrap();
    let verdicts: Vec<_> = stretches.iter().map(|s| s["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["deny", "allow", "deny"]);
    let time = |n: usize| stretches[n]["from"].as_u64().unwrap();
    assert_eq!(time(2) - time(1), 1_001);
    assert_eq!(ran.status.code(), Some(0));
}
