//! The guest's memory as host functions use it, and the macro that registers them.

use crate::{abi::Status, state::HostState};
use wasmtime::{Caller, Extern};

/// The reason for which a host function does not return `Ok`.
#[derive(Debug)]
pub(super) enum Fault {
    /// The function returns a status.
    Status(Status),
    /// The function ends the VM.
    Trap(wasmtime::Error),
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

/// The result of a host function.
pub(super) type CallResult = Result<(), Fault>;

/// The calling guest.
pub(super) struct Guest<'a> {
    caller: Caller<'a, HostState>,
}

impl<'a> Guest<'a> {
    /// Counts the call. Traps if the guest may not call `function` yet.
    pub(super) fn enter(mut caller: Caller<'a, HostState>, function: &'static str) -> wasmtime::Result<Self> {
        let state = caller.data_mut();
        if state.vm.is_starting && function != "proxy_log" {
            wasmtime::bail!("`{function}` is not allowed before the root context exists");
        }
        *state.counts.entry(function).or_default() += 1;
        Ok(Self { caller })
    }

    pub(super) fn state(&mut self) -> &mut HostState {
        self.caller.data_mut()
    }

    fn memory(&mut self) -> Result<wasmtime::Memory, Fault> {
        if let Some(memory) = self.caller.data().vm.memory {
            return Ok(memory);
        }
        match self.caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => Err(Status::InvalidMemoryAccess.into()),
        }
    }

    /// Copies a range out of the guest.
    pub(super) fn read(&mut self, pointer: u32, len: u32) -> Result<Vec<u8>, Fault> {
        let memory = self.memory()?;
        let bytes = range(pointer, len).and_then(|range| memory.data(&self.caller).get(range));
        Ok(bytes.ok_or(Status::InvalidMemoryAccess)?.to_vec())
    }

    /// Copies bytes into the guest.
    pub(super) fn write(&mut self, pointer: u32, bytes: &[u8]) -> CallResult {
        let memory = self.memory()?;
        let offset = usize::try_from(pointer).map_err(|_| Status::InvalidMemoryAccess)?;
        memory.write(&mut self.caller, offset, bytes).map_err(|_| Status::InvalidMemoryAccess.into())
    }

    /// Returns bytes to the guest: allocates memory in the guest, copies the bytes there, and writes their position.
    pub(super) fn give(&mut self, bytes: &[u8], pointer_out: u32, len_out: u32) -> CallResult {
        let len = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
        let mut pointer = 0;
        if len > 0 {
            let allocate = self.caller.data().vm.allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
            pointer = allocate.call(&mut self.caller, len)?;
            if pointer == 0 {
                return Err(Status::InvalidMemoryAccess.into());
            }
            self.write(pointer, bytes)?;
        }
        self.write(pointer_out, &pointer.to_le_bytes())?;
        self.write(len_out, &len.to_le_bytes())
    }
}

fn range(pointer: u32, len: u32) -> Option<core::ops::Range<usize>> {
    let start = usize::try_from(pointer).ok()?;
    Some(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// Converts the result of a host function to the number that the guest receives.
pub(super) fn status_of(result: CallResult) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Fault::Status(status)) => Ok(status as u32),
        Err(Fault::Trap(trap)) => Err(trap),
    }
}

/// Registers functions of the module `env` under their own names. Each call is counted.
macro_rules! host_functions {
    ($linker:ident; $( fn $name:ident($guest:ident $(, $argument:ident: $type:ty)* $(,)?) $body:block )*) => { $(
        $linker.func_wrap(
            "env",
            stringify!($name),
            |caller: wasmtime::Caller<'_, $crate::state::HostState> $(, $argument: $type)*| -> wasmtime::Result<u32> {
                fn run(
                    $guest: &mut $crate::host::guest::Guest<'_>,
                    ($($argument,)*): ($($type,)*),
                ) -> $crate::host::guest::CallResult $body
                let mut guest = $crate::host::guest::Guest::enter(caller, stringify!($name))?;
                $crate::host::guest::status_of(run(&mut guest, ($($argument,)*)))
            },
        )?;
    )* };
}
pub(super) use host_functions;
