//! `cargo xtask bench dns`: lookups through Palisade's DNS proxy and through dnsmasq, which forward to the same server.
//!
//! Knot serves a zone of 1,000 names, and `dnsperf` sends lookups over UDP. Each round measures both forwarders, first at full
//! speed and then at a fixed rate, so that other work on the machine affects both. All servers listen on loopback.

mod report;
mod servers;

use core::time::Duration;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::report::{Latencies, Samples};
use self::servers::{Ports, Server};
use super::envoy::cpu;
use crate::process::{cargo, command, run as run_command};
use crate::workspace;

/// The programs that the benchmark needs: the name, an argument for a trial run, and the Debian package.
const PROGRAMS: [(&str, &str, &str); 3] =
    [("dnsmasq", "--version", "dnsmasq-base"), ("knotd", "--version", "knot"), ("dnsperf", "-h", "dnsperf")];
/// The number of client sockets of `dnsperf`.
const CLIENTS: &str = "8";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measurements of each forwarder; the result is their median
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// Maximum number of concurrent lookups
    #[arg(long, default_value_t = 100)]
    in_flight: u32,
    /// Lookups per second for the latency [default: a third of the measured rate of Palisade's proxy]
    #[arg(long)]
    rate: Option<u32>,
    /// Measure this build of the command instead of a new release build
    #[arg(long, value_name = "FILE")]
    build: Option<std::path::PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let missing: Vec<String> = PROGRAMS
        .iter()
        .filter(|(program, argument, _)| !is_installed(program, argument))
        .map(|(program, _, package)| format!("{program} (Debian package {package})"))
        .collect();
    if !missing.is_empty() {
        println!("not run: missing {}", missing.join(", "));
        return Ok(());
    }
    let palisade = match &options.build {
        Some(build) => std::path::absolute(build)?,
        None => {
            run_command(&mut cargo(&["build", "--release", "--package", "palisade-cli"]))?;
            workspace::target_dir().join("release/palisade")
        }
    };
    let folder = tempfile::tempdir().context("cannot create a directory")?;
    let ports = Ports::free()?;
    let _knot = Server::knot(folder.path(), &ports)?;
    let forwarders = [Server::palisade(folder.path(), &ports, &palisade)?, Server::dnsmasq(&ports)?];
    fs::write(folder.path().join("queries"), servers::queries()).context("cannot write the queries")?;
    let mut samples = [Samples::default(), Samples::default()];
    for round in 0..options.rounds {
        for turn in 0..forwarders.len() {
            let which = (round + turn) % forwarders.len();
            let (Some(server), Some(samples)) = (forwarders.get(which), samples.get_mut(which)) else {
                continue;
            };
            let (before, load) = (cpu::used(server.id())?, options.load(folder.path(), server, None)?);
            let used = cpu::used(server.id())?.saturating_sub(before);
            samples.add(report::throughput(&load)?, used);
            eprintln!("round {}: {} {}", round + 1, server.name, samples.last());
        }
    }
    let [ours, _] = &samples;
    let rate = options.rate.unwrap_or_else(|| ours.third());
    let mut latencies = [Latencies::default(), Latencies::default()];
    for round in 0..options.rounds {
        for turn in 0..forwarders.len() {
            let which = (round + turn) % forwarders.len();
            let (Some(server), Some(all)) = (forwarders.get(which), latencies.get_mut(which)) else {
                continue;
            };
            all.add(&options.load(folder.path(), server, Some(rate))?)?;
        }
    }
    let names = forwarders.each_ref().map(|server| server.name);
    println!("{}", report::table(names, &samples, rate, &latencies));
    Ok(())
}

impl Options {
    /// Returns the output of `dnsperf` for `server`; with a rate, it contains the time of each lookup.
    fn load(&self, folder: &Path, server: &Server, rate: Option<u32>) -> Result<String> {
        let mut dnsperf = command("dnsperf");
        dnsperf.args(["-s", "127.0.0.1", "-c", CLIENTS]).arg("-d").arg(folder.join("queries"));
        dnsperf.args(["-p", &server.port.to_string(), "-l", &self.seconds.to_string()]);
        dnsperf.args(["-q", &self.in_flight.to_string()]);
        if let Some(rate) = rate {
            dnsperf.args(["-v", "-Q", &rate.to_string()]);
        }
        let output = dnsperf.stderr(Stdio::inherit()).output().context("cannot run dnsperf")?;
        ensure!(output.status.success(), "dnsperf failed ({})", output.status);
        // Lookups in flight at the end must not affect the next measurement.
        thread::sleep(Duration::from_millis(100));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn is_installed(program: &str, argument: &str) -> bool {
    // `dnsperf -h` exits with an error.
    let run = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok()
}
