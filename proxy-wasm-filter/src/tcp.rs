//! The network filter: it decides a connection as soon as its attributes are available, and closes a denied one.
//!
//! Usually that is when the connection opens, so that the client receives no byte from an upstream that sends first. If
//! TLS ends at this proxy and a rule uses the peer's certificate, it is at the client's first bytes, because the
//! certificate is not available before the handshake. Envoy's own RBAC filter decides at the same time.

use crate::{
    attributes::StreamAttributes,
    enforce::{Enforcement, enforce},
    host::Host,
    plugin::Plugin,
    policies::StreamKind,
    types::{Action, LogLevel},
};

/// The subject of the peer's certificate: absent without TLS, possibly empty with TLS.
const SUBJECT: &str = "connection\0subject_peer_certificate";

/// Decides a new connection; returns `None` if the certificate is not available yet.
pub(crate) fn new_connection(host: &impl Host, plugin: Option<&Plugin>) -> Option<Action> {
    let needs_certificate = plugin.is_some_and(|plugin| plugin.tcp.certificate);
    if needs_certificate && host.property(SUBJECT) != Ok(None) {
        return None;
    }
    Some(decide(host, plugin))
}

/// Decides a connection whose first bytes have arrived.
pub(crate) fn first_data(host: &impl Host, plugin: Option<&Plugin>) -> Action {
    decide(host, plugin)
}

fn decide(host: &impl Host, plugin: Option<&Plugin>) -> Action {
    let Some(plugin) = plugin else { return close(host) };
    let connection = StreamAttributes::new(host, plugin.tcp);
    let decision = plugin.metrics.timed(host, || plugin.policies.enforced.connection(&connection));
    match enforce(host, plugin, StreamKind::Tcp, &connection, &decision) {
        Enforcement::Block => close(host),
        Enforcement::Pass => Action::Continue,
    }
}

/// Closes the connection.
pub(crate) fn close(host: &impl Host) -> Action {
    if let Err(error) = host.close() {
        host.log(LogLevel::Error, &format!("palisade: cannot close a denied connection: status {}", error.0));
    }
    Action::Pause
}
