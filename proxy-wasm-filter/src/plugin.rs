//! An accepted configuration with its compiled policies.

use crate::{
    host::Host,
    metrics::Metrics,
    plan::Plan,
    policies::{Compiled, StreamKind},
};
use palisade_plugin_config::{Config, Mode, Provider, Telemetry};
use std::{collections::BTreeMap, rc::Rc};

/// An accepted configuration with its compiled policies. A stream keeps the plugin that it started with.
#[derive(Debug)]
pub struct Plugin {
    /// The compiled policies.
    pub policies: Compiled,
    /// Whether the filter blocks denied streams.
    pub mode: Mode,
    /// The providers of CUSTOM rules.
    pub providers: Providers,
    /// The settings of metrics, filter state and log.
    pub telemetry: Telemetry,
    /// The metrics.
    pub metrics: Metrics,
    /// The host calls that read the attributes of requests.
    pub http: Plan,
    /// The host calls that read the attributes of connections.
    pub tcp: Plan,
}

/// The external authorization servers of a configuration.
#[derive(Debug, Default)]
pub struct Providers {
    named: BTreeMap<String, Rc<Provider>>,
    default: Option<Rc<Provider>>,
}

impl Providers {
    /// Returns the provider that policies call `name`.
    pub fn get(&self, name: &str) -> Option<&Rc<Provider>> {
        self.named.get(name).or(self.default.as_ref())
    }
}

impl Plugin {
    /// Creates the plugin of a configuration whose policies are compiled.
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
