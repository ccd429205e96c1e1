//! Header maps. As in Envoy, a call for one header returns its first value, and names are case-insensitive.

use super::guest::{Fault, Guest, host_functions};
use crate::{
    abi::{MapType, Status},
    header_map::{HeaderMap, decode_pairs, encode_pairs},
    state::HostState,
};
use wasmtime::Linker;

pub(super) fn register(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_functions! { linker;
        fn proxy_get_header_map_pairs(guest, map: u32, pointer_out: u32, len_out: u32) {
            let map = MapType::from_wire(map).ok_or(Status::BadArgument)?;
            let bytes = encode_pairs(&readable(guest.state(), map).unwrap_or_default());
            guest.give(&bytes, pointer_out, len_out)
        }
        fn proxy_get_header_map_size(guest, map: u32, out: u32) {
            let headers = writable(guest, map)?;
            let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            guest.write(out, &u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes())
        }
        fn proxy_get_header_map_value(guest, map: u32, name: u32, name_len: u32, pointer_out: u32, len_out: u32) {
            let map = MapType::from_wire(map).ok_or(Status::BadArgument)?;
            let name = guest.read(name, name_len)?;
            let headers = readable(guest.state(), map).ok_or(Status::BadArgument)?;
            let value = headers.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
            let (_, value) = value.ok_or(Status::NotFound)?;
            guest.give(&value, pointer_out, len_out)
        }
        fn proxy_set_header_map_pairs(guest, map: u32, pointer: u32, len: u32) {
            let bytes = guest.read(pointer, len)?;
            *writable(guest, map)? = decode_pairs(&bytes).unwrap_or_default();
            Ok(())
        }
        fn proxy_add_header_map_value(guest, map: u32, name: u32, name_len: u32, value: u32, value_len: u32) {
            let pair = pair(guest, name, name_len, value, value_len)?;
            writable(guest, map)?.push(pair);
            Ok(())
        }
        fn proxy_replace_header_map_value(guest, map: u32, name: u32, name_len: u32, value: u32, value_len: u32) {
            let pair = pair(guest, name, name_len, value, value_len)?;
            let headers = writable(guest, map)?;
            headers.retain(|(known, _)| *known != pair.0);
            headers.push(pair);
            Ok(())
        }
        fn proxy_remove_header_map_value(guest, map: u32, name: u32, name_len: u32) {
            let name = guest.read(name, name_len)?;
            writable(guest, map)?.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            Ok(())
        }
    }
    Ok(())
}

/// Returns a copy of a map.
fn readable(state: &mut HostState, map: MapType) -> Option<HeaderMap> {
    if map == MapType::HttpCallHeaders {
        return state.http_calls.answer.as_ref().map(|answer| answer.headers.clone());
    }
    state.streams.current().and_then(|stream| stream.maps.get(&map)).cloned()
}

/// Returns a map of the current stream for changes.
fn writable<'a>(guest: &'a mut Guest<'_>, map: u32) -> Result<&'a mut HeaderMap, Fault> {
    let map = MapType::from_wire(map).ok_or(Status::BadArgument)?;
    let headers = guest.state().streams.current().and_then(|stream| stream.maps.get_mut(&map));
    headers.ok_or_else(|| Status::BadArgument.into())
}

/// Reads the name and the value of a header out of the guest.
fn pair(
    guest: &mut Guest<'_>,
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    let name = guest.read(name, name_len)?.to_ascii_lowercase();
    Ok((name, guest.read(value, value_len)?))
}
