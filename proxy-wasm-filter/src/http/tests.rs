use super::*;
use crate::{
    config::{Attachment, Mode},
    fake::{Everything, Fake, OnlyGet},
    host::HostError,
    metrics::Metrics,
    policies::Compiled,
    tcp,
};

fn plugin(host: &Fake, mode: Mode) -> Plugin {
    let policies = Compiled { enforced: Box::new(OnlyGet), shadow: None };
    Plugin { policies, mode, attachment: Attachment::Http, metrics: Metrics::define(host) }
}

#[test]
fn an_allowed_request_goes_on() {
    let host = Fake::default().header(b":method", b"GET");

    assert_eq!(request_headers(&host, Some(&plugin(&host, Mode::Enforce))), Action::Continue);
    assert!(host.replies.borrow().is_empty());
    assert_eq!(host.counter("palisade.allowed"), 1);
}

#[test]
fn a_denied_request_is_answered_once_and_held() {
    let host = Fake::default().header(b":method", b"PUT");

    assert_eq!(request_headers(&host, Some(&plugin(&host, Mode::Enforce))), Action::Pause);
    let replies = host.replies.borrow();
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].details, "rbac_access_denied_matched_policy[none]");
    assert_eq!((host.counter("palisade.denied"), host.counter("palisade.errors")), (1, 0));
}

#[test]
fn without_headers_or_without_policies_everything_is_denied() {
    let broken = Fake { broken: Some(HostError(99)), ..Fake::default() };
    let host = Fake::default();

    assert_eq!(request_headers(&broken, Some(&plugin(&broken, Mode::Enforce))), Action::Pause);
    assert_eq!(broken.counter("palisade.errors"), 1);
    assert_eq!(request_headers(&host, None), Action::Pause);
    assert_eq!(host.replies.borrow()[0].details, "palisade_decision_failed");
    assert_eq!(tcp::first_data(&host, None), Action::Pause);
    assert_eq!(*host.closed.borrow(), 1);
}

#[test]
fn shadow_mode_says_what_it_would_do() {
    let host = Fake::default().header(b":method", b"PUT");

    assert_eq!(request_headers(&host, Some(&plugin(&host, Mode::Shadow))), Action::Continue);
    assert!(host.replies.borrow().is_empty());
    assert_eq!(
        host.logged.borrow()[0].1,
        "palisade: would deny: no ALLOW rule matched (authorization-policy)"
    );
    assert_eq!(host.counter("palisade.denied"), 1);
}

#[test]
fn a_denied_connection_is_closed() {
    let denied = Fake::default().property("destination.address", "10.0.0.1:80");
    let allowed = Fake::default().property("destination.address", "10.0.0.1:9000");

    assert_eq!(tcp::first_data(&denied, Some(&plugin(&denied, Mode::Enforce))), Action::Pause);
    assert_eq!(tcp::first_data(&allowed, Some(&plugin(&allowed, Mode::Enforce))), Action::Continue);
    assert_eq!((*denied.closed.borrow(), *allowed.closed.borrow()), (1, 0));
}

#[test]
fn a_candidate_set_only_tells_where_it_disagrees() {
    let host = Fake::default().header(b":method", b"PUT");
    let mut plugin = plugin(&host, Mode::Enforce);
    plugin.policies.shadow = Some(Box::new(Everything));

    assert_eq!(request_headers(&host, Some(&plugin)), Action::Pause);
    assert_eq!(
        host.logged.borrow()[0].1,
        "palisade: shadow disagrees: enforced deny by no ALLOW rule matched, shadow allow by no ALLOW policy applies"
    );
}
