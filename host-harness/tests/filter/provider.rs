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
    let environment = VmOptions { clusters, ..options };
    Some(conformance()?.plugin_among(configuration.to_string().as_bytes(), environment).unwrap())
}

fn answer(status: &str) -> Option<HttpAnswer> {
    let headers = vec![(b":status".to_vec(), status.as_bytes().to_vec())];
    Some(HttpAnswer { headers, body: b"said the provider".to_vec() })
}

/// Returns the status of the client; 200 is that of the upstream.
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
fn answer_of_provider_decides_before_other_policies() {
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
fn request_with_body_waits_for_answer_whatever_the_plugin_option() {
    let provider = json!({"cluster": "authz"});
    for allow_on_headers_stop_iteration in [false, true] {
        for (status, is_allowed) in [("200", true), ("401", false)] {
            let options = VmOptions { allow_on_headers_stop_iteration, ..VmOptions::default() };
            let Some(mut plugin) = plugin_with(answer(status), &provider, options) else { return };
            let trailers = vec![(b"x".to_vec(), b"1".to_vec())];
            let request = HttpRequest { body: b"body".to_vec(), trailers, ..request(&[]) };
            let verdict = Conformance::http(&mut plugin, Stream::default(), &request).verdict;
            let is_denied = matches!(verdict, Verdict::Deny { status: 401, .. });
            let seen = (verdict == Verdict::Allow, is_denied);
            assert_eq!(seen, (is_allowed, !is_allowed), "{status} {allow_on_headers_stop_iteration}");
            assert_eq!(plugin.vm().sent().len(), 1);
        }
    }
}

#[test]
fn missing_answer_denies_unless_fail_open() {
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
fn custom_rule_without_configured_provider_denies() {
    let Some(mut plugin) = plugin(answer("200"), &Value::Null) else { return };
    assert_eq!(status(&mut plugin, b"GET"), 403);
    assert!(plugin.vm().sent().is_empty());
}

/// A filter cannot call a provider for a connection. The connection passes only if Istio does not call it either.
#[test]
fn connection_passes_only_if_istio_calls_no_provider() {
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
        // An unknown provider denies; one that only the filter defines is an HTTP service.
        (json!([]), None, Verdict::Closed),
        (json!([]), Some(&provider), Verdict::Allow),
    ] {
        let mut custom = policy("ask", "CUSTOM", json!([{"to": [{"operation": {"paths": ["/provider"]}}]}]));
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
