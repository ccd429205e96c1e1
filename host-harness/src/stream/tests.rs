use super::*;
use crate::{Limits, Module, VmOptions};

/// A module with one callback, for headers, which returns `ACTION`.
const RETURNS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const ACTION)))"#;

fn outcome(action: u32, allow_on_headers_stop_iteration: bool, body: &[u8]) -> HttpOutcome {
    let wasm = wat::parse_str(RETURNS.replace("ACTION", &action.to_string())).unwrap();
    let module = Module::new(&wasm, Limits::default()).unwrap();
    let options = VmOptions { allow_on_headers_stop_iteration, ..VmOptions::default() };
    let mut vm = Vm::start(&module, &options).unwrap();
    vm.http(&Arc::default(), &HttpRequest { body: body.to_vec(), ..HttpRequest::default() }).unwrap().outcome
}

#[test]
fn paused_headers_are_released_by_the_body_only_with_the_option() {
    let released = HttpOutcome::Continue(HeaderMap::new());
    for (action, option, body, expected) in [
        (0, false, &b"a"[..], &released),
        (1, false, b"a", &HttpOutcome::Paused),
        (1, true, b"a", &released),
        (1, true, b"", &HttpOutcome::Paused),
        (4, false, b"a", &HttpOutcome::Paused),
        (4, true, b"a", &HttpOutcome::Paused),
        (4, true, b"", &HttpOutcome::Paused),
    ] {
        assert_eq!(outcome(action, option, body), *expected, "{action} {option} {body:?}");
    }
}
