//! The root context of a plugin, which accepts or refuses a configuration as a whole.

use crate::{host::Host, metrics::Metrics, plugin::Plugin, policies::Compiled, types::LogLevel};
use palisade_plugin_config::{Config, ConfigError};
use std::rc::Rc;

/// A function that compiles the policies of a configuration.
pub type Compile<H> = fn(&Config, &H) -> Result<Compiled, ConfigError>;

/// The state of one plugin. Two plugins in one VM have separate roots and share nothing.
#[derive(Debug, Default)]
pub struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Root {
    /// Reads and compiles the configuration; returns whether it is accepted.
    ///
    /// After an error, the reason is in the log and the previous configuration stays in force. Envoy then uses the old
    /// listener, or does not start.
    pub fn configure<H: Host>(&mut self, host: &H, compile: Compile<H>) -> bool {
        let metrics = Metrics::define(host);
        let built = host
            .configuration()
            .map_err(|error| {
                ConfigError::new(format!("cannot read the plugin configuration: status {}", error.0))
            })
            .and_then(|bytes| Config::parse(&bytes))
            .and_then(|config| compile(&config, host).map(|policies| (config, policies)));
        match built {
            Ok((config, policies)) => {
                self.plugin = Some(Rc::new(Plugin::new(config, policies, metrics, host)));
                true
            }
            Err(reason) => {
                metrics.error(host);
                host.log(LogLevel::Error, &format!("palisade: configuration refused: {reason}"));
                false
            }
        }
    }

    /// Returns the plugin of the last accepted configuration.
    pub fn plugin(&self) -> Option<Rc<Plugin>> {
        self.plugin.clone()
    }
}

#[cfg(test)]
mod tests;
