//! The proxy as a process, and its clients.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

/// Policies that allow one pod to look up names below example.com and to connect to them on port 443. Another pod may look
/// up names over UDP only.
pub(crate) const MANIFESTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: sleep, namespace: foo, labels: {app: sleep}}
---
apiVersion: v1
kind: Pod
metadata: {name: udp, namespace: foo, labels: {app: udp}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: sleep}}
  egress:
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}]
    toPorts:
    - ports: [{port: "53", protocol: ANY}]
      rules: {dns: [{matchPattern: "*.example.com"}]}
  - toFQDNs: [{matchPattern: "*.example.com"}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: by-udp, namespace: foo}
spec:
  endpointSelector: {matchLabels: {app: udp}}
  egress:
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}]
    toPorts:
    - ports: [{port: "53", protocol: UDP}]
      rules: {dns: [{matchPattern: "*"}]}
"#;

/// Creates a folder with the manifests.
pub(crate) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("cluster.yaml"), MANIFESTS).unwrap();
    folder
}

/// A running `palisade dns-proxy`.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) dns: SocketAddr,
    pub(crate) http: SocketAddr,
    lines: Arc<Mutex<Vec<Value>>>,
    pub(crate) log: PathBuf,
}

/// The way in which the test reads the log of a proxy.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reader {
    /// The test reads all lines.
    Reads,
    /// The test stops after the line `listening` and keeps the pipe open.
    Stalls,
}

/// Returns the command of a proxy for `pod`, in the folder of its manifests.
pub(crate) fn command(folder: &Path, pod: &str, upstream: SocketAddr, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command
        .args(["dns-proxy", "-f", "cluster.yaml", "--pod", pod, "--upstream", &upstream.to_string()])
        .args(["--output", "json"])
        .args(more)
        .current_dir(folder);
    command
}

impl Proxy {
    /// Starts a proxy for `pod` with `more` arguments, and waits until it listens.
    pub(crate) fn start(folder: &Path, pod: &str, upstream: SocketAddr, more: &[&str]) -> Self {
        let more: Vec<&str> = ["--timeout", "1"].iter().chain(more).copied().collect();
        Self::start_read(folder, pod, upstream, &more, Reader::Reads)
    }

    /// Starts a proxy with a timeout of 60 seconds for the upstream server.
    pub(crate) fn start_patient(folder: &Path, upstream: SocketAddr, more: &[&str]) -> Self {
        let more: Vec<&str> = ["--timeout", "60"].iter().chain(more).copied().collect();
        Self::start_read(folder, "foo/sleep", upstream, &more, Reader::Reads)
    }

    /// Starts a proxy whose log has a reader that stops.
    pub(crate) fn start_stalled(folder: &Path, upstream: SocketAddr, more: &[&str]) -> Self {
        Self::start_read(folder, "foo/sleep", upstream, more, Reader::Stalls)
    }

    fn start_read(folder: &Path, pod: &str, upstream: SocketAddr, more: &[&str], reader: Reader) -> Self {
        let mut child = command(folder, pod, upstream, more)
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out = BufReader::new(child.stdout.take().unwrap());
        let (of_reader, log) = (Arc::clone(&lines), folder.join("log.jsonl"));
        let file = log.clone();
        thread::spawn(move || {
            let mut text = String::new();
            let mut out = out.lines();
            for line in out.by_ref().map_while(Result::ok) {
                text.push_str(&line);
                text.push('\n');
                fs::write(&file, &text).unwrap();
                let line: Value = serde_json::from_str(&line).unwrap();
                let is_last = reader == Reader::Stalls && line["event"] == "listening";
                of_reader.lock().unwrap().push(line);
                if is_last {
                    // The pipe stays open for as long as the test runs.
                    core::mem::forget(out);
                    return;
                }
            }
        });
        let mut proxy = Self {
            child,
            dns: "127.0.0.1:0".parse().unwrap(),
            http: "127.0.0.1:0".parse().unwrap(),
            lines,
            log,
        };
        let listening = proxy.event("listening");
        let address = |key: &str| listening[key].as_str().unwrap().parse().unwrap();
        (proxy.dns, proxy.http) = (address("listen"), address("http"));
        proxy
    }

    /// Returns the last line about `event`, and waits for it.
    pub(crate) fn event(&self, event: &str) -> Value {
        self.line(|line| line["event"] == event)
    }

    /// Returns the last line for which `predicate` returns true, and waits for it.
    pub(crate) fn line(&self, predicate: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            let lines = self.lines.lock().unwrap();
            if let Some(found) = lines.iter().rev().find(|line| predicate(line)) {
                return found.clone();
            }
            drop(lines);
            thread::sleep(Duration::from_millis(5));
        }
        panic!("no such line in {:#?}", self.lines.lock().unwrap());
    }

    /// Sends `signal` to the process, and waits for its end.
    pub(crate) fn terminate(mut self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Returns the verdict on a connection of the pod to `ip`.
    pub(crate) async fn connect(&self, ip: &str, port: u16) -> String {
        let (status, answer) = self.http("GET", &format!("/v1/connect?ip={ip}&port={port}"), "").await;
        assert_eq!(status, 200, "{answer}");
        answer["verdict"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn http(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let kind = ("content-type", "application/json");
        let host = self.http.to_string();
        let (status, _, body) = self.request(method, path, &[("host", &host), kind], body).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Sends a request with only these headers. Returns the status, the headers and the body of the response.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    /// Looks up `name` with a resolver, as an application does.
    pub(crate) async fn resolve(&self, name: &str, by_tcp: bool) -> Result<Vec<IpAddr>, NetError> {
        let mut connection = if by_tcp { ConnectionConfig::tcp() } else { ConnectionConfig::udp() };
        connection.port = self.dns.port();
        let server = NameServerConfig::new(self.dns.ip(), true, vec![connection]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        (options.cache_size, options.attempts) = (0, 0);
        let resolver = builder.build().unwrap();
        Ok(resolver.lookup_ip(name).await?.iter().collect())
    }

    /// Sends one datagram. Returns the response, or `None` after the time `patience`.
    pub(crate) async fn datagram(&self, bytes: &[u8], patience: Duration) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(bytes, self.dns).await.unwrap();
        let mut buffer = vec![0; 65_535];
        let length = tokio::time::timeout(patience, socket.recv(&mut buffer)).await.ok()?.unwrap();
        buffer.truncate(length);
        Some(buffer)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // After a successful test, the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
