//! One HTTP request: decided when its headers are there, and answered here if it is denied.

use crate::{
    attributes::StreamAttributes,
    enforce::denial,
    host::{Host, Level},
    reply::Reply,
    root::Plugin,
};

/// What the proxy does with the stream next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Action {
    /// It goes on.
    Continue = 0,
    /// It stays where it is; a reply or a close is under way.
    Pause = 1,
}

/// Decides the request whose headers have come. Without a plugin in force, and whenever something fails, the
/// answer is a denial.
pub fn request_headers(host: &impl Host, plugin: Option<&Plugin>) -> Action {
    let Some(plugin) = plugin else {
        return deny(host, &Reply::failed());
    };
    let attributes = StreamAttributes::new(host);
    match denial(host, plugin, |policies| policies.http(&attributes)) {
        None => Action::Continue,
        Some(decision) => deny(host, &Reply::denied(&decision)),
    }
}

fn deny(host: &impl Host, reply: &Reply) -> Action {
    if let Err(error) = host.reply(reply) {
        host.log(Level::Error, &format!("palisade: the denial cannot be sent: status {}", error.0));
    }
    Action::Pause
}

#[cfg(test)]
mod tests;
