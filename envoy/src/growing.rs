//! An Envoy that is given listeners while it runs.
//!
//! Compiling a module takes Envoy seconds, and all plugins of one module share what was compiled. Who needs many Envoys
//! one after the other, each for a few requests, opens listeners of one instead.
//!
//! ```no_run
//! use palisade_envoy::config::{Http, Listener, Transport};
//! use palisade_envoy::growing::Growing;
//!
//! # fn main() -> anyhow::Result<()> {
//! let envoy = Growing::start(Vec::new())?;
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

/// How long listeners may take to open; the first ones compile their module.
const OPEN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);
/// What Envoy counts the updates by that it did not take, or not all of.
const REJECTED: &str = "listener_manager.lds.update_rejected";

/// An Envoy to which listeners are added.
#[derive(Debug)]
pub struct Growing {
    envoy: Envoy,
    /// Where Envoy reads its listeners.
    folder: TempDir,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// How many groups there have been.
    version: u64,
    open: BTreeMap<u64, Vec<Listener>>,
}

/// Listeners that were opened together; they are closed some time after this is dropped.
#[derive(Debug)]
pub struct Group {
    number: u64,
    ports: BTreeMap<String, u16>,
    state: Arc<Mutex<State>>,
}

impl Growing {
    /// Starts an Envoy without listeners that knows these upstreams.
    ///
    /// # Errors
    /// Envoy does not start.
    pub fn start(clusters: Vec<Value>) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a folder for Envoy's listeners")?;
        let file = folder.path().join("listeners.json");
        fs::write(&file, Listener::discovery("0", &[]).to_string())?;
        let envoy = Envoy::start(&Bootstrap { clusters, discovery: Some(file), ..Bootstrap::default() })?;
        Ok(Self { envoy, folder, state: Arc::default() })
    }

    /// Opens `listeners`, whose names only have to differ from each other, and closes those that were dropped. One
    /// whose port Envoy chooses may get the port of such a one.
    ///
    /// # Errors
    /// Envoy refuses one of them, whose group is then given up, or does not open them in time.
    pub fn open(&self, listeners: Vec<Listener>) -> Result<Group> {
        // One after the other: what Envoy refuses is then of this group.
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

    /// Moves a file into place, as Envoy's watch wants it.
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
                bail!("Envoy refuses a listener: {}", self.reasons()?);
            }
            if start.elapsed() > OPEN {
                bail!("Envoy opens no such listeners in {OPEN:?}; its log is {}", self.envoy.log()?);
            }
            thread::sleep(POLL);
        }
    }

    /// Why Envoy refused listeners. Its log says so later.
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

/// What Envoy calls a listener of group `number`.
fn inside(number: u64, name: &str) -> String {
    format!("{number}-{name}")
}

impl Group {
    /// The port of the listener with this name.
    ///
    /// # Errors
    /// The group has none.
    pub fn port(&self, listener: &str) -> Result<u16> {
        self.ports.get(listener).copied().with_context(|| format!("there is no listener `{listener}`"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The next group's file leaves them out.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&self.number);
    }
}
