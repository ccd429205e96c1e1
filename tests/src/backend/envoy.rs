//! The module that ships, in a real Envoy on loopback, with real mutual TLS.

use super::wasm::{proxied, same_semantics, skip};
use palisade::{
    Cluster, Options, Profile, Severity, Verdict,
    flow::{MeshRequest, Simulation},
    http::{Admitted, NormalizationVersion, normalize_path},
    lint,
    resource::istio::PathNormalization as Mode,
};
use palisade_cases::{Answer, Backend, FlowCase, NoAnswer, Session};
use palisade_envoy::{
    certs::{Authority, Names},
    client::{Client, Outcome, Response},
    config::{Bootstrap, Http, Listener, PathNormalization, Transport},
    process::Envoy,
    wasm::Plugin,
};
use palisade_oracle::backend::{authorization_policies, configuration};
use serde_json::Value;
use std::path::PathBuf;

/// The filter in Envoy: what the destination's proxy answers on the wire.
#[derive(Debug)]
pub struct InEnvoy {
    module: PathBuf,
}

impl InEnvoy {
    /// Envoys that load `module`.
    pub fn new(module: PathBuf) -> Self {
        Self { module }
    }
}

impl Backend for InEnvoy {
    fn name(&self) -> &str {
        "wasm in Envoy"
    }

    fn open<'c>(
        &'c self,
        cluster: &'c Cluster,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, NoAnswer> {
        same_semantics(options)?;
        if options.profile == Profile::Strict {
            return skip("the profile strict is tried in wasmtime");
        }
        if lint::check(cluster, options).iter().any(|finding| finding.severity == Severity::Error) {
            return skip("the filter refuses what a webhook refuses");
        }
        let authority = Authority::new(&cluster.resources().mesh.trust_domain).map_err(failed)?;
        let policies = authorization_policies(cluster)?;
        let simulation = Simulation::new(cluster, options.clone());
        Ok(Box::new(Proxies { module: &self.module, simulation, policies, authority, envoy: None }))
    }
}

/// The proxies of one cluster: one Envoy, with two listeners for each workload, started when first needed.
struct Proxies<'c> {
    module: &'c PathBuf,
    simulation: Simulation<'c>,
    policies: Vec<Value>,
    authority: Authority,
    envoy: Option<Envoy>,
}

impl Session for Proxies<'_> {
    fn answer(&mut self, case: &FlowCase) -> Result<Answer, NoAnswer> {
        let request = proxied(&self.simulation, case)?;
        let Some(http) = &request.http else {
            return skip("TCP connections are tried in wasmtime");
        };
        if !case.flow.ext_authz.is_empty() {
            return skip("no external provider stands behind this Envoy");
        }
        if request.claims.is_some() {
            return skip("no issuer of tokens stands behind this Envoy");
        }
        if !request.dns_names.is_empty() || request.subject.is_some() {
            return skip("certificates here carry URI names only");
        }
        if !self.stays(&http.path) {
            return skip("the normalized path is sent here, and is not the same once normalized again");
        }
        let policies = Value::from(self.policies.clone()).to_string();
        if LOCAL.iter().any(|name| policies.contains(name)) {
            return skip("addresses, ports and server names are others on loopback");
        }
        let bytes = bytes(http);
        let outcome = self.client(&request)?.request(&bytes).map_err(failed)?;
        match outcome {
            Outcome::Response(response) => verdict(&response, http.method == b"HEAD"),
            Outcome::Closed(reason) => {
                Err(NoAnswer::Failed(format!("Envoy closes the connection: {reason}")))
            }
        }
    }
}

/// What policies can say of a connection that is not the same on loopback.
const LOCAL: [&str; 9] = [
    "ipBlocks",
    "IpBlocks",
    "\"ports\"",
    "notPorts",
    "source.ip",
    "remote.ip",
    "destination.ip",
    "destination.port",
    "connection.sni",
];

fn verdict(response: &Response, head: bool) -> Result<Answer, NoAnswer> {
    let denied = response.status == 403 && (head || response.body == b"RBAC: access denied");
    match response.status {
        200 if response.header("grpc-status") == Some("7") => Ok(Answer::new(Verdict::Deny)),
        200 => Ok(Answer::new(Verdict::Allow)),
        403 if denied => Ok(Answer { status: Some(403), ..Answer::new(Verdict::Deny) }),
        status => Err(NoAnswer::Failed(format!("Envoy answers {status} {}", response.text()))),
    }
}

impl Proxies<'_> {
    /// Whether this Envoy leaves `path` as it is.
    fn stays(&self, path: &[u8]) -> bool {
        let mode = self.simulation.cluster().resources().mesh.path_normalization;
        normalize_path(path, mode, NormalizationVersion::default()).is_some_and(|again| again == path)
    }

    fn client(&mut self, request: &MeshRequest) -> Result<Client, NoAnswer> {
        if self.envoy.is_none() {
            self.envoy = Some(Envoy::start(&self.bootstrap().map_err(failed)?).map_err(failed)?);
        }
        let envoy = self.envoy.as_ref().expect("just started");
        if !request.mtls {
            let port = envoy.port(&name(&request.workload, false)).map_err(failed)?;
            return Ok(Client::plaintext(port));
        }
        let port = envoy.port(&name(&request.workload, true)).map_err(failed)?;
        let names = Names { uris: request.uris.clone(), ..Names::default() };
        let identity = self.authority.issue(&names).map_err(failed)?;
        Client::tls(port, &self.authority, Some(&identity)).map_err(failed)
    }

    fn bootstrap(&self) -> Result<Bootstrap, Box<dyn core::error::Error + Send + Sync>> {
        let cluster = self.simulation.cluster();
        let mesh = &cluster.resources().mesh;
        let mut listeners = Vec::new();
        for workload in cluster.workloads() {
            let reference = format!("{}/{}", workload.namespace, workload.name);
            let configuration = configuration(cluster, &reference, &self.policies).to_string();
            let http = || Http {
                filters: vec![Plugin::new(self.module, configuration.clone()).http_filter()],
                normalization: match mesh.path_normalization {
                    Mode::None => PathNormalization::None,
                    Mode::Base => PathNormalization::Base,
                    Mode::MergeSlashes => PathNormalization::MergeSlashes,
                    Mode::DecodeAndMergeSlashes => PathNormalization::DecodeAndMergeSlashes,
                },
                ..Http::default()
            };
            let names = Names::workload(&mesh.trust_domain, &workload.namespace, &workload.service_account);
            let server = self.authority.issue(&names)?;
            let mutual = Transport::mutual_tls(&self.authority, &server);
            listeners.push(Listener::http(name(&reference, true), mutual, http()));
            listeners.push(Listener::http(name(&reference, false), Transport::Plaintext, http()));
        }
        Ok(Bootstrap::new(listeners))
    }
}

/// The listener's name.
fn name(workload: &str, mtls: bool) -> String {
    format!("{}-{}", workload.replace('/', "-"), if mtls { "mtls" } else { "plain" })
}

/// The request on the wire.
fn bytes(http: &Admitted) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&http.method);
    bytes.push(b' ');
    bytes.extend_from_slice(&http.path);
    bytes.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    bytes.extend_from_slice(&http.authority);
    bytes.extend_from_slice(b"\r\ncontent-length: 0\r\n");
    for (name, value) in &http.headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn failed(error: impl core::fmt::Display) -> NoAnswer {
    NoAnswer::Failed(error.to_string())
}
