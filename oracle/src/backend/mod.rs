//! Case files in a real Envoy: native RBAC, configured from [`palisade::export`], and the shipped filter module. Both receive
//! the same bytes, and both must decide as the case expects.

mod mesh;
mod policies;
pub(crate) mod proxy;
pub(crate) mod tokens;
pub(crate) mod wire;

pub use mesh::{Arrival, Mesh, skip};
pub use policies::{authorization_policies, called, configuration};

use palisade::{
    Options, Verdict,
    flow::{EndpointRef, HttpRequest, HttpVersion},
    http::{Downstream, Proxy as Codec, admit},
};
use palisade_cases::{Answer, Backend, BackendError, FlowCase, Session};
use palisade_envoy::{
    certs::Authority,
    client::{Client, Reply},
    dynamic::DynamicEnvoy,
    http2::Http2,
};
use palisade_manifests::Manifests;
use proxy::{ASKED, Enforcer, Proxy, answer_header, workload};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokens::Issuers;

/// The back end that runs native RBAC and, if a module is given, the filter in one Envoy. It starts on the first use.
#[derive(Debug)]
pub struct InEnvoy {
    module: Option<PathBuf>,
    by_both: AtomicUsize,
    /// The Envoy of all proxies, or the reason why it could not be started.
    envoy: OnceLock<Result<DynamicEnvoy, String>>,
}

impl InEnvoy {
    /// Creates the back end. Its Envoy also loads `module`.
    pub fn new(module: Option<PathBuf>) -> Self {
        Self { module, by_both: AtomicUsize::new(0), envoy: OnceLock::new() }
    }

    fn envoy(&self) -> Result<&DynamicEnvoy, BackendError> {
        let envoy = self.envoy.get_or_init(|| proxy::envoy().map_err(|error| format!("{error:#}")));
        envoy.as_ref().map_err(|reason| BackendError::Failed(reason.clone()))
    }

    /// Returns the number of cases that both decided with the same status.
    pub fn by_both(&self) -> usize {
        self.by_both.load(Ordering::Relaxed)
    }
}

impl Backend for InEnvoy {
    fn name(&self) -> &str {
        "native RBAC in Envoy"
    }

    fn open<'c>(
        &'c self,
        manifests: &'c Manifests,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, BackendError> {
        let known = Options::default();
        if options.profile != known.profile {
            return skip("native RBAC has no profile strict");
        }
        if options.envoy.version != known.envoy.version || options.istio.version != known.istio.version {
            return skip("only one version of Envoy is installed");
        }
        let mesh = Mesh::open(manifests, options);
        let authority = Authority::new(&manifests.cluster.resources().mesh.trust_domain).map_err(failed)?;
        let issuers = Issuers::new().map_err(failed)?;
        Ok(Box::new(Proxies { backend: self, mesh, authority, issuers, proxies: BTreeMap::new() }))
    }
}

/// The workload, its port, and the service by which a waypoint is called.
type Key = (String, Option<u16>, Option<String>);

fn key(case: &FlowCase, arrival: &Arrival) -> Key {
    let service = match &case.flow.to {
        EndpointRef::Gateway { service, .. } => service.clone(),
        _ => None,
    };
    (arrival.connection.workload.clone(), arrival.connection.destination_port, service)
}

/// The proxies of one cluster. Each opens on its first use.
struct Proxies<'c> {
    backend: &'c InEnvoy,
    mesh: Mesh,
    authority: Authority,
    issuers: Issuers,
    /// The proxies, or the reasons why they could not be opened, by workload, port and called service.
    proxies: BTreeMap<Key, Result<Proxy, String>>,
}

impl Session for Proxies<'_> {
    fn answer(&mut self, case: &FlowCase) -> Result<Answer, BackendError> {
        let arrival = self.mesh.arrival(case)?;
        expressible(case, &arrival)?;
        self.ready(case, &arrival)?;
        let proxy = match self.proxies.get(&key(case, &arrival)) {
            Some(Ok(proxy)) => proxy,
            Some(Err(reason)) => return failed_to(reason),
            None => return skip("no proxy"),
        };
        let is_http = case.flow.http.is_some() && arrival.connection.http.is_some();
        local(case, &arrival, if is_http { &proxy.http } else { &proxy.tcp })?;
        if !is_http && proxy.tcp.contains(proxy::TCP_EXT_AUTHZ) {
            return skip("the test provider does not support gRPC");
        }
        let request = match case.flow.http.as_ref().filter(|_| is_http) {
            Some(http) => Some(self.request(case, &arrival, http)?),
            None => None,
        };
        let ask = |enforcer| {
            let client = proxy.client(enforcer, &arrival.connection, &self.authority).map_err(failed)?;
            match &request {
                Some(request) => over_http(&client, request, case.flow.ext_authz.is_empty()),
                None => over_tcp(&client, arrival.connection.mtls),
            }
        };
        let native = ask(Enforcer::Native)?;
        if self.backend.module.is_some() && self.mesh.filter_sees(case, &arrival).is_ok() {
            let wasm = ask(Enforcer::Wasm)?;
            if wasm != native {
                let text = format!("native RBAC decides {native:?}, the filter {wasm:?}");
                return Err(BackendError::Failed(text));
            }
            self.backend.by_both.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Answer { status: native.1, ..Answer::new(native.0) })
    }
}

