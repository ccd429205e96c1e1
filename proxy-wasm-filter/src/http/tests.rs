use super::*;
use crate::{
    fake::{AllowAll, Custom, Fake, OnlyGet},
    metrics::Metrics,
    policies::{Compiled, Policies},
    tcp,
    types::HostError,
};
use palisade_plugin_config::Config;

fn plugin(host: &Fake, enforced: impl Policies + 'static, further: &str) -> Plugin {
    let text = format!(r#"{{"workload": {{"namespace": "foo"}}{further}}}"#);
    let config = Config::parse(text.as_bytes()).unwrap();
    let policies = Compiled { enforced: Box::new(enforced), shadow: None };
    Plugin::new(config, policies, Metrics::define(host), host)
}

fn headers(host: &Fake, plugin: Option<&Plugin>) -> Action {
    match request_headers(host, plugin) {
        Progress::Decided(action) => action,
        Progress::Pending(pending) => panic!("{pending:?}"),
    }
}

#[test]
fn allowed_request_continues() {
    let host = Fake::default().header(b":method", b"GET");

    assert_eq!(headers(&host, Some(&plugin(&host, OnlyGet, ""))), Action::Continue);
    assert!(host.replies.borrow().is_empty());
    assert_eq!(host.counter("palisade.allowed"), 1);
    assert!(host.states.borrow().is_empty());
}

#[test]
fn denied_request_is_answered_once_and_paused() {
    let host = Fake::default().header(b":method", b"PUT");

    assert_eq!(headers(&host, Some(&plugin(&host, OnlyGet, ""))), Action::Pause);
    let replies = host.replies.borrow();
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].details, "rbac_access_denied_matched_policy[none]");
    assert_eq!((host.counter("palisade.denied"), host.counter("palisade.errors")), (1, 0));
    assert_eq!(host.states.borrow()["palisade"], "deny authorization-policy no ALLOW rule matched");
}

