//! The host functions that a module may import, one file for each subject.
//!
//! | file | functions |
//! |---|---|
//! | `general` | log, clock, tick, buffers, properties, effective context, done |
//! | `headers` | header maps |
//! | `streams` | local response, continue, close, HTTP calls |
//! | `values` | metrics and shared data |
//! | `unsupported` | queues, gRPC and foreign functions, which return `Unimplemented` |
//! | `guest` | access to the guest's memory, for all of them |

mod general;
mod guest;
mod headers;
mod streams;
mod unsupported;
mod values;

use crate::{error::Error, state::HostState};
use wasmtime::Linker;

/// Returns a linker with every function of ABI 0.2.x.
pub(crate) fn linker(engine: &wasmtime::Engine) -> Result<Linker<HostState>, Error> {
    let mut linker = Linker::new(engine);
    for register in
        [general::register, headers::register, streams::register, values::register, unsupported::register]
    {
        register(&mut linker).map_err(Error::module)?;
    }
    Ok(linker)
}
