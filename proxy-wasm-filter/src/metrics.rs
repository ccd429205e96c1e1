//! Counters: `palisade.allowed`, `palisade.denied`, `palisade.errors`.

use crate::host::Host;
use proxy_wasm::types::LogLevel;

/// The counters of one plugin. One that could not be defined is not counted; no decision depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics {
    allowed: Option<u32>,
    denied: Option<u32>,
    errors: Option<u32>,
}

impl Metrics {
    /// Defines the counters.
    pub fn define(host: &impl Host) -> Self {
        let counter = |name: &str| {
            host.define_counter(name)
                .inspect_err(|error| {
                    host.log(LogLevel::Warn, &format!("counter `{name}` is not there: status {}", error.0));
                })
                .ok()
        };
        Self {
            allowed: counter("palisade.allowed"),
            denied: counter("palisade.denied"),
            errors: counter("palisade.errors"),
        }
    }

    /// A stream was let through.
    pub fn allowed(&self, host: &impl Host) {
        count(self.allowed, host);
    }

    /// A stream was denied.
    pub fn denied(&self, host: &impl Host) {
        count(self.denied, host);
    }

    /// A stream could not be decided, or a configuration was refused.
    pub fn error(&self, host: &impl Host) {
        count(self.errors, host);
    }
}

fn count(counter: Option<u32>, host: &impl Host) {
    if let Some(counter) = counter {
        host.increment(counter);
    }
}
