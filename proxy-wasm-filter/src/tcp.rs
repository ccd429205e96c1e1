//! One connection whose bytes are not HTTP: decided as soon as all that matters is known, and closed if it is
//! denied.
//!
//! That is when the connection comes, so that an upstream that speaks first is not heard; but where TLS ends here
//! and some rule looks at the peer's certificate it is at the first bytes, since no certificate is there before the
//! handshake. Then Envoy's own RBAC filter decides too.

use crate::{
    attributes::StreamAttributes,
    enforce::denies,
    host::Host,
    policies::StreamKind,
    root::Plugin,
    types::{Action, LogLevel},
};

/// On a connection without TLS the proxy has no subject at all, on one with TLS it has an empty one at least.
const SUBJECT: &str = "connection\0subject_peer_certificate";

/// Decides a connection that has just come; none if that is too early.
pub(crate) fn new_connection(host: &impl Host, plugin: Option<&Plugin>) -> Option<Action> {
    let needs_certificate = plugin.is_some_and(|plugin| plugin.tcp.certificate);
    if needs_certificate && host.property(SUBJECT) != Ok(None) {
        return None;
    }
    Some(decide(host, plugin))
}

/// Decides the connection whose first bytes have come.
pub(crate) fn first_data(host: &impl Host, plugin: Option<&Plugin>) -> Action {
    decide(host, plugin)
}

fn decide(host: &impl Host, plugin: Option<&Plugin>) -> Action {
    let Some(plugin) = plugin else { return close(host) };
    let connection = StreamAttributes::new(host, plugin.tcp);
    let decision = plugin.metrics.timed(host, || plugin.policies.enforced.connection(&connection));
    if denies(host, plugin, StreamKind::Tcp, &connection, &decision) { close(host) } else { Action::Continue }
}

/// Closes the connection.
pub(crate) fn close(host: &impl Host) -> Action {
    if let Err(error) = host.close() {
        host.log(LogLevel::Error, &format!("palisade: the connection cannot be closed: status {}", error.0));
    }
    Action::Pause
}
