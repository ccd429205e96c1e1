//! Shared queues, gRPC calls and foreign functions: this host returns `Unimplemented` for each.

use super::guest::host_functions;
use crate::{abi::Status, state::HostState};
use wasmtime::Linker;

pub(super) fn register(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_functions! { linker;
        fn proxy_register_shared_queue(_guest, _a: u32, _b: u32, _c: u32) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_resolve_shared_queue(_guest, _a: u32, _b: u32, _c: u32, _d: u32, _e: u32) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_dequeue_shared_queue(_guest, _a: u32, _b: u32, _c: u32) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_enqueue_shared_queue(_guest, _a: u32, _b: u32, _c: u32) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_grpc_call(
            _guest, _a: u32, _b: u32, _c: u32, _d: u32, _e: u32, _f: u32, _g: u32, _h: u32, _i: u32, _j: u32,
            _k: u32, _l: u32,
        ) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_grpc_stream(
            _guest, _a: u32, _b: u32, _c: u32, _d: u32, _e: u32, _f: u32, _g: u32, _h: u32, _i: u32,
        ) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_grpc_send(_guest, _a: u32, _b: u32, _c: u32, _d: u32) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_grpc_cancel(_guest, _a: u32) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_grpc_close(_guest, _a: u32) {
            Err(Status::Unimplemented.into())
        }
        fn proxy_call_foreign_function(_guest, _a: u32, _b: u32, _c: u32, _d: u32, _e: u32, _f: u32) {
            Err(Status::Unimplemented.into())
        }
    }
    Ok(())
}
