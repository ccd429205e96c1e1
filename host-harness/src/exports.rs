//! The callbacks of a module. The host calls those that the module exports.

use crate::{error::Error, state::HostState};
use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

/// One callback: its name, and the function if the module exports it.
pub(crate) struct Callback<P, R> {
    pub(crate) name: &'static str,
    pub(crate) function: Option<TypedFunc<P, R>>,
}

impl<P, R> core::fmt::Debug for Callback<P, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Callback")
            .field("name", &self.name)
            .field("is_exported", &self.function.is_some())
            .finish()
    }
}

macro_rules! exports {
    ($( $field:ident = $name:literal: ($($parameter:ty),*) -> $result:ty; )*) => {
        /// The callbacks of ABI 0.2.x that this host calls.
        #[derive(Debug)]
        pub(crate) struct Exports {
            $( pub(crate) $field: Callback<($($parameter,)*), $result>, )*
        }

        impl Exports {
            /// Looks up every callback of `instance`.
            pub(crate) fn find(store: &mut Store<HostState>, instance: &Instance) -> Result<Self, Error> {
                Ok(Self { $( $field: find(store, instance, $name)?, )* })
            }
        }
    };
}

exports! {
    initialize = "_initialize": () -> ();
    start = "_start": () -> ();
    on_context_create = "proxy_on_context_create": (u32, u32) -> ();
    on_vm_start = "proxy_on_vm_start": (u32, u32) -> u32;
    on_configure = "proxy_on_configure": (u32, u32) -> u32;
    on_tick = "proxy_on_tick": (u32) -> ();
    on_new_connection = "proxy_on_new_connection": (u32) -> u32;
    on_downstream_data = "proxy_on_downstream_data": (u32, u32, u32) -> u32;
    on_downstream_close = "proxy_on_downstream_connection_close": (u32, u32) -> ();
    on_request_headers = "proxy_on_request_headers": (u32, u32, u32) -> u32;
    on_request_body = "proxy_on_request_body": (u32, u32, u32) -> u32;
    on_request_trailers = "proxy_on_request_trailers": (u32, u32) -> u32;
    on_response_headers = "proxy_on_response_headers": (u32, u32, u32) -> u32;
    on_response_body = "proxy_on_response_body": (u32, u32, u32) -> u32;
    on_http_call_response = "proxy_on_http_call_response": (u32, u32, u32, u32, u32) -> ();
    on_done = "proxy_on_done": (u32) -> u32;
    on_log = "proxy_on_log": (u32) -> ();
    on_delete = "proxy_on_delete": (u32) -> ();
}

/// Looks up one callback.
fn find<P: WasmParams, R: WasmResults>(
    store: &mut Store<HostState>,
    instance: &Instance,
    name: &'static str,
) -> Result<Callback<P, R>, Error> {
    let function =
        match instance.get_func(&mut *store, name) {
            Some(function) => Some(function.typed(&*store).map_err(|error| {
                Error::module(format_args!("export `{name}` has the wrong type: {error:#}"))
            })?),
            None => None,
        };
    Ok(Callback { name, function })
}
