//! One HTTP request: decided when its headers are there, and answered here if it is denied.

use crate::{
    attributes::StreamAttributes,
    enforce::denial,
    host::{Host, Proxy},
    reply::Reply,
    root::Plugin,
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::{Action, LogLevel},
};
use std::rc::Rc;

/// The context of one request. It keeps the plugin that was in force when the request came.
#[derive(Debug)]
pub struct Request {
    plugin: Option<Rc<Plugin>>,
}

impl Request {
    /// A request that `plugin` decides.
    pub fn new(plugin: Option<Rc<Plugin>>) -> Self {
        Self { plugin }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        request_headers(&Proxy, self.plugin.as_deref())
    }
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
        host.log(LogLevel::Error, &format!("palisade: the denial cannot be sent: status {}", error.0));
    }
    Action::Pause
}

#[cfg(test)]
mod tests;
