//! The shipped module in wasmtime.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use palisade::{
    CalledService, IdentitySource, Layer, Options, Severity, Verdict,
    flow::{History, MeshRequest, Simulation},
    lint,
    resource::istio::Action,
};
use palisade_cases::{Answer, Backend, BackendError, FlowCase, Session};
use palisade_harness::{
    Conformance, Connection, HttpAnswer, HttpRequest, Plugin, Stream, Verdict as Seen, VmOptions,
};
use palisade_manifests::Manifests;
use palisade_oracle::backend::{authorization_policies, called, configuration};
use palisade_plugin_config::Provider;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The filter module in the host harness, which decides in place of the destination's proxy.
#[derive(Debug)]
pub struct Wasm {
    conformance: Conformance,
}

impl Wasm {
    /// Compiles `module`.
    ///
    /// # Errors
    ///
    /// Returns an error if `module` is not a proxy-wasm module.
    pub fn new(module: &[u8]) -> Result<Self, String> {
        let conformance = Conformance::new(module).map_err(|error| error.to_string())?;
        Ok(Self { conformance })
    }
}

impl Backend for Wasm {
    fn name(&self) -> &str {
        "wasm in wasmtime"
    }

    fn open<'c>(
        &'c self,
        manifests: &'c Manifests,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, BackendError> {
        same_semantics(options)?;
        let cluster = &manifests.cluster;
        let mut first_names = options.clone();
        first_names.envoy.peer_names_complete = false;
        Ok(Box::new(Proxies {
            conformance: &self.conformance,
            simulation: Simulation::new(cluster.clone(), options.clone()),
            first_names: Simulation::new(cluster.clone(), first_names),
            policies: authorization_policies(manifests),
            plugins: BTreeMap::new(),
        }))
    }
}

/// Skips options other than the default, because the filter has no others.
pub(super) fn same_semantics(options: &Options) -> Result<(), BackendError> {
    let known = Options::default();
    let same = options.istio.version == known.istio.version
        && options.envoy.version == known.envoy.version
        && options.istio.selector_on_gateway_api == known.istio.selector_on_gateway_api
        && options.istio.multiple_custom_providers == known.istio.multiple_custom_providers;
    if same { Ok(()) } else { skip("the plugin configuration supports only the default semantics") }
}

pub(super) fn skip<T>(reason: &str) -> Result<T, BackendError> {
    Err(BackendError::Unsupported(reason.to_string()))
}

/// The proxies of one cluster: a plugin for each workload. Each starts on its first use.
struct Proxies<'c> {
    conformance: &'c Conformance,
    simulation: Simulation,
    /// The proxies for clients of which the filter reads only the first names of the certificate.
    first_names: Simulation,
    policies: Vec<Value>,
    plugins: BTreeMap<Key, Plugin>,
}

/// The workload, the service by which a waypoint is called, and the answers of the external providers.
type Key = (String, Option<(String, String)>, BTreeMap<String, bool>);

impl Session for Proxies<'_> {
    fn answer(&mut self, case: &FlowCase) -> Result<Answer, BackendError> {
        let request = proxied(&self.simulation, case)?;
        let verdict = |simulation: &Simulation| {
            simulation.decide(&case.flow, &History::default()).map(|decision| decision.verdict)
        };
        if verdict(&self.simulation)? != verdict(&self.first_names)? {
            return skip("the certificate may have a name that the filter does not receive");
        }
        let findings = lint::check(self.simulation.cluster(), self.simulation.options());
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return skip("the filter refuses invalid policies, as a webhook does");
        }
        let answers = &case.flow.ext_authz;
        if request.http.is_none() && !answers.is_empty() {
            return skip("the filter calls external providers only for requests");
        }
        if answers.len() > 1 && !self.simulation.options().istio.multiple_custom_providers {
            return skip("the filter calls each provider that its configuration names");
        }
        let cluster = Arc::clone(self.simulation.cluster());
        let service = called(&cluster, &case.flow.to);
        let stream = stream(&request, identity_source(&self.simulation, &request));
        let plugin = self.plugin(&request.workload, service, answers)?;
        let seen = match &request.http {
            Some(_) => Conformance::http(plugin, stream, &http(&request)).verdict,
            None => Conformance::tcp(plugin, stream).verdict,
        };
        match seen {
            Seen::Allow => Ok(Answer::new(Verdict::Allow)),
            Seen::Closed if request.http.is_none() => Ok(Answer::new(Verdict::Deny)),
            Seen::Deny { status: 403, ref body, .. } if body == b"RBAC: access denied" => {
                Ok(Answer { status: Some(403), ..Answer::new(Verdict::Deny) })
            }
            Seen::Deny { status, ref details, .. } if details == "ext_authz_denied" => {
                Ok(Answer { status: u16::try_from(status).ok(), ..Answer::new(Verdict::Deny) })
            }
            Seen::Deny { grpc_status: Some(7), .. } => Ok(Answer::new(Verdict::Deny)),
            other => Err(BackendError::Failed(format!("the filter answers {other:?}"))),
        }
    }
}

