//! The root context: a configuration is read, compiled and put in force whole, or refused whole.

use crate::{
    config::{Config, Mode, Provider, Telemetry},
    host::Host,
    metrics::Metrics,
    plan::Plan,
    policies::{Compiled, StreamKind},
    types::LogLevel,
};
use std::{collections::BTreeMap, rc::Rc};

/// What one accepted configuration comes to. Streams hold on to the one they began with.
#[derive(Debug)]
pub struct Plugin {
    /// The policies.
    pub policies: Compiled,
    /// Whether a denial denies.
    pub mode: Mode,
    /// Who decides for CUSTOM rules.
    pub providers: Providers,
    /// What is told of decisions.
    pub telemetry: Telemetry,
    /// The counters.
    pub metrics: Metrics,
    /// How the attributes of requests are read.
    pub http: Plan,
    /// How the attributes of connections are read.
    pub tcp: Plan,
}

/// The external providers.
#[derive(Debug, Default)]
pub struct Providers {
    named: BTreeMap<String, Rc<Provider>>,
    default: Option<Rc<Provider>>,
}

impl Providers {
    /// The provider that policies call `name`.
    pub fn get(&self, name: &str) -> Option<&Rc<Provider>> {
        self.named.get(name).or(self.default.as_ref())
    }
}

impl Plugin {
    /// What a configuration and its compiled policies come to.
    pub fn new(config: Config, policies: Compiled, mut metrics: Metrics, host: &impl Host) -> Self {
        metrics.count_policies(config.telemetry.policy_counters);
        if config.telemetry.decision_time {
            metrics.measure_time(host);
        }
        let named = config.providers.into_iter().map(|(name, provider)| (name, Rc::new(provider)));
        Self {
            http: policies.plan(StreamKind::Http),
            tcp: policies.plan(StreamKind::Tcp),
            policies,
            mode: config.mode,
            providers: Providers { named: named.collect(), default: config.provider.map(Rc::new) },
            telemetry: config.telemetry,
            metrics,
        }
    }
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

    /// What is in force.
    pub fn plugin(&self) -> Option<Rc<Plugin>> {
        self.plugin.clone()
    }
}

#[cfg(test)]
mod tests;
