//! The proxy of one workload: listeners of one Envoy with native RBAC, and others with the shipped filter module.

use super::{mesh::Mesh, policies::configuration, tokens::Issuers};
use anyhow::{Context, Result};
use palisade::{
    CalledService, IdentitySource, MeshRole, Workload,
    export::{Chain, envoy_rbac_for_service},
    flow::MeshRequest,
    http::{ForwardClientCertificate as Forward, Proxy as Manager},
};
use palisade_envoy::{
    certs::{Authority, DnType, Names},
    client::Client,
    config::{Http, Listener, Tcp, Transport, UPSTREAM, named_by_request, tls_inspector},
    dynamic::{DynamicEnvoy, Group},
    wasm::Plugin,
};
use serde_json::{Value, json};
use std::{net::IpAddr, path::Path};

/// The implementation that enforces policies in a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enforcer {
    /// Envoy's own filters, from `palisade::export`.
    Native,
    /// The shipped module.
    Wasm,
}

/// The listeners of a workload.
#[derive(Debug)]
pub(super) struct Proxy {
    listeners: Group,
    /// The filters of the native HTTP filter chain, as text that shows which attributes the policies use.
    pub(super) http: String,
    /// The filters of the native TCP filter chain.
    pub(super) tcp: String,
}

const AUTHORIZER: &str = "authorizer";

/// Starts an Envoy for proxies.
pub(super) fn envoy() -> Result<DynamicEnvoy> {
    DynamicEnvoy::start(vec![named_by_request(AUTHORIZER)])
}

impl Proxy {
    /// Opens the proxy of `workload`, called by the name of `service`. One of its listeners represents `port`.
    #[expect(clippy::too_many_arguments, reason = "a proxy depends on all of these")]
    pub(super) fn open(
        envoy: &DynamicEnvoy,
        mesh: &Mesh,
        workload: &Workload,
        service: Option<CalledService<'_>>,
        port: Option<u16>,
        module: Option<&Path>,
        authority: &Authority,
        issuers: &Issuers,
    ) -> Result<Self> {
        let cluster = mesh.simulation.cluster();
        let config = &cluster.resources().mesh;
        let options = mesh.simulation.options();
        let [http, tcp] = [Chain::Http, Chain::Tcp]
            .map(|chain| envoy_rbac_for_service(cluster, workload, service, chain, options));
        let manager = mesh.simulation.connection_manager(workload);
        let jwt = issuers.filter(cluster, workload)?;
        let server = authority.issue(&Names::workload(
            &config.trust_domain,
            &workload.namespace,
            &workload.service_account,
        ))?;
        let authorizer = crate::multiplexed_envoy::free_port()?;
        let mut listeners = vec![self::authorizer(&http, authorizer)];
        for secure in [true, false] {
            let transport = match secure {
                true => Transport::tls(authority, &server),
                false => Transport::Plaintext,
            };
            let mut open = |mut listener: Listener, port: u16| {
                listener.port = port;
                listener.listener_filters.push(tls_inspector());
                listeners.push(listener);
            };
            let here = crate::multiplexed_envoy::free_port()?;
            let chain = |filters: Vec<Value>| http_chain(&manager, filters);
            let filters = native_filters(
                workload,
                at_port(Value::from(http.clone()), port, here),
                jwt.as_ref(),
                authorizer,
            );
            let name = name(Enforcer::Native, true, secure);
            open(Listener::http(name, transport.clone(), chain(filters)), here);
            let here = crate::multiplexed_envoy::free_port()?;
            if !tcp.iter().any(|filter| filter["name"] == TCP_EXT_AUTHZ) {
                let mut filters = principal(workload, "network");
                filters.extend(list(at_port(Value::from(tcp.clone()), port, here)));
                let name = self::name(Enforcer::Native, false, secure);
                open(Listener::tcp(name, transport.clone(), Tcp::echo(filters)), here);
            }
            let Some(module) = module.filter(|_| !mesh.refused) else { continue };
            for is_http in [true, false] {
                let here = crate::multiplexed_envoy::free_port()?;
                let policies = list(at_port(Value::from(mesh.policies.clone()), port, here));
                let reference = format!("{}/{}", workload.namespace, workload.name);
                let configuration = configuration(cluster, &reference, service, &policies);
                let plugin = Plugin::new(module, configuration.to_json().to_string());
                let name = self::name(Enforcer::Wasm, is_http, secure);
                let listener = match is_http {
                    true => {
                        let mut filters = vec![source_address("http")];
                        filters.extend(principal(workload, "http"));
                        filters.extend(jwt.clone());
                        filters.push(plugin.http_filter());
                        Listener::http(name, transport.clone(), chain(filters))
                    }
                    false => {
                        let mut filters = vec![source_address("network")];
                        filters.extend(principal(workload, "network"));
                        filters.push(plugin.network_filter());
                        Listener::tcp(name, transport.clone(), Tcp::echo(filters))
                    }
                };
                open(listener, here);
            }
        }
        let text = |filters: &[Value]| Value::from(filters).to_string();
        let (http, tcp) = (text(&http), text(&tcp));
        Ok(Self { listeners: envoy.open(listeners)?, http, tcp })
    }

