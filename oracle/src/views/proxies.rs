//! The proxies whose views are compared: listeners of one Envoy, and the same workloads in the engine.

use super::{
    exchange,
    probe::Probe,
    settings::{HTTP3, MESHES, PROXIES, ProxyCase, Security, cluster},
    view::{self, RequestView},
};
use crate::backend::{proxy::http_chain, tokens::Issuers};
use anyhow::{Context, Result, anyhow};
use palisade::{
    Cluster, Options,
    flow::{EndpointRef, Flow, History, Simulation, Tls, Token, TokenFault, TokenLocation},
};
use palisade_envoy::{
    certs::{Authority, Identity, Names},
    client::Client,
    config::{Bootstrap, Listener, Transport},
    http3::{Http3, Target},
    port::ReservedPort,
    process::Envoy,
};
use palisade_test_support::Random;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    thread,
};

/// The client's address. Envoy replaces 127.0.0.1 by an address of the machine.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A Lua filter that records the headers for CUSTOM policies.
const BEFORE: &str = r#"
function envoy_on_request(h)
  local lines = {}
  for name, value in pairs(h:headers()) do lines[#lines + 1] = name .. ": " .. value end
  h:streamInfo():dynamicMetadata():set("views", "before", table.concat(lines, "\n"))
end
"#;

/// A Lua filter that answers with the complete view of DENY and ALLOW policies.
const AFTER: &str = r#"
local function text(value)
  if type(value) ~= "table" then return tostring(value) end
  local items = {}
  for index, item in ipairs(value) do items[index] = text(item) end
  return "[" .. table.concat(items, ",") .. "]"
end
function envoy_on_request(h)
  local info = h:streamInfo()
  local data = info:dynamicMetadata()
  local tokens = data:get("envoy.filters.http.jwt_authn")
  local claims = {}
  if tokens and tokens["payload"] then
    for index, name in ipairs({"iss", "sub", "aud", "g", "scope"}) do
      claims[index] = name .. "=" .. text(tokens["payload"][name])
    end
  end
  local lines = {}
  for name, value in pairs(h:headers()) do lines[#lines + 1] = name .. ": " .. value end
  local connection = info:downstreamRemoteAddress() .. "\nclaims " .. table.concat(claims, ";")
  local views = {connection, data:get("views")["before"], table.concat(lines, "\n")}
  local body = table.concat(views, "\n\n")
  local headers = {[":status"] = "STATUS"}
  if h:headers():get(":method") == "HEAD" then
    headers["VIEWS"] = body:gsub("[%%%c ]", function(c) return string.format("%%%02X", c:byte()) end)
  end
  h:respond(headers, body)
end
"#;

fn lua(code: &str) -> Value {
    json!({"name": "envoy.filters.http.lua", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": code},
    }})
}

/// One Envoy with all proxies.
#[derive(Debug)]
pub(super) struct Proxies {
    _envoy: Envoy,
    clients: Vec<Client>,
    http3: Mutex<Http3>,
    identity: Identity,
    ports: Vec<u16>,
    _reserved: Vec<ReservedPort>,
    /// The workloads in each of [`MESHES`].
    clusters: Vec<Arc<Cluster>>,
    tokens: Vec<Token>,
}

impl Proxies {
    /// Starts Envoy with a listener for each workload.
    pub(super) fn start() -> Result<Self> {
        let reserved = PROXIES.iter().map(|_| ReservedPort::new()).collect::<Result<Vec<_>>>()?;
        let ports: Vec<u16> = reserved.iter().map(ReservedPort::number).collect();
        let clusters = MESHES
            .iter()
            .map(|mesh| cluster(mesh, &ports).map(Arc::new))
            .collect::<Result<Vec<Arc<Cluster>>>>()?;
        let issuers = Issuers::new()?;
        let authority = Authority::new("cluster.local")?;
        let identity = authority.issue(&Security::MutualTls.names())?;
        let many = authority.issue(&Security::ManyNames.names())?;
        let after = AFTER.replace("STATUS", &view::STATUS.to_string()).replace("VIEWS", view::HEADER);
        let (mut listeners, mut clients) = (Vec::new(), Vec::new());
        for (case, port) in PROXIES.iter().zip(&ports) {
            let (name, cluster) = (case.name, &clusters[case.mesh]);
            let simulation = Simulation::new(Arc::clone(cluster), Options::default());
            let workload = cluster.workload(&format!("foo/{name}")).context("a pod of mesh.yaml")?;
            let jwt = issuers.filter(cluster, workload)?.context("the rules of mesh.yaml")?;
            let mut http =
                http_chain(&simulation.connection_manager(workload), vec![lua(BEFORE), jwt, lua(&after)]);
            // By default, Envoy closes the connection of an invalid request after a second. A waypoint keeps this delay:
            // its outer listener loses an unread answer when the inner listener closes.
            if case.security != Security::Waypoint {
                http.extra.insert("delayed_close_timeout".into(), json!("0.001s"));
            }
            let server =
                authority.issue(&Names::workload("cluster.local", "foo", &workload.service_account))?;
            // As in Istio, no route matches a CONNECT.
            let routes = json!([{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]);
            let hosts = json!([{"name": "all", "domains": ["*"], "routes": routes}]);
            http.extra.insert("route_config".into(), json!({"name": name, "virtual_hosts": hosts}));
            let tls = |identity| Client::tls(*port, &authority, identity);
            let (transport, client) = match case.security {
                Security::Plaintext => (Transport::Plaintext, Client::plaintext(*port)),
                Security::Tls => (Transport::tls(&authority, &server), tls(None)?),
                Security::MutualTls => (Transport::mutual_tls(&authority, &server), tls(Some(&identity))?),
                Security::ManyNames => (Transport::mutual_tls(&authority, &server), tls(Some(&many))?),
                Security::Waypoint => (Transport::waypoint(&authority, &server), tls(Some(&identity))?),
                Security::Quic => (Transport::quic(&authority, &server), Client::plaintext(*port)),
            };
            clients.push(client.from_address(CLIENT));
            listeners.push(Listener { port: *port, ..Listener::http(name, transport, http) });
        }
        let envoy = Envoy::start(&Bootstrap::new(listeners))?;
        let tokens = tokens(&issuers)?;
        let http3 = Mutex::new(Http3::start()?);
        Ok(Self { _envoy: envoy, clients, http3, identity, ports, _reserved: reserved, clusters, tokens })
    }

    /// Returns the simulation of each mesh.
    pub(super) fn simulations(&self) -> Vec<Simulation> {
        self.clusters.iter().map(|cluster| Simulation::new(Arc::clone(cluster), Options::default())).collect()
    }

    /// Returns a random request.
    pub(super) fn probe(&self, random: &mut Random) -> Probe {
        Probe::random(random, &self.tokens)
    }

    /// Returns the view of `probe` in the engine.
    pub(super) fn predict(&self, simulations: &[Simulation], probe: &Probe) -> Result<RequestView> {
        let ProxyCase { name, mesh, security } = PROXIES[probe.proxy];
        let simulation = &simulations[mesh];
        let mut flow = Flow::new("", &format!("foo/{name}"), self.ports[probe.proxy]);
        let client = if security == Security::Quic { Ipv4Addr::LOCALHOST } else { CLIENT };
        flow.from.endpoint = EndpointRef::Ip(IpAddr::V4(client));
        flow.from.mtls = Some(security.is_mutual());
        flow.tls = (security == Security::Tls).then(Tls::default);
        flow.from.certificate = security.certificate();
        flow.tokens = probe.tokens.iter().map(|number| self.tokens[*number].clone()).collect();
        flow.http = Some(probe.request.clone());
        Ok(match simulation.mesh_request(&flow)? {
            Some(request) => RequestView::of_engine(&request),
            None => RequestView::Rejected(simulation.decide(&flow, &History::default())?.status),
        })
    }

    /// Sends `probes` to their proxies, which run in parallel, and returns the views in Envoy. `predictions` are those of the
    /// engine.
    pub(super) fn observe(&self, probes: &[Probe], predictions: &[RequestView]) -> Result<Vec<RequestView>> {
        let mut views = vec![RequestView::Rejected(None); probes.len()];
        let observe = |proxy| self.observe_proxy(proxy, probes, predictions);
        let answers = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.clients.len())
                .map(|proxy| scope.spawn(move || observe(proxy).context(PROXIES[proxy].name)))
                .collect();
            threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        for answers in answers {
            let answers = answers.map_err(|_| anyhow!("a client has panicked"))??;
            answers.into_iter().for_each(|(number, answer)| views[number] = answer);
        }
        Ok(views)
    }

    /// Sends the probes of one proxy and returns the views, each with the number of its probe.
    fn observe_proxy(
        &self,
        proxy: usize,
        probes: &[Probe],
        predictions: &[RequestView],
    ) -> Result<Vec<(usize, RequestView)>> {
        let client = &self.clients[proxy];
        let here = (0..probes.len()).filter(|number| probes[*number].proxy == proxy);
        let (streams, http1): (Vec<usize>, Vec<usize>) = here.partition(|n| probes[*n].has_streams());
        let mut answers = Vec::new();
        let mut answer = |number: usize, answer: RequestView| answers.push((number, answer));
        let probe = |number: usize| &probes[number];
        exchange::http1(client, &http1, probe, &mut answer)?;
        let reset = |number: usize| predictions[number] == RequestView::Rejected(None);
        match proxy {
            HTTP3 => {
                let target = Target::new(self.ports[proxy]).with_identity(&self.identity);
                let mut http3 = self.http3.lock().map_err(|_| anyhow!("a client has panicked"))?;
                exchange::http3(&mut http3, &target, &streams, reset, probe, &mut answer)?;
            }
            _ => {
                exchange::http2(
                    client,
                    PROXIES[proxy].security.is_https(),
                    &streams,
                    reset,
                    probe,
                    &mut answer,
                )?;
            }
        }
        Ok(answers)
    }

    /// Returns `text` with the claims of each token in place of its encoded text.
    pub(super) fn readable(&self, text: String, probe: &Probe) -> String {
        probe.tokens.iter().fold(text, |text, number| {
            let Token { claims, fault, text: Some(token), .. } = &self.tokens[*number] else { return text };
            let fault = fault.map_or(String::new(), |fault| format!(" {fault:?}"));
            text.replace(token.as_str(), &format!("<{}{fault}>", Value::from(claims.clone())))
        })
    }
}

/// Returns valid and invalid tokens of every issuer with claims of every kind.
fn tokens(issuers: &Issuers) -> Result<Vec<Token>> {
    let groups =
        [json!("staff"), json!(""), json!(1.5), json!(7), json!(true), json!(["x", 1]), json!({"k": "v"})];
    let mut tokens = Vec::new();
    for issuer in ["a", "b", "c", "z"] {
        for (number, group) in groups.iter().enumerate() {
            for valid in [true, number % 3 != 0] {
                let mut claims = json!({"iss": issuer, "sub": "s", "g": group, "scope": "r w"});
                if issuer == "c" && number != 1 {
                    claims["aud"] = if number % 2 == 0 { json!("x") } else { json!(["w", "x"]) };
                }
                let claims = claims.as_object().cloned().unwrap_or_default();
                let text = Some(issuers.sign(&claims, valid)?);
                let fault = (!valid).then_some(TokenFault::Signature);
                tokens.push(Token { claims, fault, location: TokenLocation::Written, text });
            }
        }
    }
    let text = Some("a.b.c".to_owned());
    tokens.push(Token {
        fault: Some(TokenFault::Malformed),
        location: TokenLocation::Written,
        text,
        ..Token::default()
    });
    Ok(tokens)
}
