//! Envoy's three failure policies: the result for the client after a trap.

use crate::{
    abi::LogLevel,
    error::Error,
    header_map::HeaderMap,
    metrics::Metrics,
    properties::Stream,
    state::{HostCalls, LocalReply, LogLine},
    stream::{HttpOutcome, HttpReport, HttpRequest, TcpOutcome, TcpReport, is_grpc},
    vm::{Module, Vm, VmOptions},
};
use core::time::Duration;
use std::{collections::BTreeMap, sync::Arc};

/// The value of `failure_policy` in Envoy's plugin configuration.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FailurePolicy {
    /// After a trap, every stream is refused until a new configuration.
    #[default]
    Closed,
    /// After a trap, the next stream starts a new VM, unless the last start was less than a second ago.
    Reload,
    /// After a trap, every stream passes undecided. A policy engine must not use it.
    Open,
}

/// A VM with its failure policy: one filter of one Envoy worker.
#[derive(Debug)]
pub struct Plugin {
    module: Module,
    options: VmOptions,
    configuration: Vec<u8>,
    policy: FailurePolicy,
    vm: Vm,
    now: Duration,
    last_reload: Option<Duration>,
}

impl Plugin {
    /// Envoy's base interval between two reloads, without jitter.
    const BACKOFF: Duration = Duration::from_secs(1);

    /// Starts a VM and configures it. As in Envoy, a plugin that does not start is not loaded.
    ///
    /// # Errors
    ///
    /// The module traps or refuses its configuration. The message has the last error in the log.
    pub fn start(
        module: &Module,
        options: &VmOptions,
        configuration: &[u8],
        policy: FailurePolicy,
    ) -> Result<Self, Error> {
        let mut vm = Vm::start(module, options)?;
        vm.configure(configuration).map_err(|error| with_log(error, &vm))?;
        Ok(Self {
            module: module.clone(),
            options: options.clone(),
            configuration: configuration.to_vec(),
            policy,
            vm,
            now: Duration::from_nanos(options.now_nanos),
            last_reload: None,
        })
    }

    /// Updates the configuration as Envoy does: a new VM replaces the old one if it accepts the configuration.
    ///
    /// # Errors
    ///
    /// The module traps or refuses the configuration. The message has the last error in the log.
    pub fn reconfigure(&mut self, configuration: &[u8]) -> Result<(), Error> {
        let mut next = Self::start(&self.module, &self.options, configuration, self.policy)?;
        next.vm.set_metrics(self.vm.metrics().clone());
        next.now = self.now;
        *self = next;
        Ok(())
    }

    /// Sends a request through the filter.
    pub fn http(&mut self, stream: &Arc<Stream>, request: &HttpRequest) -> HttpReport {
        self.restart();
        let report = if self.vm.is_dead() { None } else { self.vm.http(stream, request).ok() };
        report.unwrap_or_else(|| HttpReport {
            outcome: match self.policy {
                FailurePolicy::Open => HttpOutcome::Continue(request.headers.clone()),
                FailurePolicy::Closed | FailurePolicy::Reload => HttpOutcome::Reply(LocalReply {
                    status: 503,
                    body: Vec::new(),
                    details: "wasm_fail_stream".to_owned(),
                    headers: HeaderMap::new(),
                    grpc_status: None,
                }),
            },
            grpc: is_grpc(&request.headers),
            calls: HostCalls::new(),
            properties: BTreeMap::new(),
            fuel: 0,
        })
    }

    /// Opens a connection through the filter, and sends the client's first bytes.
    pub fn tcp(&mut self, stream: &Arc<Stream>, first_bytes: &[u8]) -> TcpReport {
        self.restart();
        let report = if self.vm.is_dead() { None } else { self.vm.tcp(stream, first_bytes).ok() };
        report.unwrap_or_else(|| {
            let (outcome, forwarded) = match self.policy {
                FailurePolicy::Open => (TcpOutcome::Continue, first_bytes.len()),
                FailurePolicy::Closed | FailurePolicy::Reload => (TcpOutcome::Closed, 0),
            };
            TcpReport { outcome, forwarded, calls: HostCalls::new(), fuel: 0 }
        })
    }

    /// Advances the clock.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
        self.vm.set_now(u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Returns the current VM.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Returns the metrics of all VMs of the plugin.
    pub fn metrics(&self) -> &Metrics {
        self.vm.metrics()
    }

    /// Returns the log of the current VM.
    pub fn logs(&self) -> &[LogLine] {
        self.vm.logs()
    }

    /// Starts a new VM after a trap, if the policy is [`FailurePolicy::Reload`] and the interval has passed.
    fn restart(&mut self) {
        let has_waited = self.last_reload.is_none_or(|last| self.now.saturating_sub(last) >= Self::BACKOFF);
        if !self.vm.is_dead() || self.policy != FailurePolicy::Reload || !has_waited {
            return;
        }
        self.last_reload = Some(self.now);
        let options = VmOptions {
            now_nanos: u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX),
            ..self.options.clone()
        };
        if let Ok(mut vm) = Vm::start(&self.module, &options)
            && vm.configure(&self.configuration).is_ok()
        {
            vm.set_metrics(self.vm.metrics().clone());
            self.vm = vm;
        }
    }
}

/// Adds the last error in the log to the message of `error`.
fn with_log(error: Error, vm: &Vm) -> Error {
    let last = vm.logs().iter().rev().find(|line| line.level >= LogLevel::Error);
    match last {
        Some(line) => Error::new(error.kind(), format!("{error}: {}", line.message)),
        None => error,
    }
}

#[cfg(test)]
mod tests;
