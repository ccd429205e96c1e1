//! One connection whose bytes are not HTTP: decided at its first bytes, and closed if it is denied.
//!
//! Not before its first bytes: on TLS the peer's certificate is there only after the handshake, and that is
//! also when Envoy's own RBAC filter decides.

use crate::{
    attributes::StreamAttributes,
    enforce::denial,
    host::{Host, Level},
    http::Action,
    root::Plugin,
};

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
        host.log(Level::Error, &format!("palisade: the connection cannot be closed: status {}", error.0));
    }
    Action::Pause
}