impl Proxies<'_> {
    /// Opens the proxy that receives `arrival`.
    fn ready(&mut self, case: &FlowCase, arrival: &Arrival) -> Result<(), BackendError> {
        let port = arrival.connection.destination_port;
        let key = key(case, arrival);
        if !self.proxies.contains_key(&key) {
            let workload = workload(&self.mesh, &arrival.connection).map_err(failed)?;
            let module = self.backend.module.as_deref();
            let envoy = self.backend.envoy()?;
            let service = called(self.mesh.simulation.cluster(), &case.flow.to);
            let open = || {
                Proxy::open(
                    envoy,
                    &self.mesh,
                    workload,
                    service,
                    port,
                    module,
                    &self.authority,
                    &self.issuers,
                )
            };
            // Another process may have taken a port before Envoy opens it.
            let proxy = open().or_else(|_| open());
            self.proxies.insert(key, proxy.map_err(|error| format!("{error:#}")));
        }
        Ok(())
    }

    /// Returns the request with its tokens and with the answers of the providers.
    fn request(
        &self,
        case: &FlowCase,
        arrival: &Arrival,
        http: &HttpRequest,
    ) -> Result<HttpRequest, BackendError> {
        let cluster = self.mesh.simulation.cluster();
        let workload = workload(&self.mesh, &arrival.connection).map_err(failed)?;
        if http.raw.is_some() && !case.flow.tokens.is_empty() {
            return skip("raw bytes cannot contain a token");
        }
        let request = self.issuers.attach(cluster, workload, http, &case.flow.tokens).map_err(failed)?;
        let Some(mut request) = request else { return skip("no token with this fault can be made") };
        for (provider, allow) in &case.flow.ext_authz {
            if !provider.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
                return skip("the provider's name is not valid in a header name");
            }
            let answer: &[u8] = if *allow { b"allow" } else { b"deny" };
            request.headers.push((answer_header(provider), answer.to_vec()));
        }
        Ok(request)
    }
}

/// Skips cases that an Envoy on loopback cannot reproduce.
fn expressible(case: &FlowCase, arrival: &Arrival) -> Result<(), BackendError> {
    let connection = &arrival.connection;
    if matches!(case.flow.to, EndpointRef::Gateway { service: Some(_), .. }) && !case.flow.tokens.is_empty() {
        return skip("tokens are validated for the whole workload, not for a service behind a waypoint");
    }
    if connection.mtls
        && connection.uris.is_empty()
        && connection.dns_names.is_empty()
        && connection.subject.is_none()
    {
        return skip("a certificate needs a name");
    }
    if let Some(http) = &case.flow.http {
        if http.version == HttpVersion::Http3 {
            return skip("the client does not support HTTP/3");
        }
        if http.method == "CONNECT" && arrival.decision.verdict != Verdict::Reject {
            return skip("no route of this Envoy matches a CONNECT");
        }
        let ends = |raw: &Vec<u8>| {
            [&b"\n\n"[..], b"\n\r\n"].iter().any(|end| raw.windows(end.len()).any(|w| w == *end))
        };
        if http.raw.as_ref().is_some_and(|raw| !ends(raw)) {
            return skip("Envoy waits for the rest of the head");
        }
        let asked = arrival.decision.verdict == Verdict::Ask || !case.flow.ext_authz.is_empty();
        if asked && !is_known(&http.method) {
            return skip("the provider's HTTP/1 server rejects the method");
        }
    }
    Ok(())
}

/// Whether the HTTP/1 codec accepts the method.
fn is_known(method: &str) -> bool {
    admit(&HttpRequest::new(method, "/", "a"), &Downstream::default(), &Codec::sidecar()).is_ok()
}

