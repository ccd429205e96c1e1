use super::*;
use crate::{error::ErrorKind, properties::Connection, vm::Limits};

/// A hand-written filter. It refuses a configuration that starts with `!`. For a request, the header `x` decides: `d`
/// replies 403, `t` traps, `l` loops, and others continue. It closes a connection whose first byte is `c`.
const FILTER: &str = r#"
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "x")
  (data (i32.const 16) "denied[x]")
  (data (i32.const 32) "no!")
  (global $heap (mut i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $n i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $n))))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $buffer (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 68)))
    (if (i32.eq (i32.load8_u (i32.load (i32.const 64))) (i32.const 33))
      (then (drop (call $log (i32.const 4) (i32.const 32) (i32.const 3))) (return (i32.const 0))))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $v i32)
    (if (call $header (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 68))
      (then (return (i32.const 0))))
    (local.set $v (i32.load8_u (i32.load (i32.const 64))))
    (if (i32.eq (local.get $v) (i32.const 116)) (then (unreachable)))
    (if (i32.eq (local.get $v) (i32.const 108)) (then (loop (br 0))))
    (if (i32.eq (local.get $v) (i32.const 100)) (then
      (drop (call $reply (i32.const 403) (i32.const 16) (i32.const 9) (i32.const 16) (i32.const 6)
        (i32.const 0) (i32.const 0) (i32.const 7)))
      (return (i32.const 1))))
    (i32.const 0))
  (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
    (drop (call $buffer (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 68)))
    (if (i32.eq (i32.load8_u (i32.load (i32.const 64))) (i32.const 99))
      (then (drop (call $close (i32.const 2))) (return (i32.const 1))))
    (i32.const 0)))
"#;

fn module() -> Module {
    let limits = Limits { request_fuel: 1_000_000, ..Limits::default() };
    Module::new(&wat::parse_str(FILTER).unwrap(), limits).unwrap()
}

fn plugin(policy: FailurePolicy) -> Plugin {
    Plugin::start(&module(), &VmOptions::default(), b"ok", policy).unwrap()
}

fn request(x: &str) -> HttpRequest {
    let headers = [(":path", "/"), ("x", x)];
    let headers = headers.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    HttpRequest { headers: headers.to_vec(), ..HttpRequest::default() }
}

fn status(plugin: &mut Plugin, x: &str) -> u32 {
    plugin.http(&Arc::default(), &request(x)).status().unwrap_or(200)
}

#[test]
fn reply_has_its_details_and_calls_are_counted() {
    let report = plugin(FailurePolicy::Closed).http(&Arc::default(), &request("d"));

    let HttpOutcome::Reply(reply) = &report.outcome else { panic!("{report:?}") };
    assert_eq!((reply.status, reply.body.as_slice()), (403, &b"denied"[..]));
    assert_eq!((reply.details.as_str(), reply.grpc_status), ("denied[x]", Some(7)));
    assert_eq!(report.calls, [("proxy_get_header_map_value", 1), ("proxy_send_local_response", 1)].into());
    assert!(report.fuel > 10, "{}", report.fuel);
}

#[test]
fn reply_to_grpc_client_is_200_with_grpc_status() {
    let mut request = request("d");
    request.headers.push((b"content-type".to_vec(), b"application/grpc+proto".to_vec()));

    let report = plugin(FailurePolicy::Closed).http(&Arc::default(), &request);

    assert_eq!((report.status(), report.grpc_status()), (Some(200), Some(7)));
}

#[test]
fn closed_policy_refuses_every_stream_after_trap() {
    let mut plugin = plugin(FailurePolicy::Closed);

    assert_eq!(["a", "t", "a", "d"].map(|x| status(&mut plugin, x)), [200, 503, 503, 503]);
    plugin.advance(Duration::from_secs(3600));
    assert_eq!(status(&mut plugin, "a"), 503);
    assert_eq!(plugin.tcp(&Arc::default(), b"a").outcome, TcpOutcome::Closed);
}

#[test]
fn open_policy_passes_every_stream_after_trap() {
    let mut plugin = plugin(FailurePolicy::Open);

    assert_eq!(["d", "t", "d"].map(|x| status(&mut plugin, x)), [403, 200, 200]);
}

#[test]
fn reload_policy_restarts_once_per_interval() {
    let mut plugin = plugin(FailurePolicy::Reload);

    assert_eq!(["t", "d", "t", "d"].map(|x| status(&mut plugin, x)), [503, 403, 503, 503]);
    plugin.advance(Duration::from_secs(1));
    assert_eq!(status(&mut plugin, "d"), 403);
}

#[test]
fn endless_loop_runs_out_of_fuel() {
    let mut plugin = plugin(FailurePolicy::Closed);

    assert_eq!(status(&mut plugin, "l"), 503);
    assert!(plugin.vm().is_dead());
}

#[test]
fn refused_configuration_reports_reason_and_keeps_the_old_one() {
    let mut plugin = plugin(FailurePolicy::Closed);

    let error = plugin.reconfigure(b"!").unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.to_string(), "the module refused its configuration: no!");
    assert_eq!(status(&mut plugin, "d"), 403);
}

#[test]
fn closed_connection_sends_no_byte_upstream() {
    let stream =
        Stream { connection: Connection { tls: true, ..Connection::default() }, ..Stream::default() };
    let stream = Arc::new(stream);
    let mut plugin = plugin(FailurePolicy::Closed);

    let (closed, passed) = (plugin.tcp(&stream, b"close"), plugin.tcp(&stream, b"hello"));

    assert_eq!((closed.outcome, closed.forwarded), (TcpOutcome::Closed, 0));
    assert_eq!((passed.outcome, passed.forwarded), (TcpOutcome::Continue, 5));
}

#[test]
fn module_that_envoy_does_not_load_is_refused() {
    let wasm =
        |text: &str| Module::new(&wat::parse_str(text).unwrap(), Limits::default()).map(|_| ()).unwrap_err();

    assert!(wasm("(module)").to_string().contains("proxy_abi_version"));
    let unknown = r#"(module (import "env" "proxy_fly" (func)) (func (export "proxy_abi_version_0_2_1")))"#;
    assert!(wasm(unknown).to_string().contains("proxy_fly"));
    assert_eq!(Module::new(b"no", Limits::default()).map(|_| ()).unwrap_err().kind(), ErrorKind::Module);
}
