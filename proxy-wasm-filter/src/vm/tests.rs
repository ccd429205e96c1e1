use super::*;
use crate::fake::Fake;

const CUSTOM: &str = r#"{
    "workload": {"namespace": "foo"}, "provider": {"cluster": "opa"},
    "resources": [
        {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
         "metadata": {"name": "ask", "namespace": "foo"},
         "spec": {"action": "CUSTOM", "provider": {"name": "opa"},
                  "rules": [{"to": [{"operation": {"paths": ["/provider*"]}}]}]}},
        {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
         "metadata": {"name": "get", "namespace": "foo"},
         "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}}],
    "mesh": {}}"#;

fn request(method: &str, path: &str) -> Fake {
    Fake::default().header(b":method", method.as_bytes()).header(b":path", path.as_bytes())
}

/// Returns a VM with root 1 and its stream 2.
fn vm(configuration: &str) -> Vm {
    let mut vm = Vm::default();
    vm.context_create(1, 0);
    let host = Fake { configuration: configuration.into(), ..Fake::default() };
    assert!(vm.configure(&host, 1), "{:?}", host.logged.take());
    vm.context_create(2, 1);
    vm
}

#[test]
fn request_waits_for_provider_before_other_policies() {
    for (method, status, resumed, replies) in
        [("GET", "200", 1, vec![]), ("PUT", "200", 0, vec![403]), ("GET", "401", 0, vec![401])]
    {
        let mut vm = vm(CUSTOM);
        let host = request(method, "/provider").answering(status, &[], "");

        assert_eq!(vm.request_headers(&host, 2), Action::Pause);
        assert!(host.replies.borrow().is_empty());
        vm.http_call_response(&host, 1, 99, true);
        assert_eq!(host.resumed.get(), 0);
        vm.http_call_response(&host, 1, 1, true);

        assert_eq!((host.resumed.get(), host.selected.get()), (resumed, 2), "{method} {status}");
        assert_eq!(host.replies.borrow().iter().map(|reply| reply.status).collect::<Vec<_>>(), replies);
        // A second answer is ignored.
        vm.http_call_response(&host, 1, 1, true);
        assert_eq!(host.resumed.get(), resumed);
    }
}

#[test]
fn request_without_matching_custom_rule_does_not_wait() {
    let host = request("GET", "/other");

    assert_eq!(vm(CUSTOM).request_headers(&host, 2), Action::Continue);
    assert!(host.calls.borrow().is_empty());
}

#[test]
fn stream_keeps_the_plugin_of_its_start() {
    let mut vm = vm(CUSTOM);
    let other = r#"{"workload": {"namespace": "other"}}"#;
    assert!(vm.configure(&Fake { configuration: other.into(), ..Fake::default() }, 1));
    vm.context_create(3, 1);

    assert_eq!(vm.request_headers(&request("PUT", "/"), 2), Action::Pause);
    assert_eq!(vm.request_headers(&request("PUT", "/"), 3), Action::Continue);
}

#[test]
fn unconfigured_root_denies_next_to_a_configured_one() {
    let mut vm = vm(CUSTOM);
    vm.context_create(10, 0);
    vm.context_create(11, 10);

    let host = request("GET", "/");
    assert_eq!(vm.request_headers(&host, 11), Action::Pause);
    assert_eq!(host.replies.borrow()[0].details, "palisade_decision_failed");
    assert_eq!(vm.request_headers(&request("GET", "/"), 2), Action::Continue);
}

#[test]
fn deleted_stream_leaves_no_state_and_unknown_stream_is_denied() {
    let mut vm = vm(CUSTOM);
    let host = request("GET", "/provider");
    vm.request_headers(&host, 2);
    vm.delete(2);

    assert!(vm.streams.is_empty() && vm.pending.is_empty());
    vm.http_call_response(&host, 1, 1, true);
    assert_eq!(host.resumed.get(), 0);
    assert_eq!(vm.request_headers(&request("GET", "/"), 77), Action::Pause);
    assert_eq!(vm.new_connection(&request("GET", "/"), 77), Action::Pause);
    assert_eq!(vm.downstream_data(&request("GET", "/"), 77), Action::Pause);
    vm.delete(1);
    assert!(vm.roots.is_empty());
    assert!(!vm.configure(&Fake { configuration: CUSTOM.into(), ..Fake::default() }, 1));
}

#[test]
fn one_configuration_decides_requests_and_connections() {
    let mut vm = vm(CUSTOM);
    let connection = Fake::default().property("destination.address", "10.0.0.1:80");

    // Istio ignores the ALLOW rule on TCP because it reads a request, so no rule allows the connection.
    assert_eq!(vm.new_connection(&connection, 2), Action::Pause);
    assert_eq!(vm.downstream_data(&connection, 2), Action::Pause);
    assert_eq!(connection.closed.get(), 1);
}
