//! The host calls that the filter imports, as safe functions, and the allocator through which the host returns bytes.
//!
//! The filter does not use the Rust SDK, for three reasons. The SDK's calls panic on every status that they do not
//! expect, and a panic ends the VM with all of its streams. Its dispatcher panics on an unknown context, and leaks the
//! token of each HTTP call whose stream ends before the answer. It requires a choice between requests and connections at
//! the start of the plugin. Here, a status is a number, bytes are not assumed to be text, and [`crate::vm`] stores the
//! contexts.
#![cfg_attr(target_arch = "wasm32", expect(unsafe_code, reason = "pointers cross to and from the host"))]

use crate::{
    bytes::Bytes,
    types::{HostError, LogLevel, MetricKind},
};

/// Returns all headers of a map in the ABI's layout.
pub(crate) fn header_pairs(map: u32) -> Result<Bytes, HostError> {
    imports::take(|data, len| imports::get_header_map_pairs(map, data, len))
}

/// Returns the first header with this name.
pub(crate) fn header(map: u32, name: &str) -> Result<Bytes, HostError> {
    imports::take(|data, len| imports::get_header_map_value(map, name.as_bytes(), data, len))
}

/// Returns the property at `path`, whose parts are separated by zero bytes.
pub(crate) fn property(path: &str) -> Result<Bytes, HostError> {
    imports::take(|data, len| imports::get_property(path.as_bytes(), data, len))
}

pub(crate) fn set_property(path: &str, value: &[u8]) -> Result<(), HostError> {
    HostError::check(imports::set_property(path.as_bytes(), value))
}

/// Returns up to `max` bytes of a buffer.
pub(crate) fn buffer(buffer: u32, max: usize) -> Result<Bytes, HostError> {
    imports::take(|data, len| imports::get_buffer_bytes(buffer, 0, max, data, len))
}

pub(crate) fn log(level: LogLevel, message: &str) -> Result<(), HostError> {
    HostError::check(imports::log(level as u32, message.as_bytes()))
}

pub(crate) fn log_level() -> Result<u32, HostError> {
    let mut level = 0;
    HostError::check(imports::get_log_level(&mut level))?;
    Ok(level)
}

pub(crate) fn now() -> Result<u64, HostError> {
    let mut nanoseconds = 0;
    HostError::check(imports::get_current_time(&mut nanoseconds))?;
    Ok(nanoseconds)
}

pub(crate) fn define_metric(kind: MetricKind, name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    HostError::check(imports::define_metric(kind as u32, name.as_bytes(), &mut id))?;
    Ok(id)
}

pub(crate) fn increment(id: u32) -> Result<(), HostError> {
    HostError::check(imports::increment_metric(id, 1))
}

pub(crate) fn record(id: u32, value: u64) -> Result<(), HostError> {
    HostError::check(imports::record_metric(id, value))
}

pub(crate) fn send_local_response(
    status: u32,
    details: &[u8],
    body: &[u8],
    headers: &[u8],
    grpc_status: i32,
) -> Result<(), HostError> {
    HostError::check(imports::send_local_response(status, details, body, headers, grpc_status))
}

pub(crate) fn continue_stream(stream: u32) -> Result<(), HostError> {
    HostError::check(imports::continue_stream(stream))
}

pub(crate) fn close_stream(stream: u32) -> Result<(), HostError> {
    HostError::check(imports::close_stream(stream))
}

/// Makes `context` the context of the following calls.
pub(crate) fn set_effective_context(context: u32) -> Result<(), HostError> {
    HostError::check(imports::set_effective_context(context))
}

