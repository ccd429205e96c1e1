use super::*;
use crate::fake::Fake;

const ASKS: &str = r#"{
    "workload": {"namespace": "foo"}, "provider": {"cluster": "opa"},
    "resources": [
        {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
         "metadata": {"name": "ask", "namespace": "foo"},
         "spec": {"action": "CUSTOM", "provider": {"name": "opa"},
                  "rules": [{"to": [{"operation": {"paths": ["/asked*"]}}]}]}},
        {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
         "metadata": {"name": "get", "namespace": "foo"},
         "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}}],
    "mesh": {}}"#;

fn request(method: &str, path: &str) -> Fake {
    Fake::default().header(b":method", method.as_bytes()).header(b":path", path.as_bytes())
}

/// A VM with a root 1, and a stream 2 below it.
fn vm(configuration: &str) -> Vm {
    let mut vm = Vm::default();
    vm.context_create(1, 0);
    let host = Fake { configuration: configuration.into(), ..Fake::default() };
    assert!(vm.configure(&host, 1), "{:?}", host.logged.take());
    vm.context_create(2, 1);
    vm
}

#[test]
fn a_request_waits_for_its_provider_and_then_for_the_other_policies() {
    for (method, status, resumed, replies) in
        [("GET", "200", 1, vec![]), ("PUT", "200", 0, vec![403]), ("GET", "401", 0, vec![401])]
    {
        let mut vm = vm(ASKS);
        let host = request(method, "/asked").answering(status, &[], "");

        assert_eq!(vm.request_headers(&host, 2), Action::Pause);
        assert!(host.replies.borrow().is_empty());
        vm.http_call_response(&host, 1, 99, true);
        assert_eq!(host.resumed.get(), 0);
        vm.http_call_response(&host, 1, 1, true);

        assert_eq!((host.resumed.get(), host.selected.get()), (resumed, 2), "{method} {status}");
        assert_eq!(host.replies.borrow().iter().map(|reply| reply.status).collect::<Vec<_>>(), replies);
        // A second answer changes nothing.
        vm.http_call_response(&host, 1, 1, true);
        assert_eq!(host.resumed.get(), resumed);
    }
}

#[test]
fn requests_that_no_custom_rule_matches_do_not_wait() {
    let host = request("GET", "/other");

    assert_eq!(vm(ASKS).request_headers(&host, 2), Action::Continue);
    assert!(host.calls.borrow().is_empty());
}

#[test]
fn a_stream_keeps_what_was_in_force_when_it_began() {
    let mut vm = vm(ASKS);
    let nothing = r#"{"workload": {"namespace": "other"}}"#;
    assert!(vm.configure(&Fake { configuration: nothing.into(), ..Fake::default() }, 1));
    vm.context_create(3, 1);

    assert_eq!(vm.request_headers(&request("PUT", "/"), 2), Action::Pause);
    assert_eq!(vm.request_headers(&request("PUT", "/"), 3), Action::Continue);
}

#[test]
fn roots_share_nothing() {
    let mut vm = vm(ASKS);
    vm.context_create(10, 0);
    vm.context_create(11, 10);

    // Never configured.
    let host = request("GET", "/");
    assert_eq!(vm.request_headers(&host, 11), Action::Pause);
    assert_eq!(host.replies.borrow()[0].details, "palisade_decision_failed");
    assert_eq!(vm.request_headers(&request("GET", "/"), 2), Action::Continue);
}

#[test]
fn nothing_is_kept_of_streams_that_end_and_unknown_ones_are_denied() {
    let mut vm = vm(ASKS);
    let host = request("GET", "/asked");
    vm.request_headers(&host, 2);
    vm.delete(2);

    assert!(vm.streams.is_empty() && vm.asking.is_empty());
    vm.http_call_response(&host, 1, 1, true);
    assert_eq!(host.resumed.get(), 0);
    assert_eq!(vm.request_headers(&request("GET", "/"), 77), Action::Pause);
    assert_eq!(vm.new_connection(&request("GET", "/"), 77), Action::Pause);
    assert_eq!(vm.downstream_data(&request("GET", "/"), 77), Action::Pause);
    vm.delete(1);
    assert!(vm.roots.is_empty());
    assert!(!vm.configure(&Fake { configuration: ASKS.into(), ..Fake::default() }, 1));
}

#[test]
fn requests_and_connections_can_share_a_configuration() {
    let mut vm = vm(ASKS);
    let connection = Fake::default().property("destination.address", "10.0.0.1:80");

    // On TCP the ALLOW rule needs a request and falls away, so nothing is allowed.
    assert_eq!(vm.new_connection(&connection, 2), Action::Pause);
    assert_eq!(vm.downstream_data(&connection, 2), Action::Pause);
    assert_eq!(connection.closed.get(), 1);
}
