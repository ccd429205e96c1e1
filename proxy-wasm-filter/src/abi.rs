//! The boundary to the proxy: every function of ABI 0.2.1 that is imported or exported, and nothing else.
//!
//! The only file with unsafe code. It is written out rather than taken from the Rust SDK because the SDK panics
//! on a status it does not know and on names that are no UTF-8, takes no response-code details, and exports
//! every callback there is, each of which Envoy then calls for every request.
#![cfg_attr(target_arch = "wasm32", expect(unsafe_code, reason = "pointers cross to and from the host"))]

use crate::host::{HostError, Level};

/// Which buffer: the plugin's configuration.
const PLUGIN_CONFIGURATION: u32 = 7;
/// Which header map: the request's.
const REQUEST_HEADERS: u32 = 0;
/// Which metric: a counter.
const COUNTER: u32 = 0;
/// Which stream: the connection to the client.
const DOWNSTREAM: u32 = 2;

pub(crate) fn plugin_configuration() -> Result<Vec<u8>, HostError> {
    imports::take(|data, len| imports::get_buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX >> 1, data, len))
}

pub(crate) fn request_headers() -> Result<Vec<u8>, HostError> {
    imports::take(|data, len| imports::get_header_map_pairs(REQUEST_HEADERS, data, len))
}

/// The property at a path whose parts are separated by zero bytes.
pub(crate) fn property(path: &[u8]) -> Result<Vec<u8>, HostError> {
    imports::take(|data, len| imports::get_property(path, data, len))
}

pub(crate) fn log(level: Level, message: &str) -> Result<(), HostError> {
    HostError::check(imports::log(level as u32, message.as_bytes()))
}

pub(crate) fn define_counter(name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    HostError::check(imports::define_metric(COUNTER, name.as_bytes(), &mut id))?;
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
    HostError::check(imports::close_stream(DOWNSTREAM))
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::HostError;

    mod raw {
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            pub(super) fn proxy_log(level: u32, message: *const u8, len: usize) -> u32;
            pub(super) fn proxy_get_buffer_bytes(
                buffer: u32,
                start: usize,
                max: usize,
                data: *mut *mut u8,
                len: *mut usize,
            ) -> u32;
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
        // SAFETY: the host got `data` from `proxy_on_memory_allocate(len)` below, wrote `len` bytes there and
        // forgot it; a boxed slice has capacity equal to its length.
        Ok(unsafe { Vec::from_raw_parts(data, len, len) })
    }

    // SAFETY of all calls below: each pointer comes from a live slice or reference and goes with its length;
    // the host keeps none of them past the call.

    pub(super) fn log(level: u32, message: &[u8]) -> u32 {
        unsafe { raw::proxy_log(level, message.as_ptr(), message.len()) }
    }

    pub(super) fn get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: &mut *mut u8,
        len: &mut usize,
    ) -> u32 {
        unsafe { raw::proxy_get_buffer_bytes(buffer, start, max, data, len) }
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
    pub(super) fn get_buffer_bytes(_: u32, _: usize, _: usize, _: &mut *mut u8, _: &mut usize) -> u32 {
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

/// What the proxy calls. Each function only passes its arguments on.
#[cfg(target_arch = "wasm32")]
mod exports {
    use crate::contexts;

    #[unsafe(no_mangle)]
    extern "C" fn proxy_abi_version_0_2_1() {}

    #[unsafe(no_mangle)]
    extern "C" fn _initialize() {
        contexts::log_panics();
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_memory_allocate(len: usize) -> *mut u8 {
        let mut bytes = Vec::new();
        // Null tells the host that there is no memory; the call it serves then fails, and that denies.
        if bytes.try_reserve_exact(len).is_err() {
            return core::ptr::null_mut();
        }
        bytes.resize(len, 0u8);
        Box::into_raw(bytes.into_boxed_slice()).cast()
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_context_create(context: u32, root: u32) {
        contexts::create(context, root);
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_configure(root: u32, _len: usize) -> u32 {
        u32::from(contexts::configure(root))
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_request_headers(context: u32, _headers: u32, _end: u32) -> u32 {
        contexts::request_headers(context) as u32
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_downstream_data(context: u32, _len: usize, _end: u32) -> u32 {
        contexts::downstream_data(context) as u32
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_delete(context: u32) {
        contexts::delete(context);
    }
}