/// Sends a request without body to a cluster, and returns the token of the call.
pub(crate) fn http_call(cluster: &str, headers: &[u8], timeout_ms: u32) -> Result<u32, HostError> {
    let mut token = 0;
    HostError::check(imports::http_call(cluster.as_bytes(), headers, timeout_ms, &mut token))?;
    Ok(token)
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::{Bytes, HostError};

    mod raw {
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            pub(super) fn proxy_log(level: u32, message: *const u8, len: usize) -> u32;
            pub(super) fn proxy_get_log_level(level: *mut u32) -> u32;
            pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
            pub(super) fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, len: *mut usize) -> u32;
            pub(super) fn proxy_get_header_map_value(
                map: u32,
                name: *const u8,
                name_len: usize,
                data: *mut *mut u8,
                len: *mut usize,
            ) -> u32;
            pub(super) fn proxy_get_property(
                path: *const u8,
                path_len: usize,
                data: *mut *mut u8,
                len: *mut usize,
            ) -> u32;
            pub(super) fn proxy_set_property(
                path: *const u8,
                path_len: usize,
                value: *const u8,
                value_len: usize,
            ) -> u32;
            pub(super) fn proxy_get_buffer_bytes(
                buffer: u32,
                start: usize,
                max: usize,
                data: *mut *mut u8,
                len: *mut usize,
            ) -> u32;
            pub(super) fn proxy_define_metric(kind: u32, name: *const u8, len: usize, id: *mut u32) -> u32;
            pub(super) fn proxy_increment_metric(id: u32, offset: i64) -> u32;
            pub(super) fn proxy_record_metric(id: u32, value: u64) -> u32;
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
            pub(super) fn proxy_continue_stream(stream: u32) -> u32;
            pub(super) fn proxy_close_stream(stream: u32) -> u32;
            pub(super) fn proxy_set_effective_context(context: u32) -> u32;
            pub(super) fn proxy_http_call(
                cluster: *const u8,
                cluster_len: usize,
                headers: *const u8,
                headers_len: usize,
                body: *const u8,
                body_len: usize,
                trailers: *const u8,
                trailers_len: usize,
                timeout_ms: u32,
                token: *mut u32,
            ) -> u32;
        }
    }

    /// Runs a call that returns bytes through [`malloc`], and takes these bytes.
    pub(super) fn take(call: impl FnOnce(&mut *mut u8, &mut usize) -> u32) -> Result<Bytes, HostError> {
        let (mut data, mut len) = (core::ptr::null_mut(), 0);
        HostError::check(call(&mut data, &mut len))?;
        if data.is_null() || len == 0 {
            // The host may have allocated memory without using it.
            drop(Bytes::filled(data, 0));
            return Ok(Bytes::default());
        }
        Bytes::filled(data, len).ok_or(HostError::NOT_LENT)
    }

    /// Allocates memory for bytes that the host returns. [`take`] takes it; until then nothing else uses it.
    #[unsafe(no_mangle)]
    extern "C" fn malloc(len: usize) -> *mut u8 {
        Bytes::lend(len)
    }

    // SAFETY of all calls below: each pointer comes from a live slice or reference and is passed with its length.
    // The host does not use it after the call.

    pub(super) fn log(level: u32, message: &[u8]) -> u32 {
        unsafe { raw::proxy_log(level, message.as_ptr(), message.len()) }
    }

    pub(super) fn get_log_level(level: &mut u32) -> u32 {
        unsafe { raw::proxy_get_log_level(level) }
    }

    pub(super) fn get_current_time(nanoseconds: &mut u64) -> u32 {
        unsafe { raw::proxy_get_current_time_nanoseconds(nanoseconds) }
    }

    pub(super) fn get_header_map_pairs(map: u32, data: &mut *mut u8, len: &mut usize) -> u32 {
        unsafe { raw::proxy_get_header_map_pairs(map, data, len) }
    }

    pub(super) fn get_header_map_value(map: u32, name: &[u8], data: &mut *mut u8, len: &mut usize) -> u32 {
        unsafe { raw::proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, len) }
    }

    pub(super) fn get_property(path: &[u8], data: &mut *mut u8, len: &mut usize) -> u32 {
        unsafe { raw::proxy_get_property(path.as_ptr(), path.len(), data, len) }
    }

    pub(super) fn set_property(path: &[u8], value: &[u8]) -> u32 {
        unsafe { raw::proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) }
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

    pub(super) fn define_metric(kind: u32, name: &[u8], id: &mut u32) -> u32 {
        unsafe { raw::proxy_define_metric(kind, name.as_ptr(), name.len(), id) }
    }

    pub(super) fn increment_metric(id: u32, offset: i64) -> u32 {
        unsafe { raw::proxy_increment_metric(id, offset) }
    }

    pub(super) fn record_metric(id: u32, value: u64) -> u32 {
        unsafe { raw::proxy_record_metric(id, value) }
    }

    pub(super) fn send_local_response(
        status: u32,
        details: &[u8],
        body: &[u8],
        headers: &[u8],
        grpc_status: i32,
    ) -> u32 {
        let (details_len, body_len, headers_len) = (details.len(), body.len(), headers.len());
        let (details, body, headers) = (details.as_ptr(), body.as_ptr(), headers.as_ptr());
        unsafe {
            raw::proxy_send_local_response(
                status,
                details,
                details_len,
                body,
                body_len,
                headers,
                headers_len,
                grpc_status,
            )
        }
    }

    pub(super) fn continue_stream(stream: u32) -> u32 {
        unsafe { raw::proxy_continue_stream(stream) }
    }

    pub(super) fn close_stream(stream: u32) -> u32 {
        unsafe { raw::proxy_close_stream(stream) }
    }

    pub(super) fn set_effective_context(context: u32) -> u32 {
        unsafe { raw::proxy_set_effective_context(context) }
    }

    pub(super) fn http_call(cluster: &[u8], headers: &[u8], timeout_ms: u32, token: &mut u32) -> u32 {
        let (none, none_len) = (core::ptr::null(), 0);
        let (cluster_len, headers_len) = (cluster.len(), headers.len());
        let (cluster, headers) = (cluster.as_ptr(), headers.as_ptr());
        unsafe {
            raw::proxy_http_call(
                cluster,
                cluster_len,
                headers,
                headers_len,
                none,
                none_len,
                none,
                none_len,
                timeout_ms,
                token,
            )
        }
    }
}

/// The host calls outside a proxy: every call fails, so the filter denies every stream.
#[cfg(not(target_arch = "wasm32"))]
mod imports {
    use super::{Bytes, HostError};

    const UNIMPLEMENTED: u32 = 12;

    pub(super) fn take(call: impl FnOnce(&mut *mut u8, &mut usize) -> u32) -> Result<Bytes, HostError> {
        HostError::check(call(&mut core::ptr::null_mut(), &mut 0)).map(|()| Bytes::default())
    }

    macro_rules! unimplemented_calls {
        ($($name:ident($($kind:ty),*);)*) => {
            $(pub(super) fn $name($(_: $kind),*) -> u32 {
                UNIMPLEMENTED
            })*
        };
    }

    unimplemented_calls! {
        log(u32, &[u8]);
        get_log_level(&mut u32);
        get_current_time(&mut u64);
        get_header_map_pairs(u32, &mut *mut u8, &mut usize);
        get_header_map_value(u32, &[u8], &mut *mut u8, &mut usize);
        get_property(&[u8], &mut *mut u8, &mut usize);
        set_property(&[u8], &[u8]);
        get_buffer_bytes(u32, usize, usize, &mut *mut u8, &mut usize);
        define_metric(u32, &[u8], &mut u32);
        increment_metric(u32, i64);
        record_metric(u32, u64);
        send_local_response(u32, &[u8], &[u8], &[u8], i32);
        continue_stream(u32);
        close_stream(u32);
        set_effective_context(u32);
        http_call(&[u8], &[u8], u32, &mut u32);
    }
}
