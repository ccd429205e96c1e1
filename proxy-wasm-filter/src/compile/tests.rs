use super::*;
use crate::{attributes::StreamAttributes, fake::Fake};
use palisade::Verdict;

fn attributes(host: &Fake) -> StreamAttributes<'_, Fake> {
    StreamAttributes::new(host, Plan::default())
}

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

const GET_ONLY: &str = r#"{
    "workload": {"namespace": "foo"},
    "resources": [{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "get", "namespace": "foo"},
        "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}}]}"#;

#[test]
fn compiled_policies_decide_requests() {
    let compiled = compile(&config(GET_ONLY), &Fake::default()).unwrap();
    let verdict = |method: &[u8]| {
        let host = Fake::default().header(b":method", method);
        compiled.enforced.request(&attributes(&host)).verdict
    };

    assert_eq!(verdict(b"GET"), Verdict::Allow);
    assert_eq!(verdict(b"POST"), Verdict::Deny);
    assert!(compiled.shadow.is_none());
}

#[test]
fn invalid_resource_is_refused_with_position_and_remedy() {
    let broken = GET_ONLY.replace("methods", "method");

    let reason = compile(&config(&broken), &Fake::default()).map(|_| ()).unwrap_err().to_string();

    assert!(reason.starts_with("resources[0]: error: unknown field `method`"), "{reason}");
    assert!(reason.contains("AuthorizationPolicy foo/get") && reason.contains("help: "), "{reason}");
}

#[test]
fn outbound_stream_is_decided_by_its_name() {
    let text = r#"{
        "workload": {"namespace": "foo", "labels": {"app": "sleep"}}, "direction": "outbound",
        "resources": [{"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "names", "namespace": "foo"},
            "spec": {"endpointSelector": {"matchLabels": {"app": "sleep"}},
                "egress": [{"toFQDNs": [{"matchPattern": "*.example.com"}],
                            "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}]}]}}]}"#;
    let compiled = compile(&config(text), &Fake::default()).unwrap();
    let http = |authority: &str| {
        let host = Fake::default()
            .header(b":authority", authority.as_bytes())
            .property("destination.address", "203.0.113.7:443");
        compiled.enforced.request(&attributes(&host)).verdict
    };
    let tcp = |name: &str| {
        let host = Fake::default()
            .property("connection.requested_server_name", name)
            .property("destination.address", "203.0.113.7:443");
        compiled.enforced.connection(&attributes(&host)).verdict
    };

    assert_eq!(http("www.example.com"), Verdict::Allow);
    assert_eq!(http("WWW.example.com.:443"), Verdict::Allow);
    assert_eq!(http("www.example.com:80"), Verdict::Deny);
    assert_eq!(http("example.com"), Verdict::Deny);
    assert_eq!(http("203.0.113.7"), Verdict::Deny);
    assert_eq!(http(""), Verdict::Deny);
    assert_eq!(tcp("api.example.com"), Verdict::Allow);
    assert_eq!(tcp("example.org"), Verdict::Deny);
    assert_eq!(tcp(""), Verdict::Deny);
}

#[test]
fn kinds_not_enforced_are_logged_once() {
    let with_mtls = GET_ONLY.replacen(
        r#""resources": ["#,
        r#""resources": [{"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": {"name": "strict", "namespace": "foo"}, "spec": {"mtls": {"mode": "STRICT"}}},"#,
        1,
    );
    let warned = |configuration: &str| {
        let host = Fake::default();
        compile(&config(configuration), &host).unwrap();
        let logged = host.logged.take().into_iter().map(|(_, message)| message);
        logged.filter(|message| message.contains("not enforced")).collect::<Vec<_>>()
    };

    assert!(warned(GET_ONLY).is_empty());
    let lines = warned(&with_mtls);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("resources: not enforced by this filter: PeerAuthentication (1)"), "{lines:?}");
}

#[test]
fn root_namespace_of_the_configuration_applies() {
    let in_root = GET_ONLY
        .replacen('{', r#"{"mesh": {"rootNamespace": "meshwide"},"#, 1)
        .replace(r#""name": "get", "namespace": "foo""#, r#""name": "get", "namespace": "meshwide""#);
    let compiled = compile(&config(&in_root), &Fake::default()).unwrap();
    let host = Fake::default().header(b":method", b"POST");

    assert_eq!(compiled.enforced.request(&attributes(&host)).verdict, Verdict::Deny);
}

/// Returns the configuration of a waypoint with a policy for one of its services, and `further` fields.
fn waypoint(further: &str) -> String {
    format!(
        r#"{{"workload": {{"namespace": "foo", "role": "waypoint",
            "labels": {{"gateway.networking.k8s.io/gateway-name": "wp"}}}}, {further}
        "resources": [{{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {{"name": "web", "namespace": "foo"}},
            "spec": {{"targetRefs": [{{"kind": "Service", "group": "", "name": "web"}}],
                "action": "DENY", "rules": [{{}}]}}}}]}}"#
    )
}

#[test]
fn policy_for_a_service_is_refused_unless_accepted_or_service_is_configured() {
    let verdict = |further: &str| {
        let compiled =
            compile(&config(&waypoint(further)), &Fake::default()).map_err(|error| error.to_string())?;
        Ok::<_, String>(compiled.enforced.request(&attributes(&Fake::default())).verdict)
    };

    let refused = verdict("").unwrap_err();
    assert!(refused.contains("AuthorizationPolicy foo/web"), "{refused}");
    assert!(refused.contains(r#""acceptInexact": ["AuthorizationPolicy/foo/web"]"#), "{refused}");
    let service = |name: &str| format!(r#""service": {{"namespace": "foo", "name": "{name}"}},"#);
    assert_eq!(verdict(&service("web")), Ok(Verdict::Deny));
    assert_eq!(verdict(&service("other")), Ok(Verdict::Allow));
    assert_eq!(verdict(r#""acceptInexact": ["AuthorizationPolicy/foo/web"],"#), Ok(Verdict::Allow));
}