    /// Returns a client with the certificate and the address of `connection`.
    pub(super) fn client(
        &self,
        enforcer: Enforcer,
        connection: &MeshRequest,
        authority: &Authority,
    ) -> Result<Client> {
        let is_http = connection.http.is_some();
        // A sidecar that does not terminate TLS only forwards the bytes.
        let terminated = connection.mtls || connection.sni.is_some() && is_http;
        let port = self.listeners.port(&name(enforcer, is_http, terminated))?;
        let mut client = Client::plaintext(port);
        if connection.mtls || connection.sni.is_some() {
            let identity = connection.mtls.then(|| authority.issue(&names(connection))).transpose()?;
            client = Client::tls(port, authority, identity.as_ref())?;
            if let Some(name) = &connection.sni {
                client = client.with_server_name(name)?;
            }
        }
        Ok(match connection.source_ip {
            Some(IpAddr::V4(ip)) if ip.is_loopback() => client.from_address(ip),
            _ => client,
        })
    }
}

fn name(enforcer: Enforcer, http: bool, secure: bool) -> String {
    let enforcer = if enforcer == Enforcer::Native { "native" } else { "wasm" };
    format!("{enforcer}-{}-{}", if http { "http" } else { "tcp" }, if secure { "tls" } else { "plain" })
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// Returns the names of the client certificate. The text of a subject (RFC 2253) starts with its last part.
fn names(connection: &MeshRequest) -> Names {
    let parts = connection.subject.iter().flat_map(|subject| subject.rsplit(','));
    let subject = parts.filter_map(|part| {
        let (kind, value) = part.trim().split_once('=')?;
        let kind = match kind {
            "CN" => DnType::CommonName,
            "O" => DnType::OrganizationName,
            "OU" => DnType::OrganizationalUnitName,
            "C" => DnType::CountryName,
            _ => return None,
        };
        Some((kind, value.to_owned()))
    });
    Names { uris: connection.uris.clone(), dns: connection.dns_names.clone(), subject: subject.collect() }
}

/// Returns an HTTP filter chain with the settings of `manager`.
pub(crate) fn http_chain(manager: &Manager, filters: Vec<Value>) -> Http {
    let mut http = Http { filters, normalization: manager.normalization, ..Http::default() };
    http.extra.extend(manager_fields(manager));
    http
}

/// Returns the fields of the connection manager that change the input of policies, as istiod generates them.
fn manager_fields(manager: &Manager) -> serde_json::Map<String, Value> {
    let forward = match manager.client_certificate {
        Forward::Sanitize => "SANITIZE",
        Forward::ForwardOnly => "FORWARD_ONLY",
        Forward::AppendForward => "APPEND_FORWARD",
        Forward::SanitizeSet => "SANITIZE_SET",
        Forward::AlwaysForwardOnly => "ALWAYS_FORWARD_ONLY",
    };
    let details = manager.certificate_details;
    let fields = json!({
        "use_remote_address": manager.gateway,
        "xff_num_trusted_hops": manager.trusted_proxies,
        "forward_client_cert_details": forward,
        "set_current_client_cert_details": {
            "subject": details.subject,
            "uri": details.uri,
            "dns": details.dns,
            "cert": details.certificate,
            "chain": details.chain,
        },
        "proxy_100_continue": true,
        "generate_request_id": manager.generates_request_id,
        "append_x_forwarded_port": manager.appends_forwarded_port,
        "http_protocol_options": {"accept_http_10": manager.accepts_http_1_0},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    });
    match fields {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

/// Returns the filters of the export with token validation after CUSTOM, as istiod does. A waypoint first sets the identity.
fn native_filters(workload: &Workload, export: Value, jwt: Option<&Value>, authorizer: u16) -> Vec<Value> {
    let mut filters = principal(workload, "http");
    let (custom, others): (Vec<Value>, Vec<Value>) = list(export).into_iter().partition(|filter| {
        let text = filter.to_string();
        text.contains("istio-ext-authz-") || text.contains("istio_ext_authz_")
    });
    filters.extend(custom.into_iter().map(|filter| match provider(&filter) {
        Some(provider) => ask_here(filter.clone(), &provider, authorizer),
        None => filter,
    }));
    filters.extend(jwt.cloned());
    filters.extend(others);
    filters
}

/// Returns the provider of an `ext_authz` filter.
fn provider(filter: &Value) -> Option<String> {
    let prefix = filter.pointer("/typedConfig/filterEnabledMetadata/value/stringMatch/prefix")?.as_str()?;
    prefix.strip_prefix("istio-ext-authz-").map(str::to_owned)
}

/// Returns the header of a case's request that contains the provider's answer.
pub(super) fn answer_header(provider: &str) -> String {
    format!("x-authz-{provider}").to_ascii_lowercase()
}

/// Returns the filter with a test provider at `port`, whose answer is in a header of the request.
fn ask_here(mut filter: Value, provider: &str, port: u16) -> Value {
    let config = &mut filter["typedConfig"];
    if let Some(fields) = config.as_object_mut() {
        fields.remove("grpcService");
    }
    config["httpService"] = json!({
        "serverUri": {"uri": "http://authorizer", "cluster": AUTHORIZER, "timeout": "5s"},
        "authorizationRequest": {"headersToAdd": [{"key": UPSTREAM, "value": format!("127.0.0.1:{port}")}]},
    });
    config["allowedHeaders"] = json!({"patterns": [{"exact": answer_header(provider)}]});
    filter
}

/// A text in every filter that calls a provider about TCP connections, which the tests do not support.
pub(super) const TCP_EXT_AUTHZ: &str = "envoy.filters.network.ext_authz";

/// The status of a provider without an answer.
pub(super) const ASKED: u16 = 418;

fn authorizer(export: &[Value], port: u16) -> Listener {
    let route = |provider: &str, answer: &str, status: u16| {
        let header = json!({"name": answer_header(provider), "string_match": {"exact": answer}});
        json!({"match": {"prefix": "/", "headers": [header]}, "direct_response": {"status": status}})
    };
    let providers: Vec<String> = export.iter().filter_map(provider).collect();
    let answers = [("allow", 200), ("deny", 403)];
    let mut routes: Vec<Value> =
        providers.iter().flat_map(|p| answers.map(|(answer, status)| route(p, answer, status))).collect();
    routes.push(json!({"match": {"prefix": "/"}, "direct_response": {"status": ASKED}}));
    let mut http = Http::default();
    let hosts = json!([{"name": "all", "domains": ["*"], "routes": routes}]);
    http.extra.insert("route_config".into(), json!({"name": AUTHORIZER, "virtual_hosts": hosts}));
    let mut listener = Listener::http(AUTHORIZER, Transport::Plaintext, http);
    listener.port = port;
    listener
}

/// Returns the data that the outer listener of a waypoint passes to the inner one; empty for other proxies.
fn principal(workload: &Workload, level: &str) -> Vec<Value> {
    match workload.role {
        MeshRole::Waypoint(_) => {
            vec![state(level, IdentitySource::PEER_PRINCIPAL, "%DOWNSTREAM_PEER_URI_SAN%")]
        }
        MeshRole::Proxy | MeshRole::GatewayApi(_) => Vec::new(),
    }
}

/// Returns the filter that records the address of the connection, which Envoy does not show to filters.
fn source_address(level: &str) -> Value {
    state(level, "palisade.source_address", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%")
}

fn state(level: &str, key: &str, value: &str) -> Value {
    let kind = format!("type.googleapis.com/envoy.extensions.filters.{level}.set_filter_state.v3.Config");
    let on = if level == "http" { "on_request_headers" } else { "on_new_connection" };
    let mut config = json!({"@type": kind});
    config[on] = json!([{
        "object_key": key,
        "factory_key": "envoy.string",
        "format_string": {"text_format_source": {"inline_string": value}, "omit_empty_values": true},
        "skip_if_empty": true,
    }]);
    json!({"name": format!("envoy.filters.{level}.set_filter_state"), "typed_config": config})
}

/// Replaces `port` in policies or filters by the port that represents it on loopback.
fn at_port(value: Value, port: Option<u16>, here: u16) -> Value {
    let Some(port) = port else { return value };
    let renamed = |number: u64| match number {
        n if n == u64::from(port) => u64::from(here),
        // No other client uses the listeners.
        n if n == u64::from(here) => 1,
        n => n,
    };
    let texts = |value: &mut Value| {
        for text in value.as_array_mut().into_iter().flatten() {
            if let Some(number) = text.as_str().and_then(|text| text.parse().ok()) {
                *text = json!(renamed(number).to_string());
            }
        }
    };
    fn each(value: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
            Value::Object(fields) => {
                change(fields);
                fields.values_mut().for_each(|field| each(field, change));
            }
            _ => {}
        }
    }
    let mut value = value;
    each(&mut value, &|fields| {
        if let Some(number) = fields.get("destinationPort").and_then(Value::as_u64) {
            fields.insert("destinationPort".into(), json!(renamed(number)));
        }
        let condition = fields.get("key").is_some_and(|key| key == "destination.port");
        let lists = if condition { ["values", "notValues"] } else { ["ports", "notPorts"] };
        lists.iter().for_each(|name| {
            if let Some(list) = fields.get_mut(*name) {
                texts(list);
            }
        });
    });
    value
}

/// Returns the destination workload of `connection`.
pub(super) fn workload<'c>(mesh: &'c Mesh, connection: &MeshRequest) -> Result<&'c Workload> {
    mesh.simulation.cluster().workload(&connection.workload).context("missing workload")
}