#[test]
fn filter_state_is_set_for_the_configured_streams() {
    let is_set = |scope: &str, method: &[u8]| {
        let host = Fake::default().header(b":method", method);
        let further = format!(r#", "telemetry": {{"filterState": "{scope}"}}"#);
        headers(&host, Some(&plugin(&host, OnlyGet, &further)));
        host.states.borrow().contains_key("palisade")
    };

    assert_eq!((is_set("off", b"PUT"), is_set("off", b"GET")), (false, false));
    assert_eq!((is_set("denied", b"PUT"), is_set("denied", b"GET")), (true, false));
    assert_eq!((is_set("all", b"PUT"), is_set("all", b"GET")), (true, true));
}

#[test]
fn request_without_headers_or_plugin_is_denied() {
    let broken = Fake { broken: Some(HostError(99)), ..Fake::default() };
    let host = Fake::default();

    assert_eq!(headers(&broken, Some(&plugin(&broken, OnlyGet, ""))), Action::Pause);
    assert_eq!(broken.counter("palisade.errors"), 1);
    assert_eq!(headers(&host, None), Action::Pause);
    assert_eq!(host.replies.borrow()[0].details, "palisade_decision_failed");
    assert_eq!(tcp::new_connection(&host, None), Some(Action::Pause));
    assert_eq!(tcp::first_data(&host, None), Action::Pause);
    assert_eq!(host.closed.get(), 2);
}

#[test]
fn shadow_mode_passes_and_logs_the_denial() {
    let host = Fake::default().header(b":method", b"PUT");

    assert_eq!(headers(&host, Some(&plugin(&host, OnlyGet, r#", "mode": "shadow""#))), Action::Continue);
    assert!(host.replies.borrow().is_empty());
    assert_eq!(
        host.logged.borrow()[0].1,
        "palisade: would deny: no ALLOW rule matched (authorization-policy)"
    );
    let counted =
        ["allowed", "denied", "shadow_denied"].map(|name| host.counter(&format!("palisade.{name}")));
    assert_eq!(counted, [1, 0, 1]);
}

#[test]
fn denied_connection_is_closed_at_its_start() {
    let decide = |port: &str| {
        let host = Fake::default().property("destination.address", format!("10.0.0.1:{port}"));
        let action = tcp::new_connection(&host, Some(&plugin(&host, OnlyGet, "")));
        (action, host.closed.get())
    };

    assert_eq!(decide("80"), (Some(Action::Pause), 1));
    assert_eq!(decide("9000"), (Some(Action::Continue), 0));
}

#[test]
fn connection_with_tls_waits_for_its_certificate() {
    let decide = |host: Fake| {
        let mut plugin = plugin(&host, OnlyGet, "");
        plugin.tcp.certificate = true;
        tcp::new_connection(&host, Some(&plugin))
    };
    let connection = || Fake::default().property("destination.address", "10.0.0.1:9000");

    assert_eq!(decide(connection()), Some(Action::Continue));
    assert_eq!(decide(connection().property("connection.subject_peer_certificate", "")), None);
    assert_eq!(decide(Fake { broken: Some(HostError(3)), ..connection() }), None);
}

#[test]
fn shadow_resources_are_reported_only_for_other_verdicts() {
    let host = Fake::default().header(b":method", b"PUT");
    let mut plugin = plugin(&host, OnlyGet, "");
    plugin.policies.shadow = Some(Box::new(AllowAll));

    assert_eq!(headers(&host, Some(&plugin)), Action::Pause);
    assert_eq!(
        host.logged.borrow()[0].1,
        "palisade: shadow disagrees: enforced deny by no ALLOW rule matched, shadow allow by no ALLOW policy applies"
    );
    assert_eq!((host.counter("palisade.shadow_disagreed"), host.counter("palisade.shadow_denied")), (1, 0));
    assert!(
        host.states.borrow()["palisade"]
            .ends_with(" shadow=allow authorization-policy no ALLOW policy applies")
    );

    plugin.policies = Compiled { enforced: Box::new(AllowAll), shadow: Some(Box::new(OnlyGet)) };
    assert_eq!(headers(&host, Some(&plugin)), Action::Continue);
    assert_eq!((host.counter("palisade.shadow_disagreed"), host.counter("palisade.shadow_denied")), (2, 1));
}

#[test]
fn custom_rule_without_configured_provider_denies() {
    let host = Fake::default().header(b":method", b"GET");

    for further in ["", r#", "providers": {"other": {"cluster": "c"}}"#] {
        assert_eq!(headers(&host, Some(&plugin(&host, Custom(&["opa"]), further))), Action::Pause);
    }
    let details: Vec<_> = host.replies.take().into_iter().map(|reply| reply.details).collect();
    assert_eq!(details, ["rbac_access_denied_matched_policy[ns[foo]-policy[ask]-rule[0]]"; 2]);
    assert!(host.calls.borrow().is_empty());
}

#[test]
fn shadow_mode_calls_no_provider() {
    let host = Fake::default().header(b":method", b"GET");
    let further = r#", "mode": "shadow", "provider": {"cluster": "c"}"#;

    assert_eq!(headers(&host, Some(&plugin(&host, Custom(&["opa"]), further))), Action::Continue);
    assert!(host.calls.borrow().is_empty());
}

#[test]
fn unreachable_provider_denies_unless_fail_open() {
    let decide = |fail_open: bool, method: &[u8]| {
        let host = Fake::default().header(b":method", method);
        let further = format!(r#", "provider": {{"cluster": "nowhere", "failOpen": {fail_open}}}"#);
        let action = headers(&host, Some(&plugin(&host, Custom(&["opa"]), &further)));
        (action, host.replies.take().pop().map(|reply| reply.details))
    };

    assert_eq!(decide(false, b"GET"), (Action::Pause, Some("ext_authz_error".into())));
    assert_eq!(decide(true, b"GET"), (Action::Continue, None));
    // The other policies still apply.
    assert_eq!(decide(true, b"PUT").0, Action::Pause);
}
