//! The root context: a configuration is read, compiled and put in force whole, or refused whole.

use crate::{
    compile::compile,
    config::{Attachment, Config, Mode},
    host::{Host, Proxy},
    http::Request,
    metrics::Metrics,
    policies::Compiled,
    tcp::Connection,
};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext, StreamContext},
    types::{ContextType, LogLevel},
};
use std::rc::Rc;

/// What one accepted configuration comes to. Streams hold on to the one they began with.
#[derive(Debug)]
pub struct Plugin {
    /// The policies.
    pub policies: Compiled,
    /// Whether a denial denies.
    pub mode: Mode,
    /// What its streams are.
    pub attachment: Attachment,
    /// The counters.
    pub metrics: Metrics,
}

/// Turns a configuration into policies.
pub type Compile<H> = fn(&Config, &H) -> Result<Compiled, String>;

/// One plugin's state. Two plugins in one VM have a root each and share nothing.
#[derive(Debug, Default)]
pub struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Root {
    /// Reads and compiles the configuration. When anything is wrong with it the reason is logged, what was in
    /// force stays in force, and the answer is false: the proxy then keeps its old listener, or does not start.
    pub fn configure<H: Host>(&mut self, host: &H, compile: Compile<H>) -> bool {
        let metrics = Metrics::define(host);
        let built = host
            .configuration()
            .map_err(|error| format!("the plugin configuration cannot be had: status {}", error.0))
            .and_then(|bytes| Config::parse(&bytes))
            .and_then(|config| {
                let policies = compile(&config, host)?;
                Ok(Plugin { policies, mode: config.mode, attachment: config.attachment, metrics })
            });
        match built {
            Ok(plugin) => {
                self.plugin = Some(Rc::new(plugin));
                true
            }
            Err(reason) => {
                metrics.error(host);
                host.log(LogLevel::Error, &format!("palisade: configuration refused: {reason}"));
                false
            }
        }
    }

    /// What is in force.
    pub fn plugin(&self) -> Option<Rc<Plugin>> {
        self.plugin.clone()
    }
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        self.configure(&Proxy, compile)
    }

    fn get_type(&self) -> Option<ContextType> {
        match self.plugin.as_deref().map(|plugin| plugin.attachment).unwrap_or_default() {
            Attachment::Http => Some(ContextType::HttpContext),
            Attachment::Tcp => Some(ContextType::StreamContext),
        }
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.plugin())))
    }

    fn create_stream_context(&self, _: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Connection::new(self.plugin())))
    }
}

#[cfg(test)]
mod tests;
