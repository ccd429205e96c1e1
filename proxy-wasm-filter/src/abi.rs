//! The host calls that the SDK cannot be trusted with, declared here; the only file with unsafe code.
//!
//! Entry, dispatch, contexts and the plugin configuration are the SDK's (`proxy_wasm`). Its calls below panic on
//! every status they do not name, a refused capability for one, and a panic takes the whole VM with all of its
//! streams. Here a status is a number and no bytes are assumed to be text:
//!
//! | call | what else the SDK does with it |
//! |---|---|
//! | `proxy_get_header_map_pairs` | panics on a name that is no UTF-8, which a client can send |
//! | `proxy_get_property` | panics where Envoy cannot serialize the value |
//! | `proxy_send_local_response` | has no response-code details, and no gRPC status beside an HTTP one |
//! | `proxy_close_stream`, metrics | nothing else |
//! | `proxy_log` | nothing else; but the hook that logs a panic must not panic |
//!
//! The SDK declares the same imports with the same types, so the module has each of them once.
#![cfg_attr(target_arch = "wasm32", expect(unsafe_code, reason = "pointers cross to and from the host"))]

use crate::host::HostError;
use proxy_wasm::types::{LogLevel, MapType, MetricType, StreamType};

pub(crate) fn request_headers() -> Result<Vec<u8>, HostError> {
    imports::take(|data, len| imports::get_header_map_pairs(MapType::HttpRequestHeaders as u32, data, len))
}

/// The property at a path whose parts are separated by zero bytes.
pub(crate) fn property(path: &[u8]) -> Result<Vec<u8>, HostError> {
    imports::take(|data, len| imports::get_property(path, data, len))
}

pub(crate) fn log(level: LogLevel, message: &str) -> Result<(), HostError> {
    HostError::check(imports::log(level as u32, message.as_bytes()))
}

pub(crate) fn define_counter(name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    HostError::check(imports::define_metric(MetricType::Counter as u32, name.as_bytes(), &mut id))?;
    Ok(id)
}

pub(crate) fn increment(id: u32) -> Result<(), HostError> {
    HostError::check(imports::increment_metric(id, 1))
}

pub(crate) fn send_local_response(
    status: u32,
    details: &[u8],
    body: &[u8],
    grpc_status: i32,
) -> Result<(), HostError> {
    HostError::check(imports::send_local_response(status, details, body, grpc_status))
}

pub(crate) fn close_downstream() -> Result<(), HostError> {
    HostError::check(imports::close_stream(StreamType::Downstream as u32))
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::HostError;

    mod raw {
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            pub(super) fn proxy_log(level: u32, message: *const u8, len: usize) -> u32;
            pub(super) fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, len: *mut usize) -> u32;
            pub(super) fn proxy_get_property(
                path: *const u8,
                path_len: usize,
                data: *mut *mut u8,
                len: *mut usize,
            ) -> u32;
            pub(super) fn proxy_define_metric(kind: u32, name: *const u8, len: usize, id: *mut u32) -> u32;
            pub(super) fn proxy_increment_metric(id: u32, offset: i64) -> u32;
            pub(super) fn proxy_send_local_response(
                status: u32,
                details: *const u8,
                details_len: usize,
                body: *const u8,
                body_len: usize,
                headers: *const u8,
                headers_len: usize,
                grpc_status: i32,
            ) -> u32;
            pub(super) fn proxy_close_stream(stream: u32) -> u32;
        }
    }

    /// Runs a call that hands bytes over, and takes them.
    pub(super) fn take(call: impl FnOnce(&mut *mut u8, &mut usize) -> u32) -> Result<Vec<u8>, HostError> {
        let (mut data, mut len) = (core::ptr::null_mut(), 0);
        HostError::check(call(&mut data, &mut len))?;
        if data.is_null() || len == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: the host got `data` from the SDK's `malloc(len)`, wrote `len` bytes there and forgot it; the SDK
        // makes it a boxed slice, whose capacity is its length.
        Ok(unsafe { Vec::from_raw_parts(data, len, len) })
    }

    // SAFETY of all calls below: each pointer comes from a live slice or reference and goes with its length;
    // the host keeps none of them past the call.

    pub(super) fn log(level: u32, message: &[u8]) -> u32 {
        unsafe { raw::proxy_log(level, message.as_ptr(), message.len()) }
    }

    pub(super) fn get_header_map_pairs(map: u32, data: &mut *mut u8, len: &mut usize) -> u32 {
        unsafe { raw::proxy_get_header_map_pairs(map, data, len) }
    }

    pub(super) fn get_property(path: &[u8], data: &mut *mut u8, len: &mut usize) -> u32 {
        unsafe { raw::proxy_get_property(path.as_ptr(), path.len(), data, len) }
    }

    pub(super) fn define_metric(kind: u32, name: &[u8], id: &mut u32) -> u32 {
        unsafe { raw::proxy_define_metric(kind, name.as_ptr(), name.len(), id) }
    }

    pub(super) fn increment_metric(id: u32, offset: i64) -> u32 {
        unsafe { raw::proxy_increment_metric(id, offset) }
    }

    pub(super) fn send_local_response(status: u32, details: &[u8], body: &[u8], grpc_status: i32) -> u32 {
        let (details_len, body_len) = (details.len(), body.len());
        unsafe {
            raw::proxy_send_local_response(
                status,
                details.as_ptr(),
                details_len,
                body.as_ptr(),
                body_len,
                core::ptr::null(),
                0,
                grpc_status,
            )
        }
    }

    pub(super) fn close_stream(stream: u32) -> u32 {
        unsafe { raw::proxy_close_stream(stream) }
    }
}

/// Outside a proxy there is no host: every call fails, so everything is denied.
#[cfg(not(target_arch = "wasm32"))]
mod imports {
    use super::HostError;

    const UNIMPLEMENTED: u32 = 12;

    pub(super) fn take(call: impl FnOnce(&mut *mut u8, &mut usize) -> u32) -> Result<Vec<u8>, HostError> {
        HostError::check(call(&mut core::ptr::null_mut(), &mut 0)).map(|()| Vec::new())
    }
    pub(super) fn log(_: u32, _: &[u8]) -> u32 {
        UNIMPLEMENTED
    }
    pub(super) fn get_header_map_pairs(_: u32, _: &mut *mut u8, _: &mut usize) -> u32 {
        UNIMPLEMENTED
    }
    pub(super) fn get_property(_: &[u8], _: &mut *mut u8, _: &mut usize) -> u32 {
        UNIMPLEMENTED
    }
    pub(super) fn define_metric(_: u32, _: &[u8], _: &mut u32) -> u32 {
        UNIMPLEMENTED
    }
    pub(super) fn increment_metric(_: u32, _: i64) -> u32 {
        UNIMPLEMENTED
    }
    pub(super) fn send_local_response(_: u32, _: &[u8], _: &[u8], _: i32) -> u32 {
        UNIMPLEMENTED
    }
    pub(super) fn close_stream(_: u32) -> u32 {
        UNIMPLEMENTED
    }
}
