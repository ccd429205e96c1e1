//! CUSTOM rules: the request waits for the provider's answer.

use super::{conformance, policy, request};
use palisade_harness::{Conformance, HttpAnswer, HttpRequest, Plugin, Stream, Verdict, VmOptions};
use serde_json::{Value, json};

fn plugin(answer: Option<HttpAnswer>, provider: &Value) -> Option<Plugin> {
    plugin_with(answer, provider, VmOptions::default())
}

fn plugin_with(answer: Option<HttpAnswer>, provider: &Value, options: VmOptions) -> Option<Plugin> {
    let mut custom = policy("ask", "CUSTOM", json!([{"to": [{"operation": {"paths": ["/status*"]}}]}]));
    custom["spec"]["provider"] = json!({"name": "authz"});
    let get = policy("get", "ALLOW", json!([{"to": [{"operation": {"methods": ["GET"]}}]}]));
    let mut configuration = json!({"workload": {"namespace": "foo"}, "resources": [custom, get]});
    if !provider.is_null() {
        configuration["provider"] = provider.clone();
    }
    let clusters = answer.map(|answer| ("authz".to_owned(), answer)).into_iter().collect();
    let around = VmOptions { clusters, ..options };
    Some(conformance()?.plugin_among(configuration.to_string().as_bytes(), around).unwrap())
}

fn answer(status: &str) -> Option<HttpAnswer> {
    let headers = vec![(b":status".to_vec(), status.as_bytes().to_vec())];
    Some(HttpAnswer { headers, body: b"said the provider".to_vec() })
}

/// The client's status; 200 is the upstream's.
fn status(plugin: &mut Plugin, method: &[u8]) -> u32 {
    let mut request = request(&[]);
    request.headers[0].1 = method.to_vec();
    match Conformance::http(plugin, Stream::default(), &request).verdict {
        Verdict::Allow => 200,
        Verdict::Deny { status, .. } => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_answer_is_obeyed_and_the_other_policies_follow() {
    let provider = json!({"cluster": "authz", "path": "/check", "timeoutMs": 200, "failOpen": false});
    let Some(mut allows) = plugin(answer("200"), &provider) else { return };
    let mut denies = plugin(answer("401"), &provider).unwrap();

    assert_eq!((status(&mut allows, b"GET"), status(&mut allows, b"PUT")), (200, 403));
    assert_eq!(status(&mut denies, b"GET"), 401);
    let sent = &allows.vm().sent()[0];
    assert_eq!((sent.cluster.as_str(), sent.timeout_millis), ("authz", 200));
    assert!(sent.headers.contains(&(b":path".to_vec(), b"/check".to_vec())));
}

#[test]
fn request_with_a_body_waits_for_the_answer_whatever_the_plugin_option_says() {
    let provider = json!({"cluster": "authz"});
    for allow_on_headers_stop_iteration in [false, true] {
        for (said, is_allowed) in [("200", true), ("401", false)] {
            let options = VmOptions { allow_on_headers_stop_iteration, ..VmOptions::default() };
            let Some(mut plugin) = plugin_with(answer(said), &provider, options) else { return };
            let trailers = vec![(b"x".to_vec(), b"1".to_vec())];
            let request = HttpRequest { body: b"body".to_vec(), trailers, ..request(&[]) };
            let verdict = Conformance::http(&mut plugin, Stream::default(), &request).verdict;
            let is_denied = matches!(verdict, Verdict::Deny { status: 401, .. });
            let seen = (verdict == Verdict::Allow, is_denied);
            assert_eq!(seen, (is_allowed, !is_allowed), "{said} {allow_on_headers_stop_iteration}");
            assert_eq!(plugin.vm().sent().len(), 1);
        }
    }
}

#[test]
fn without_an_answer_only_fail_open_lets_pass() {
    let given_up = || Some(HttpAnswer::default());
    for (answer, shut) in [(answer("504"), 504), (answer("503"), 503), (given_up(), 403), (None, 403)] {
        let provider = |fail_open: bool| json!({"cluster": "authz", "failOpen": fail_open});
        let Some(mut closed) = plugin(answer.clone(), &provider(false)) else { return };
        let mut open = plugin(answer, &provider(true)).unwrap();

        assert_eq!((status(&mut closed, b"GET"), status(&mut open, b"GET")), (shut, 200));
        assert_eq!(status(&mut open, b"PUT"), 403);
    }
}

#[test]
fn a_rule_whose_provider_is_not_configured_denies() {
    let Some(mut plugin) = plugin(answer("200"), &Value::Null) else { return };
    assert_eq!(status(&mut plugin, b"GET"), 403);
    assert!(plugin.vm().sent().is_empty());
}

/// No filter can ask about a connection: it passes only where Istio would not ask either.
#[test]
fn a_connection_passes_only_where_istio_asks_nobody() {
    let Some(conformance) = conformance() else { return };
    let service = json!({"service": "authz.foo.svc.cluster.local", "port": 9000});
    let grpc = json!({"name": "authz", "envoyExtAuthzGrpc": service});
    let http = json!({"name": "authz", "envoyExtAuthzHttp": service});
    let provider = json!({"cluster": "authz"});
    for (providers, configured, expected) in [
        (json!([grpc]), None, Verdict::Closed),
        (json!([grpc]), Some(&provider), Verdict::Closed),
        (json!([http]), None, Verdict::Allow),
        (json!([http]), Some(&provider), Verdict::Allow),
        // A provider that nobody knows denies; one that only the filter knows speaks HTTP.
        (json!([]), None, Verdict::Closed),
        (json!([]), Some(&provider), Verdict::Allow),
    ] {
        let mut custom = policy("ask", "CUSTOM", json!([{"to": [{"operation": {"paths": ["/asked"]}}]}]));
        custom["spec"]["provider"] = json!({"name": "authz"});
        let mesh = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio"},
                          "data": {"mesh": json!({"extensionProviders": providers}).to_string()}});
        let mut configuration = json!({"workload": {"namespace": "foo"}, "resources": [custom, mesh]});
        if let Some(provider) = configured {
            configuration["provider"] = provider.clone();
        }
        let mut plugin =
            conformance.plugin_among(configuration.to_string().as_bytes(), VmOptions::default()).unwrap();
        let seen = Conformance::tcp(&mut plugin, Stream::default());
        assert_eq!(seen.verdict, expected, "{providers} {configured:?}");
        assert!(plugin.vm().sent().is_empty());
    }
}
