//! The upstream server and the forwarders.

use core::time::Duration;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::process::command;

/// The number of names in the zone.
const NAMES: usize = 1_000;

/// A pod whose policy allows lookups of every name in the zone and connections to its addresses.
const POLICY: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: bench, labels: {app: client}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: bench}
spec:
  endpointSelector: {matchLabels: {app: client}}
  egress:
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}]
    toPorts:
    - ports: [{port: "53", protocol: ANY}]
      rules: {dns: [{matchPattern: "*.example.com"}]}
  - toFQDNs: [{matchPattern: "*.example.com"}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
"#;

/// The port of each server.
#[derive(Debug)]
pub(super) struct Ports {
    knot: u16,
    palisade: u16,
    http: u16,
    dnsmasq: u16,
}

impl Ports {
    /// Returns ports that are free at present.
    pub(super) fn free() -> Result<Self> {
        let sockets = (0..4).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
        let mut ports = sockets.iter().map(|socket| socket.local_addr().map(|address| address.port()));
        let mut next = || -> Result<u16> { Ok(ports.next().context("too few ports")??) };
        Ok(Self { knot: next()?, palisade: next()?, http: next()?, dnsmasq: next()? })
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) port: u16,
    child: Child,
}

impl Server {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn knot(folder: &Path, ports: &Ports) -> Result<Self> {
        let zone = "$ORIGIN example.com.\n$TTL 300\n@ SOA ns hostmaster 1 3600 900 86400 300\n@ NS ns\nns A 127.0.0.1\n";
        let names = each_name(|n| format!("n{n} A 198.51.{}.{}\n", n / 250, n % 250 + 1));
        fs::write(folder.join("example.com.zone"), format!("{zone}{names}"))?;
        let (port, place) = (ports.knot, folder.display());
        let configuration = format!(
            "server:\n    rundir: {place}\n    listen: 127.0.0.1@{port}\n    udp-workers: 1\n    tcp-workers: 1\n    \
             background-workers: 1\ndatabase:\n    storage: {place}\nzone:\n  - domain: example.com\n    storage: {place}\n    \
             file: example.com.zone\n    zonefile-sync: -1\n    journal-content: none\n"
        );
        let file = folder.join("knot.conf");
        fs::write(&file, configuration)?;
        Self::start("Knot", port, command("knotd").arg("-c").arg(file).stdout(Stdio::null()))
    }

    /// Starts Palisade's proxy, which logs each lookup to a file.
    pub(super) fn palisade(folder: &Path, ports: &Ports, build: &Path) -> Result<Self> {
        let policy = folder.join("policy.yaml");
        fs::write(&policy, POLICY)?;
        let log = fs::File::create(folder.join("log.jsonl"))?;
        let address = |port: u16| format!("127.0.0.1:{port}");
        let mut palisade = Command::new(build);
        palisade.arg("dns-proxy").arg("-f").arg(policy).args(["--pod", "bench/client", "--output", "json"]);
        palisade.args(["--listen", &address(ports.palisade), "--http", &address(ports.http)]);
        palisade.args(["--upstream", &address(ports.knot)]);
        Self::start("palisade", ports.palisade, palisade.stdout(log))
    }

    pub(super) fn dnsmasq(ports: &Ports) -> Result<Self> {
        let mut dnsmasq = command("dnsmasq");
        dnsmasq.args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--cache-size=0"]);
        dnsmasq.args([
            "--listen-address=127.0.0.1",
            "--bind-interfaces",
            "--dns-forward-max=10000",
            "--pid-file=",
        ]);
        dnsmasq.arg(format!("--server=127.0.0.1#{}", ports.knot)).arg(format!("--port={}", ports.dnsmasq));
        Self::start("dnsmasq", ports.dnsmasq, dnsmasq.stdout(Stdio::null()))
    }

    fn start(name: &'static str, port: u16, command: &mut Command) -> Result<Self> {
        let child = command.stderr(Stdio::null()).spawn().with_context(|| format!("cannot start {name}"))?;
        let mut server = Self { name, port, child };
        for _ in 0..500 {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended ({status})");
            }
            // If the port is in use, the server listens.
            if UdpSocket::bind(("127.0.0.1", port)).is_err() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("{name} does not listen on port {port}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the input of `dnsperf`.
pub(super) fn queries() -> String {
    each_name(|n| format!("n{n}.example.com A\n"))
}

/// Concatenates `line` for each number of a name.
fn each_name(line: impl Fn(usize) -> String) -> String {
    (0..NAMES).map(line).collect()
}
