//! One connection whose bytes are not HTTP: decided at its first bytes, and closed if it is denied.
//!
//! Not before its first bytes: on TLS the peer's certificate is there only after the handshake, and that is
//! also when Envoy's own RBAC filter decides.

use crate::{
    attributes::StreamAttributes,
    enforce::denial,
    host::{Host, Proxy},
    root::Plugin,
};
use proxy_wasm::{
    traits::{Context, StreamContext},
    types::{Action, LogLevel},
};
use std::rc::Rc;

/// The context of one connection. It keeps the plugin that was in force when the connection came.
#[derive(Debug)]
pub struct Connection {
    plugin: Option<Rc<Plugin>>,
    /// Further bytes are not decided again.
    decided: Option<Action>,
}

impl Connection {
    /// A connection that `plugin` decides.
    pub fn new(plugin: Option<Rc<Plugin>>) -> Self {
        Self { plugin, decided: None }
    }
}

impl Context for Connection {}

impl StreamContext for Connection {
    fn on_downstream_data(&mut self, _: usize, _: bool) -> Action {
        *self.decided.get_or_insert_with(|| first_data(&Proxy, self.plugin.as_deref()))
    }
}

/// Decides the connection whose first bytes have come.
pub fn first_data(host: &impl Host, plugin: Option<&Plugin>) -> Action {
    let Some(plugin) = plugin else { return close(host) };
    let attributes = StreamAttributes::new(host);
    match denial(host, plugin, |policies| policies.tcp(&attributes)) {
        None => Action::Continue,
        Some(_) => close(host),
    }
}

fn close(host: &impl Host) -> Action {
    if let Err(error) = host.close() {
        host.log(LogLevel::Error, &format!("palisade: the connection cannot be closed: status {}", error.0));
    }
    Action::Pause
}
