//! Metrics and shared data.

use super::guest::host_functions;
use crate::{abi::Status, state::HostState};
use wasmtime::Linker;

pub(super) fn register(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_functions! { linker;
        fn proxy_define_metric(guest, kind: u32, name: u32, name_len: u32, id_out: u32) {
            let name = guest.read(name, name_len)?;
            let id = guest.state().metrics.define(kind, name)?;
            guest.write(id_out, &id.to_le_bytes())
        }
        fn proxy_increment_metric(guest, id: u32, offset: i64) {
            Ok(guest.state().metrics.increment(id, offset)?)
        }
        fn proxy_record_metric(guest, id: u32, value: u64) {
            Ok(guest.state().metrics.record(id, value)?)
        }
        fn proxy_get_metric(guest, id: u32, out: u32) {
            let value = guest.state().metrics.read(id)?;
            guest.write(out, &value.to_le_bytes())
        }
        fn proxy_get_shared_data(guest, key: u32, key_len: u32, pointer_out: u32, len_out: u32, cas_out: u32) {
            let key = guest.read(key, key_len)?;
            let (value, cas) = guest.state().shared_data.get(&key).cloned().ok_or(Status::NotFound)?;
            guest.give(&value, pointer_out, len_out)?;
            guest.write(cas_out, &cas.to_le_bytes())
        }
        fn proxy_set_shared_data(guest, key: u32, key_len: u32, value: u32, value_len: u32, cas: u32) {
            let key = guest.read(key, key_len)?;
            let value = guest.read(value, value_len)?;
            let known = guest.state().shared_data.get(&key).map_or(0, |(_, cas)| *cas);
            if cas != 0 && cas != known {
                return Err(Status::CasMismatch.into());
            }
            guest.state().shared_data.insert(key, (value, known.wrapping_add(1)));
            Ok(())
        }
    }
    Ok(())
}