/// Returns the traffic at the destination's proxy, if it has all attributes that the decision needs.
pub(super) fn proxied(simulation: &Simulation, case: &FlowCase) -> Result<MeshRequest, BackendError> {
    let mut history = History::default();
    for event in &case.after {
        simulation.apply(&mut history, event)?;
    }
    let decision = simulation.decide(&case.flow, &history)?;
    let network = [Layer::CiliumEgress, Layer::CiliumIngress];
    let blocked =
        |(layer, decision): &(Layer, palisade::LayerDecision)| network.contains(layer) && !decision.passes();
    if decision.layers.iter().any(blocked) {
        return skip("a network policy decides before the destination's proxy");
    }
    let Some(request) = simulation.mesh_request(&case.flow)? else {
        return skip("no request reaches a policy of the destination's proxy");
    };
    let is_waypoint = identity_source(simulation, &request) == IdentitySource::FilterState;
    if is_waypoint && request.uris.is_empty() {
        return skip("every client of a waypoint has an identity");
    }
    if request.uris.len() > 1 || request.dns_names.len() > 1 {
        return skip("a proxy provides only the first name of each kind to a filter");
    }
    if request.remote_ip.is_err() {
        return skip("a proxy does not report to a filter that the client's address is uncertain");
    }
    if decision.verdict == Verdict::Ask {
        return skip("no external provider answers");
    }
    let policies = &simulation.cluster().resources().authorization_policies;
    let custom = policies.iter().any(|policy| policy.spec.action == Some(Action::Custom));
    if custom && (request.before_tokens.is_some() || request.claims.is_some()) {
        return skip("the filter runs after the validation of tokens, CUSTOM rules run before it");
    }
    Ok(request)
}

impl Proxies<'_> {
    /// Starts the plugin of `workload`, with clusters that represent the external providers.
    fn plugin(
        &mut self,
        workload: &str,
        service: Option<CalledService<'_>>,
        answers: &BTreeMap<String, bool>,
    ) -> Result<&mut Plugin, BackendError> {
        let name = service.map(|service| (service.namespace.to_owned(), service.name.to_owned()));
        let key = (workload.to_string(), name, answers.clone());
        if !self.plugins.contains_key(&key) {
            let mut configuration =
                configuration(self.simulation.cluster(), workload, service, &self.policies);
            configuration.profile = self.simulation.options().profile;
            let providers = answers.keys().map(|name| (name.clone(), Provider::new(name)));
            configuration.providers = providers.collect();
            let cluster = |(name, allows): (&String, &bool)| {
                let status = if *allows { "200" } else { "403" };
                let headers = vec![(b":status".to_vec(), status.as_bytes().to_vec())];
                (name.clone(), HttpAnswer { headers, ..HttpAnswer::default() })
            };
            let clusters = answers.iter().map(cluster).collect();
            let plugin = self
                .conformance
                .plugin_among(
                    configuration.to_json().to_string().as_bytes(),
                    VmOptions { clusters, ..VmOptions::default() },
                )
                .map_err(|error| BackendError::Failed(error.to_string()))?;
            self.plugins.insert(key.clone(), plugin);
        }
        Ok(self.plugins.get_mut(&key).expect("just inserted"))
    }
}

/// Returns the property from which the proxy of `request` reads the identity of the client.
fn identity_source(simulation: &Simulation, request: &MeshRequest) -> IdentitySource {
    let workload = simulation.cluster().workload(&request.workload);
    workload.map(|workload| workload.role.identity_source()).unwrap_or_default()
}

fn stream(request: &MeshRequest, identity: IdentitySource) -> Stream {
    let socket =
        |ip: Option<IpAddr>, port| SocketAddr::new(ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port);
    let source = socket(request.source_ip, 40000);
    let mut stream = Stream {
        connection: Connection {
            tls: request.mtls || request.sni.is_some(),
            mtls: request.mtls,
            uri_sans: request.uris.clone(),
            dns_sans: request.dns_names.clone(),
            subject: request.subject.clone().unwrap_or_default(),
            server_name: request.sni.clone().unwrap_or_default(),
            source,
            forwarded: request.http.as_ref().and_then(|http| http.remote_ip),
            destination: socket(request.destination_ip, request.destination_port.unwrap_or_default()),
            ..Connection::default()
        },
        ..Stream::default()
    };
    stream.filter_state.insert("palisade.source_address".to_string(), source.to_string().into_bytes());
    if identity == IdentitySource::FilterState {
        stream.connection.uri_sans.clear();
        let names = request.uris.join(",").into_bytes();
        stream.filter_state.insert(IdentitySource::PEER_PRINCIPAL.to_string(), names);
    }
    if let Some(claims) = &request.claims {
        stream.metadata.insert("envoy.filters.http.jwt_authn".to_string(), json!({"payload": claims}));
    }
    stream
}

fn http(request: &MeshRequest) -> HttpRequest {
    let sent = request.http.as_ref().expect("a request");
    let pseudo = [
        (":method", sent.method.clone()),
        (":authority", sent.authority.clone()),
        (":scheme", sent.scheme.clone()),
    ];
    let path = sent.path.iter().map(|path| (":path", path.clone()));
    let pseudo = pseudo.into_iter().chain(path).map(|(name, value)| (name.as_bytes().to_vec(), value));
    let headers = sent.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone()));
    HttpRequest { headers: pseudo.chain(headers).collect(), ..HttpRequest::default() }
}
