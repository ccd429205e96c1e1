//! The host functions that a module may import, one file a subject.
//!
//! | file | functions |
//! |---|---|
//! | `general` | log, clock, tick, buffers, properties, effective context, done |
//! | `headers` | header maps |
//! | `streams` | local response, continue, close, HTTP calls |
//! | `values` | metrics and shared data |
//! | `absent` | what this host does not do: queues, gRPC, foreign functions |

mod absent;
mod general;
mod headers;
mod streams;
mod values;

use crate::{abi::Status, error::Error, state::HostState};
use wasmtime::{Caller, Extern, Linker};

/// A linker with every function of ABI 0.2.x.
pub(crate) fn linker(engine: &wasmtime::Engine) -> Result<Linker<HostState>, Error> {
    let mut linker = Linker::new(engine);
    for register in
        [general::register, headers::register, streams::register, values::register, absent::register]
    {
        register(&mut linker).map_err(Error::module)?;
    }
    Ok(linker)
}

/// Why a host function does not answer `Ok`.
#[derive(Debug)]
enum Fault {
    /// It answers a status.
    Status(Status),
    /// It ends the VM.
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

type Answer = Result<(), Fault>;

/// The guest as a host function sees it.
struct Guest<'a> {
    caller: Caller<'a, HostState>,
}

impl<'a> Guest<'a> {
    fn enter(mut caller: Caller<'a, HostState>, function: &'static str) -> wasmtime::Result<Self> {
        let state = caller.data_mut();
        if state.starting && function != "proxy_log" {
            wasmtime::bail!("`{function}` is not allowed before the root context exists");
        }
        *state.calls.entry(function).or_default() += 1;
        Ok(Self { caller })
    }

    fn state(&mut self) -> &mut HostState {
        self.caller.data_mut()
    }

    fn memory(&mut self) -> Result<wasmtime::Memory, Fault> {
        if let Some(memory) = self.caller.data().memory {
            return Ok(memory);
        }
        match self.caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => Err(Status::InvalidMemoryAccess.into()),
        }
    }

    /// Copies a range out of the guest.
    fn read(&mut self, pointer: u32, len: u32) -> Result<Vec<u8>, Fault> {
        let memory = self.memory()?;
        let bytes = range(pointer, len).and_then(|range| memory.data(&self.caller).get(range));
        Ok(bytes.ok_or(Status::InvalidMemoryAccess)?.to_vec())
    }

    /// Copies bytes into the guest.
    fn write(&mut self, pointer: u32, bytes: &[u8]) -> Answer {
        let memory = self.memory()?;
        let offset = usize::try_from(pointer).map_err(|_| Status::InvalidMemoryAccess)?;
        memory.write(&mut self.caller, offset, bytes).map_err(|_| Status::InvalidMemoryAccess.into())
    }

    /// Lets the guest allocate, copies the bytes there and stores where they are.
    fn give(&mut self, bytes: &[u8], pointer_out: u32, len_out: u32) -> Answer {
        let len = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
        let mut pointer = 0;
        if len > 0 {
            let allocate = self.caller.data().allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
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

fn finish(answer: Answer) -> wasmtime::Result<u32> {
    match answer {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Fault::Status(status)) => Ok(status as u32),
        Err(Fault::Trap(trap)) => Err(trap),
    }
}

/// Registers functions of module `env` under their own names; each is counted when it is called.
macro_rules! host_functions {
    ($linker:ident; $( fn $name:ident($guest:ident $(, $argument:ident: $type:ty)* $(,)?) $body:block )*) => { $(
        $linker.func_wrap(
            "env",
            stringify!($name),
            |caller: wasmtime::Caller<'_, $crate::state::HostState> $(, $argument: $type)*| -> wasmtime::Result<u32> {
                fn run(
                    $guest: &mut $crate::host::Guest<'_>,
                    ($($argument,)*): ($($type,)*),
                ) -> $crate::host::Answer $body
                let mut guest = $crate::host::Guest::enter(caller, stringify!($name))?;
                $crate::host::finish(run(&mut guest, ($($argument,)*)))
            },
        )?;
    )* };
}
use host_functions;
