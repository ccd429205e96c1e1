//! Log, clock, tick, buffers and properties.

use super::guest::host_functions;
use crate::{
    abi::{BufferType, LogLevel, Status},
    state::HostState,
};
use wasmtime::Linker;

pub(super) fn register(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_functions! { linker;
        fn proxy_log(guest, level: u32, pointer: u32, len: u32) {
            let level = LogLevel::from_wire(level).ok_or(Status::BadArgument)?;
            let message = guest.read(pointer, len)?;
            guest.state().log.write(level, &message);
            Ok(())
        }
        fn proxy_get_log_level(guest, out: u32) {
            let level = guest.state().log.level as u32;
            guest.write(out, &level.to_le_bytes())
        }
        fn proxy_get_current_time_nanoseconds(guest, out: u32) {
            let now = guest.state().clock.now_nanos;
            guest.write(out, &now.to_le_bytes())
        }
        fn proxy_set_tick_period_milliseconds(guest, period: u32) {
            guest.state().clock.tick_millis = period;
            Ok(())
        }
        fn proxy_get_buffer_bytes(guest, buffer: u32, start: u32, len: u32, pointer_out: u32, len_out: u32) {
            let bytes = buffer_bytes(guest.state(), buffer)?;
            start.checked_add(len).ok_or(Status::BadArgument)?;
            let rest = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
            let part = usize::try_from(len).ok().and_then(|len| rest.get(..len)).unwrap_or(rest);
            // As in Envoy, an empty buffer leaves the guest's variables unchanged.
            if part.is_empty() { Ok(()) } else { guest.give(part, pointer_out, len_out) }
        }
        fn proxy_get_buffer_status(guest, buffer: u32, len_out: u32, flags_out: u32) {
            let bytes = buffer_bytes(guest.state(), buffer)?;
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            guest.write(len_out, &len.to_le_bytes())?;
            guest.write(flags_out, &0u32.to_le_bytes())
        }
        fn proxy_set_buffer_bytes(guest, buffer: u32, start: u32, len: u32, pointer: u32, size: u32) {
            let bytes = guest.read(pointer, size)?;
            let Some(BufferType::RequestBody | BufferType::ResponseBody | BufferType::DownstreamData) =
                BufferType::from_wire(buffer)
            else {
                return Err(Status::BadArgument.into());
            };
            let stream = guest.state().streams.current().ok_or(Status::BadArgument)?;
            let end = stream.body.len();
            let start = usize::try_from(start).unwrap_or(usize::MAX).min(end);
            let stop = start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)).min(end);
            stream.body.splice(start..stop, bytes);
            Ok(())
        }
        fn proxy_get_property(guest, path: u32, path_len: u32, pointer_out: u32, len_out: u32) {
            let path = guest.read(path, path_len)?;
            let value = guest.state().property(&path)?;
            guest.give(&value, pointer_out, len_out)
        }
        fn proxy_set_property(guest, path: u32, path_len: u32, value: u32, value_len: u32) {
            let path = guest.read(path, path_len)?;
            let value = guest.read(value, value_len)?;
            let stream = guest.state().streams.current().ok_or(Status::NotFound)?;
            stream.properties.insert(path, value);
            Ok(())
        }
        fn proxy_set_effective_context(guest, context: u32) {
            guest.state().streams.context = context;
            Ok(())
        }
        fn proxy_done(_guest) {
            Ok(())
        }
        fn proxy_get_status(guest, code_out: u32, pointer_out: u32, len_out: u32) {
            guest.write(code_out, &0u32.to_le_bytes())?;
            guest.give(b"", pointer_out, len_out)
        }
    }
    Ok(())
}

/// Returns the contents of a buffer in the current context.
fn buffer_bytes(state: &mut HostState, buffer: u32) -> Result<Vec<u8>, Status> {
    let buffer = BufferType::from_wire(buffer).ok_or(Status::BadArgument)?;
    match buffer {
        BufferType::VmConfiguration => Some(state.vm.configuration.clone()),
        BufferType::PluginConfiguration => state.vm.plugin_configuration.clone(),
        BufferType::RequestBody | BufferType::ResponseBody | BufferType::DownstreamData => {
            state.streams.current().map(|stream| stream.body.clone())
        }
        BufferType::HttpCallBody => state.http_calls.answer.as_ref().map(|answer| answer.body.clone()),
        BufferType::UpstreamData | BufferType::GrpcMessage | BufferType::CallData => None,
    }
    .ok_or(Status::NotFound)
}
