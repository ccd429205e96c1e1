//! One VM of a module: its limits, its start, its callbacks and its end after a trap.

use crate::{
    abi::LogLevel,
    error::{Error, ErrorKind},
    exports::{Callback, Exports},
    host,
    metrics::Metrics,
    properties::Node,
    state::{Clock, HostCalls, HostState, HttpAnswer, HttpCalls, Log, LogLine, SentCall, Streams, VmState},
};
use std::collections::BTreeMap;
use wasmtime::{Config, Engine, InstancePre, Store, StoreLimitsBuilder, WasmParams, WasmResults};

/// The number of the root context; streams have the following numbers.
pub(crate) const ROOT: u32 = 1;

/// The limits of one call into the module.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum size of the linear memory in bytes.
    pub memory: usize,
    /// The fuel of a start and of a configuration.
    pub configure_fuel: u64,
    /// The fuel of each callback of a stream.
    pub request_fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 256 << 20, configure_fuel: 200_000_000_000, request_fuel: 2_000_000_000 }
    }
}

/// A compiled module. It is cheap to clone and to start VMs with.
#[derive(Clone)]
pub struct Module {
    engine: Engine,
    instance: InstancePre<HostState>,
    limits: Limits,
}

impl Module {
    /// Compiles a proxy-wasm module of ABI 0.2.x.
    ///
    /// # Errors
    ///
    /// The bytes are not a module, have another ABI, or import a function that Envoy does not have.
    pub fn new(wasm: &[u8], limits: Limits) -> Result<Self, Error> {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).map_err(Error::module)?;
        let module = wasmtime::Module::new(&engine, wasm).map_err(Error::module)?;
        let abi = ["proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1"];
        if !abi.iter().any(|name| module.get_export(name).is_some()) {
            return Err(Error::module(
                "missing export `proxy_abi_version_0_2_0` or `proxy_abi_version_0_2_1`",
            ));
        }
        let instance = host::linker(&engine)?.instantiate_pre(&module).map_err(Error::module)?;
        Ok(Self { engine, instance, limits })
    }
}

