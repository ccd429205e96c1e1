//! The callbacks that the module exports. The proxy enters the VM for each exported callback, so the module exports no
//! callback of the ABI that the filter does not need.
#![expect(unsafe_code, reason = "an export has a name that the linker does not check")]

use crate::{host::Proxy, types::Action, vm::Vm};
use core::cell::RefCell;

thread_local! {
    static VM: RefCell<Vm> = RefCell::default();
}

/// Runs `act` on the VM. Returns `refused` if the host calls back inside a callback, which no call of this filter causes.
fn with<R>(refused: R, act: impl FnOnce(&mut Vm) -> R) -> R {
    VM.with(|vm| match vm.try_borrow_mut() {
        Ok(mut vm) => act(&mut vm),
        Err(_) => refused,
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    Proxy::log_panics();
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    with((), |vm| vm.context_create(context, parent));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, _: usize) -> bool {
    with(false, |vm| vm.configure(&Proxy, root))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _: usize, _: u32) -> u32 {
    with(Action::Pause as u32, |vm| vm.request_headers(&Proxy, context) as u32)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(root: u32, token: u32, headers: usize, _: usize, _: usize) {
    with((), |vm| vm.http_call_response(&Proxy, root, token, headers > 0));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_new_connection(context: u32) -> u32 {
    with(Action::Pause as u32, |vm| vm.new_connection(&Proxy, context) as u32)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_downstream_data(context: u32, _: usize, _: u32) -> u32 {
    with(Action::Pause as u32, |vm| vm.downstream_data(&Proxy, context) as u32)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    with((), |vm| vm.delete(context));
}
