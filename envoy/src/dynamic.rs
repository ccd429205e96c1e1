//! An Envoy to which listeners are added while it runs.
//!
//! Envoy takes seconds to compile a module, and all plugins of one module share the compiled code. Tests that would start many
//! Envoys in sequence, each for a few requests, add listeners to one Envoy instead.
//!
//! ```no_run
//! use palisade_envoy::config::{Http, Listener, Transport};
//! use palisade_envoy::dynamic::DynamicEnvoy;
//!
//! # fn main() -> anyhow::Result<()> {
//! let envoy = DynamicEnvoy::start(Vec::new())?;
//! let group = envoy.open(vec![Listener::http("inbound", Transport::Plaintext, Http::default())])?;
//! assert_ne!(group.port("inbound")?, 0);
//! # Ok(())
//! # }
//! ```

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::config::{Bootstrap, Listener};
use crate::process::Envoy;

/// The time within which Envoy must open listeners. The first ones of a module include its compilation.
const OPEN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);
/// Envoy's counter of updates that it rejected, in whole or in part.
const REJECTED: &str = "listener_manager.lds.update_rejected";

/// An Envoy to which listeners are added.
#[derive(Debug)]
pub struct DynamicEnvoy {
    envoy: Envoy,
    /// The directory from which Envoy reads its listeners.
    folder: TempDir,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of groups so far.
    version: u64,
    open: BTreeMap<u64, Vec<Listener>>,
}

/// Listeners that were opened together. Envoy closes them when the next group opens after this value is dropped.
#[derive(Debug)]
pub struct Group {
    number: u64,
    ports: BTreeMap<String, u16>,
    state: Arc<Mutex<State>>,
}

impl DynamicEnvoy {
    /// Starts an Envoy with these upstreams and without listeners.
    ///
    /// # Errors
    /// Returns an error if Envoy does not start.
    pub fn start(clusters: Vec<Value>) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a folder for Envoy's listeners")?;
        let file = folder.path().join("listeners.json");
        fs::write(&file, Listener::discovery("0", &[]).to_string())?;
        let envoy = Envoy::start(&Bootstrap { clusters, discovery: Some(file), ..Bootstrap::default() })?;
        Ok(Self { envoy, folder, state: Arc::default() })
    }

    /// Opens `listeners` and closes those of dropped groups. The names must be unique within the group. A listener without
    /// a port may get the port of a closed one.
    ///
    /// # Errors
    /// Returns an error if Envoy rejects a listener or does not open all of them in time. The group is then removed.
    pub fn open(&self, listeners: Vec<Listener>) -> Result<Group> {
        // One group at a time, so that a rejected listener belongs to this group.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.version += 1;
        let number = state.version;
        let rejected = self.rejected()?;
        let names: Vec<String> = listeners.iter().map(|listener| listener.name.clone()).collect();
        let renamed = |listener: Listener| Listener { name: inside(number, &listener.name), ..listener };
        state.open.insert(number, listeners.into_iter().map(renamed).collect());
        let opened = self.publish(&state).and_then(|()| self.wait(number, &names, rejected));
        match opened {
            Ok(ports) => Ok(Group { number, ports, state: Arc::clone(&self.state) }),
            Err(error) => {
                state.open.remove(&number);
                Err(error)
            }
        }
    }

    /// Replaces the file by renaming another one, because Envoy watches for renames.
    fn publish(&self, state: &State) -> Result<()> {
        let all: Vec<Listener> = state.open.values().flatten().cloned().collect();
        let new = self.folder.path().join("listeners.new");
        fs::write(&new, Listener::discovery(&state.version.to_string(), &all).to_string())?;
        fs::rename(&new, self.folder.path().join("listeners.json")).context("cannot publish the listeners")
    }

    fn wait(&self, number: u64, names: &[String], rejected: u64) -> Result<BTreeMap<String, u16>> {
        let start = Instant::now();
        loop {
            let open = self.envoy.open_ports()?;
            let port = |name: &String| Some((name.clone(), *open.get(&inside(number, name))?));
            if let Some(ports) = names.iter().map(port).collect() {
                return Ok(ports);
            }
            if self.rejected()? > rejected {
                bail!("Envoy rejected a listener: {}", self.reasons()?);
            }
            if start.elapsed() > OPEN {
                bail!("Envoy did not open the listeners in {OPEN:?}; its log is {}", self.envoy.log()?);
            }
            thread::sleep(POLL);
        }
    }

    /// Returns Envoy's reasons for rejected listeners, which its log contains only later.
    fn reasons(&self) -> Result<String> {
        let dump: Value =
            serde_json::from_str(&self.envoy.admin("/config_dump?resource=dynamic_listeners")?)?;
        let all = dump.get("configs").and_then(Value::as_array).into_iter().flatten();
        let reasons = all.filter_map(|listener| listener.pointer("/error_state/details")?.as_str());
        Ok(reasons.collect::<Vec<_>>().join("; "))
    }

    fn rejected(&self) -> Result<u64> {
        Ok(self.envoy.stats()?.get(REJECTED).copied().unwrap_or_default())
    }
}

/// Returns Envoy's name of a listener of the group `number`.
fn inside(number: u64, name: &str) -> String {
    format!("{number}-{name}")
}

impl Group {
    /// Returns the port of the listener with this name.
    ///
    /// # Errors
    /// Returns an error if the group has no such listener.
    pub fn port(&self, listener: &str) -> Result<u16> {
        self.ports.get(listener).copied().with_context(|| format!("unknown listener `{listener}`"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The file of the next group does not contain them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&self.number);
    }
}
