//! The root context: a configuration is read, compiled and put in force whole, or refused whole.

use crate::{
    config::{Config, Mode},
    host::{Host, Level},
    metrics::Metrics,
    policies::Compiled,
};
use core::cell::RefCell;
use std::rc::Rc;

/// What one accepted configuration comes to. Streams hold on to the one they began with.
#[derive(Debug)]
pub struct Plugin {
    /// The policies.
    pub policies: Compiled,
    /// Whether a denial denies.
    pub mode: Mode,
    /// The counters.
    pub metrics: Metrics,
}

/// Turns a configuration into policies.
pub type Compile<H> = fn(&Config, &H) -> Result<Compiled, String>;

/// One plugin's state. Two plugins in one VM have a root each and share nothing.
#[derive(Debug, Default)]
pub struct Root {
    plugin: RefCell<Option<Rc<Plugin>>>,
}

impl Root {
    /// Reads and compiles the configuration. When anything is wrong with it the reason is logged, what was in
    /// force stays in force, and the answer is false: the proxy then keeps its old listener, or does not start.
    pub fn configure<H: Host>(&self, host: &H, compile: Compile<H>) -> bool {
        let metrics = Metrics::define(host);
        let built = host
            .configuration()
            .map_err(|error| format!("the plugin configuration cannot be had: status {}", error.0))
            .and_then(|bytes| Config::parse(&bytes))
            .and_then(|config| Ok(Plugin { policies: compile(&config, host)?, mode: config.mode, metrics }));
        let plugin = match built {
            Ok(plugin) => plugin,
            Err(reason) => {
                metrics.error(host);
                host.log(Level::Error, &format!("palisade: configuration refused: {reason}"));
                return false;
            }
        };
        match self.plugin.try_borrow_mut() {
            Ok(mut slot) => {
                *slot = Some(Rc::new(plugin));
                true
            }
            Err(_) => false,
        }
    }

    /// What is in force.
    pub fn plugin(&self) -> Option<Rc<Plugin>> {
        self.plugin.try_borrow().ok().and_then(|plugin| plugin.clone())
    }
}

#[cfg(test)]
mod tests;
