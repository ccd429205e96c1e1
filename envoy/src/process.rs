//! An Envoy process: its start, ports, statistics and log. Dropping it kills the process.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Client, Reply};
use crate::config::Bootstrap;
use crate::fetch;

/// Long, because V8 compiles the module before Envoy is ready, and the machine may be busy.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const LOG_LINES: usize = 20;

/// An Envoy process. Dropping it kills the process.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    admin: Client,
    ports: BTreeMap<String, u16>,
    log: PathBuf,
    _scratch: Option<TempDir>,
}

impl Envoy {
    /// Starts Envoy with its files in a temporary directory, and waits until it is ready.
    pub fn start(bootstrap: &Bootstrap) -> Result<Self> {
        let scratch = tempfile::tempdir().context("cannot create a folder for Envoy's files")?;
        let mut envoy = Self::start_in(bootstrap, scratch.path())?;
        envoy._scratch = Some(scratch);
        Ok(envoy)
    }

    /// Starts Envoy with `envoy.json` and `envoy.log` in `folder`, which remain, and waits until it is ready.
    pub fn start_in(bootstrap: &Bootstrap, folder: &Path) -> Result<Self> {
        let binary = fetch::binary()?;
        let config = folder.join("envoy.json");
        fs::write(&config, bootstrap.to_json().to_string())
            .with_context(|| format!("cannot write `{}`", config.display()))?;
        let (log, address, output) =
            (folder.join("envoy.log"), folder.join("envoy.admin"), folder.join("envoy.out"));
        for old in [&log, &address] {
            if old.exists() {
                fs::remove_file(old).with_context(|| format!("cannot remove `{}`", old.display()))?;
            }
        }

        // Without hot restart, a killed process leaves no shared memory behind.
        let out = fs::File::create(&output)?;
        let child = Command::new(&binary)
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&address)
            .arg("--log-path")
            .arg(&log)
            .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "info"])
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("cannot run `{}`", binary.display()))?;

        let mut envoy =
            Self { child, admin: Client::plaintext(0), ports: BTreeMap::new(), log, _scratch: None };
        envoy.wait_until_ready(&address, &output)?;
        envoy.ports = envoy.open_ports()?;
        Ok(envoy)
    }

    /// Returns the open ports by the names of their listeners.
    pub(crate) fn open_ports(&self) -> Result<BTreeMap<String, u16>> {
        Ok(ports(&self.admin_json("/listeners?format=json")?))
    }

    /// Returns the port that the listener with this name had when Envoy became ready.
    pub fn port(&self, listener: &str) -> Result<u16> {
        self.ports.get(listener).copied().with_context(|| format!("Envoy has no listener `{listener}`"))
    }

    /// Returns all counters and gauges.
    pub fn stats(&self) -> Result<BTreeMap<String, u64>> {
        Ok(stats(&self.admin_json("/stats?format=json")?))
    }

    /// Returns the content of the log.
    pub fn log(&self) -> Result<String> {
        read(&self.log)
    }

    /// Returns the path of the log.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Returns the process ID.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how the process ended, or `None` if it runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends a GET request to the admin interface and returns the answer.
    pub fn admin(&self, path: &str) -> Result<String> {
        self.ask("GET", path)
    }

    /// Sends a POST request to the admin interface, such as `/logging?wasm=debug`.
    pub fn post(&self, path: &str) -> Result<String> {
        self.ask("POST", path)
    }

    fn ask(&self, method: &str, path: &str) -> Result<String> {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        match self.admin.request(request.as_bytes()).with_context(|| format!("admin `{path}`"))? {
            Reply::Response(response) if response.status == 200 => Ok(response.text()),
            other => bail!("admin `{path}`: {other}"),
        }
    }

    fn admin_json(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.admin(path)?).with_context(|| format!("admin `{path}` is not JSON"))
    }

    fn wait_until_ready(&mut self, address: &Path, output: &Path) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let log = self.log().unwrap_or_default() + &read(output)?;
                bail!("Envoy did not start ({status}):\n{}", interesting(&log));
            }
            if let Some(port) = fs::read_to_string(address).ok().as_deref().and_then(port_of) {
                self.admin = Client::plaintext(port);
                if self.admin("/ready").is_ok() {
                    return Ok(());
                }
            }
            if start.elapsed() > START {
                bail!("Envoy is not ready after {START:?}:\n{}", interesting(&self.log()?));
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Both calls fail only if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ports(listeners: &Value) -> BTreeMap<String, u16> {
    let statuses = listeners.get("listener_statuses").and_then(Value::as_array);
    let port = |status: &Value| {
        let name = status.get("name")?.as_str()?.to_owned();
        let port = status.pointer("/local_address/socket_address/port_value")?.as_u64()?;
        Some((name, u16::try_from(port).ok()?))
    };
    statuses.into_iter().flatten().filter_map(port).collect()
}

fn stats(json: &Value) -> BTreeMap<String, u64> {
    let all = json.get("stats").and_then(Value::as_array);
    let stat = |stat: &Value| Some((stat.get("name")?.as_str()?.to_owned(), stat.get("value")?.as_u64()?));
    all.into_iter().flatten().filter_map(stat).collect()
}

fn port_of(address: &str) -> Option<u16> {
    address.trim().rsplit_once(':')?.1.parse().ok()
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the lines that explain a failure: warnings, errors, and lines of the wasm runtime.
fn interesting(log: &str) -> String {
    const MARKS: [&str; 4] = ["[warning]", "[error]", "[critical]", "[wasm]"];
    let lines: Vec<&str> = log.lines().filter(|line| MARKS.iter().any(|mark| line.contains(mark))).collect();
    let lines = if lines.is_empty() { log.lines().collect() } else { lines };
    lines.iter().skip(lines.len().saturating_sub(LOG_LINES)).copied().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_parsed_by_listener_name() {
        let json = json!({"listener_statuses": [
            {"name": "a", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": 4711}}},
        ]});
        assert_eq!(ports(&json), BTreeMap::from([("a".to_owned(), 4711)]));
    }

    #[test]
    fn stats_omit_histograms() {
        let json = json!({"stats": [{"name": "a", "value": 3}, {"histograms": {}}]});
        assert_eq!(stats(&json), BTreeMap::from([("a".to_owned(), 3)]));
    }

    #[test]
    fn admin_port_is_the_last_part_of_its_address() {
        assert_eq!(port_of("127.0.0.1:40123\n"), Some(40123));
        assert_eq!(port_of(""), None);
    }

    #[test]
    fn log_excerpt_contains_errors_or_the_whole_log() {
        let log = "[info] starting\n[critical][main] no such filter\n[info] exiting";
        assert_eq!(interesting(log), "[critical][main] no such filter");
        assert_eq!(interesting("one\ntwo"), "one\ntwo");
    }
}