/// Skips cases whose result depends on addresses other than those of loopback.
fn local(case: &FlowCase, arrival: &Arrival, filters: &str) -> Result<(), BackendError> {
    let connection = &arrival.connection;
    let loopback = |ip: Option<std::net::IpAddr>| ip.is_some_and(|ip| ip.is_loopback() && ip.is_ipv4());
    let client = filters.contains("\"remoteIp\"");
    let forwarded = arrival.request.as_ref().is_some_and(|r| r.remote_ip != Ok(r.source_ip));
    let given = case.flow.http.as_ref().is_some_and(|http| http.remote_ip.is_some());
    // A gateway writes the client's address into headers.
    let written = ["x-forwarded-for", "x-envoy-external-address"].iter().any(|name| filters.contains(name));
    let peer = filters.contains("\"directRemoteIp\"") || client && !forwarded || written;
    if filters.contains("x-envoy-peer-metadata") {
        return skip("this Envoy has no metadata exchange");
    }
    let waypoint = matches!(case.flow.to, EndpointRef::Gateway { service: Some(_), .. });
    if waypoint && connection.mtls && filters.contains("x-forwarded-proto") {
        return skip("this Envoy has no tunnel to a waypoint");
    }
    if filters.contains("x-forwarded-port") {
        return skip("the listener has another port on loopback");
    }
    if peer && !loopback(connection.source_ip)
        || client && given
        || filters.contains("\"destinationIp\"")
            && connection.destination_ip != Some(std::net::Ipv4Addr::LOCALHOST.into())
    {
        return skip("loopback has other addresses");
    }
    Ok(())
}

type Seen = (Verdict, Option<u16>);

/// Sends an HTTP request. `alone`: no provider answers, whose denial would look like a rejection by the connection manager.
fn over_http(client: &Client, request: &HttpRequest, alone: bool) -> Result<Seen, BackendError> {
    // An answer to HEAD has no body.
    let alone = alone && request.method != "HEAD";
    if request.version == HttpVersion::Http2 {
        let connection = client.connect().map_err(failed)?;
        let mut http2 = Http2::new(connection).map_err(failed)?;
        let answers = http2.exchange(&[wire::http2(request)]).map_err(failed)?;
        let Some(answer) = answers.first().filter(|answer| answer.status() != 0) else {
            return Ok((Verdict::Reject, None));
        };
        return verdict(alone, answer.status(), answer.field("grpc-status"), &answer.body);
    }
    match client.request(&wire::http1(request)).map_err(failed)? {
        Reply::Response(response) => {
            verdict(alone, response.status, response.header("grpc-status"), &response.body)
        }
        Reply::Closed(reason) => failed_to(&format!("Envoy closed the connection: {reason}")),
    }
}

fn verdict(alone: bool, status: u16, grpc_status: Option<&str>, body: &[u8]) -> Result<Seen, BackendError> {
    const AUDIENCE: &[u8] = b"Audiences in Jwt are not allowed";
    match status {
        200 if grpc_status == Some("7") => Ok((Verdict::Deny, None)),
        403 if body.windows(AUDIENCE.len()).any(|part| part == AUDIENCE) => Ok((Verdict::Reject, Some(403))),
        // Rejections by the codec and the connection manager do not have RBAC's body.
        403 if body == b"Forbidden" || alone && body.is_empty() => Ok((Verdict::Reject, Some(403))),
        403 => Ok((Verdict::Deny, Some(403))),
        status => by_status(status),
    }
}

fn by_status(status: u16) -> Result<Seen, BackendError> {
    match status {
        200 => Ok((Verdict::Allow, None)),
        400 | 401 | 404 | 426 | 431 | 501 => Ok((Verdict::Reject, Some(status))),
        ASKED => Ok((Verdict::Ask, None)),
        status => failed_to(&format!("unexpected status {status} from Envoy")),
    }
}

/// Sends some bytes, which an echo returns. A TLS client that receives its own greeting was also allowed.
fn over_tcp(client: &Client, mtls: bool) -> Result<Seen, BackendError> {
    let mut connection = client.connect().map_err(failed)?;
    let sent = connection.write_all(&[b'x'; 64]).and_then(|()| connection.flush());
    match sent.and_then(|()| connection.read_exact(&mut [0])) {
        Ok(()) => Ok((Verdict::Allow, None)),
        Err(error) => match error.kind() {
            ErrorKind::InvalidData if !mtls => Ok((Verdict::Allow, None)),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(failed(error)),
            _ => Ok((Verdict::Deny, None)),
        },
    }
}

fn failed_to<T>(text: &str) -> Result<T, BackendError> {
    Err(BackendError::Failed(text.to_owned()))
}

fn failed(error: impl std::fmt::Display) -> BackendError {
    BackendError::Failed(format!("{error:#}"))
}