impl core::fmt::Debug for Module {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Module").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The environment of a VM.
#[derive(Clone, Debug)]
pub struct VmOptions {
    /// The proxy's node.
    pub node: Node,
    /// The VM configuration, which is not the plugin configuration.
    pub vm_configuration: Vec<u8>,
    /// The lowest level of the lines in the log.
    pub log_level: LogLevel,
    /// The clock, in nanoseconds.
    pub now_nanos: u64,
    /// The answers of clusters to HTTP calls.
    pub clusters: BTreeMap<String, HttpAnswer>,
    /// The plugin option of the same name: whether the result `StopIteration` of the headers callback stops only the
    /// headers, so that the module receives the body while they wait.
    pub allow_on_headers_stop_iteration: bool,
}

impl Default for VmOptions {
    fn default() -> Self {
        Self {
            node: Node::default(),
            vm_configuration: Vec::new(),
            log_level: LogLevel::Debug,
            now_nanos: 1_000_000_000,
            clusters: BTreeMap::new(),
            allow_on_headers_stop_iteration: false,
        }
    }
}

/// A running instance. After a trap it accepts no more calls.
#[derive(Debug)]
pub struct Vm {
    pub(crate) store: Store<HostState>,
    pub(crate) exports: Exports,
    limits: Limits,
    next_context: u32,
    fuel_used: u64,
    dead: bool,
}

impl Vm {
    /// Instantiates the module and creates its root context.
    ///
    /// # Errors
    ///
    /// The module traps or refuses to start.
    pub fn start(module: &Module, options: &VmOptions) -> Result<Self, Error> {
        let limits = module.limits;
        let state = HostState {
            limits: StoreLimitsBuilder::new().memory_size(limits.memory).build(),
            vm: VmState {
                is_starting: true,
                node: options.node.clone(),
                configuration: options.vm_configuration.clone(),
                allow_on_headers_stop_iteration: options.allow_on_headers_stop_iteration,
                ..VmState::default()
            },
            clock: Clock { now_nanos: options.now_nanos, ..Clock::default() },
            log: Log { level: options.log_level, lines: Vec::new() },
            http_calls: HttpCalls { clusters: options.clusters.clone(), ..HttpCalls::default() },
            streams: Streams::default(),
            counts: HostCalls::new(),
            metrics: Metrics::default(),
            shared_data: BTreeMap::new(),
        };
        let mut store = Store::new(&module.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(limits.configure_fuel).map_err(Error::module)?;
        let instance = module.instance.instantiate(&mut store).map_err(Error::module)?;
        let allocate = instance
            .get_typed_func(&mut store, "malloc")
            .or_else(|_| instance.get_typed_func(&mut store, "proxy_on_memory_allocate"))
            .map_err(|_| Error::module("missing export `malloc` or `proxy_on_memory_allocate`"))?;
        store.data_mut().vm.memory = instance.get_memory(&mut store, "memory");
        store.data_mut().vm.allocate = Some(allocate);
        let exports = Exports::find(&mut store, &instance)?;
        let mut vm = Self { store, exports, limits, next_context: ROOT, fuel_used: 0, dead: false };
        vm.create_root(options.vm_configuration.len())?;
        Ok(vm)
    }

    fn create_root(&mut self, configuration_len: usize) -> Result<(), Error> {
        if self.exports.initialize.function.is_some() {
            self.call(|exports| &exports.initialize, 0, ())?;
        } else {
            self.call(|exports| &exports.start, 0, ())?;
        }
        self.store.data_mut().vm.is_starting = false;
        self.call(|exports| &exports.on_context_create, ROOT, (ROOT, 0))?;
        let started = self.call(|exports| &exports.on_vm_start, ROOT, (ROOT, wire_len(configuration_len)))?;
        if started == Some(0) {
            return Err(Error::new(ErrorKind::Refused, "the module refused to start"));
        }
        Ok(())
    }

    /// Configures the plugin.
    ///
    /// # Errors
    ///
    /// The module refuses the configuration (the reason is in [`Vm::logs`]) or traps.
    pub fn configure(&mut self, configuration: &[u8]) -> Result<(), Error> {
        self.store.data_mut().vm.plugin_configuration = Some(configuration.to_vec());
        let accepted =
            self.call(|exports| &exports.on_configure, ROOT, (ROOT, wire_len(configuration.len())));
        self.store.data_mut().vm.plugin_configuration = None;
        match accepted? {
            Some(0) => Err(Error::new(ErrorKind::Refused, "the module refused its configuration")),
            _ => Ok(()),
        }
    }

    /// Runs the module's timer callback.
    ///
    /// # Errors
    ///
    /// The module traps.
    pub fn tick(&mut self) -> Result<(), Error> {
        self.call(|exports| &exports.on_tick, ROOT, (ROOT,)).map(|_| ())
    }

    /// Returns whether a call trapped.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Returns the lines of the log.
    pub fn logs(&self) -> &[LogLine] {
        &self.store.data().log.lines
    }

    /// Returns the HTTP calls of the module.
    pub fn sent(&self) -> &[SentCall] {
        &self.store.data().http_calls.sent
    }

    /// Returns the metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.store.data().metrics
    }

    /// Returns the size of the linear memory in bytes.
    pub fn memory_size(&self) -> usize {
        self.store.data().vm.memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Sets the clock.
    pub fn set_now(&mut self, nanos: u64) {
        self.store.data_mut().clock.now_nanos = nanos;
    }

    pub(crate) fn set_metrics(&mut self, metrics: Metrics) {
        self.store.data_mut().metrics = metrics;
    }

    pub(crate) fn new_context(&mut self) -> u32 {
        self.next_context = self.next_context.wrapping_add(1);
        self.next_context
    }

    /// Returns the host calls and the fuel since the last report, and resets them.
    pub(crate) fn take_counts(&mut self) -> (HostCalls, u64) {
        (core::mem::take(&mut self.store.data_mut().counts), core::mem::take(&mut self.fuel_used))
    }

    /// Calls a callback in a context; returns `None` if the module does not export it.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: impl FnOnce(&Exports) -> &Callback<P, R>,
        context: u32,
        parameters: P,
    ) -> Result<Option<R>, Error> {
        let callback = callback(&self.exports);
        let name = callback.name;
        if self.dead {
            return Err(Error::trap(name, "the VM has ended after a trap"));
        }
        let Some(function) = callback.function.clone() else { return Ok(None) };
        let budget = if context <= ROOT { self.limits.configure_fuel } else { self.limits.request_fuel };
        self.store.set_fuel(budget).map_err(Error::module)?;
        self.store.data_mut().streams.context = context;
        let result = function.call(&mut self.store, parameters);
        let left = self.store.get_fuel().unwrap_or_default();
        self.fuel_used = self.fuel_used.saturating_add(budget.saturating_sub(left));
        match result {
            Ok(result) => Ok(Some(result)),
            Err(cause) => {
                self.dead = true;
                let error = Error::trap(name, cause);
                self.store.data_mut().log.write(LogLevel::Critical, error.to_string().as_bytes());
                Err(error)
            }
        }
    }
}

/// Returns a length as a number of the ABI.
pub(crate) fn wire_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
