//! The proxies whose views are compared: listeners of one Envoy, and the same workloads in the engine.

use super::{exchange, probe::Probe, seen::Seen};
use crate::{
    backend::{proxy::http_chain, tokens::Issuers},
    fleet::free_port,
    random::Random,
};
use anyhow::{Context, Result, anyhow, ensure};
use palisade::{
    Cluster, Options,
    flow::{Certificate, Flow, History, Place, Simulation, Token, TokenFault, TokenPlace},
    manifest,
    resource::Resources,
};
use palisade_envoy::{
    certs::{Authority, Identity, Names},
    client::Client,
    config::{Bootstrap, Listener, Transport},
    http3::{Http3, Target},
    process::Envoy,
};
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
    thread,
};

/// The workloads of `mesh.yaml`, in the order of their ports.
pub(super) const NAMES: [&str; 6] = [
    "sidecar",
    "gateway",
    "sidecar-with-settings",
    "gateway-behind-proxy",
    "sidecar-with-mtls",
    "sidecar-with-http3",
];

/// The first workload whose clients use mutual TLS.
const MTLS: usize = 4;

/// The workload whose clients use HTTP/3.
pub(super) const HTTP3: usize = 5;

/// The client's address. Envoy replaces 127.0.0.1 by an address of the machine.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The identity in the client's certificate.
const IDENTITY: &str = "spiffe://cluster.local/ns/foo/sa/client";

/// A Lua filter that keeps the headers as CUSTOM policies see them.
const BEFORE: &str = r#"
function envoy_on_request(h)
  local lines = {}
  for name, value in pairs(h:headers()) do lines[#lines + 1] = name .. ": " .. value end
  h:streamInfo():dynamicMetadata():set("views", "before", table.concat(lines, "\n"))
end
"#;

/// A Lua filter that answers with everything that policies see.
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
  local body = {connection, data:get("views")["before"], table.concat(lines, "\n")}
  h:respond({[":status"] = "200"}, table.concat(body, "\n\n"))
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
    cluster: Cluster,
    tokens: Vec<Token>,
}

impl Proxies {
    /// Starts Envoy with a listener for each workload.
    pub(super) fn start() -> Result<Self> {
        let ports = NAMES.iter().map(|_| free_port()).collect::<Result<Vec<u16>>>()?;
        let cluster = cluster(&ports)?;
        let issuers = Issuers::new()?;
        let authority = Authority::new("cluster.local")?;
        let identity = authority.issue(&Names::spiffe(IDENTITY))?;
        let simulation = Simulation::new(&cluster, Options::default());
        let (mut listeners, mut clients) = (Vec::new(), Vec::new());
        for (number, (name, port)) in NAMES.iter().zip(&ports).enumerate() {
            let workload = cluster.workload(&format!("foo/{name}")).context("a pod of mesh.yaml")?;
            let jwt = issuers.filter(&cluster, workload)?.context("the rules of mesh.yaml")?;
            let mut http =
                http_chain(&simulation.connection_manager(workload), vec![lua(BEFORE), jwt, lua(AFTER)]);
            // Envoy waits for a second before it closes the connection of an invalid request.
            http.extra.insert("delayed_close_timeout".into(), json!("0.001s"));
            let server =
                authority.issue(&Names::workload("cluster.local", "foo", &workload.service_account))?;
            let (transport, client) = match number {
                HTTP3 => (Transport::quic(&authority, &server), Client::plaintext(*port)),
                MTLS => {
                    let client = Client::tls(*port, &authority, Some(&identity))?;
                    (Transport::mutual_tls(&authority, &server), client)
                }
                _ => (Transport::Plaintext, Client::plaintext(*port)),
            };
            clients.push(client.from_address(CLIENT));
            listeners.push(Listener { port: *port, ..Listener::http(*name, transport, http) });
        }
        let envoy = Envoy::start(&Bootstrap::new(listeners))?;
        let tokens = tokens(&issuers)?;
        drop(simulation);
        let http3 = Mutex::new(Http3::start()?);
        Ok(Self { _envoy: envoy, clients, http3, identity, ports, cluster, tokens })
    }

    /// The engine's side.
    pub(super) fn simulation(&self) -> Simulation<'_> {
        Simulation::new(&self.cluster, Options::default())
    }

    /// A request at random.
    pub(super) fn probe(&self, random: &mut Random) -> Probe {
        Probe::random(random, &self.tokens)
    }

    /// What policies see of `probe` according to the engine.
    pub(super) fn predict(&self, simulation: &Simulation<'_>, probe: &Probe) -> Result<Seen> {
        let name = NAMES[probe.proxy];
        let mut flow = Flow::new("", &format!("foo/{name}"), self.ports[probe.proxy]);
        let client = if probe.proxy == HTTP3 { Ipv4Addr::LOCALHOST } else { CLIENT };
        flow.from.place = Place::Ip(IpAddr::V4(client));
        let mtls = probe.proxy >= MTLS;
        flow.from.mtls = Some(mtls);
        flow.from.certificate =
            mtls.then(|| Certificate { uris: vec![IDENTITY.into()], ..Certificate::default() });
        flow.tokens = probe.tokens.iter().map(|number| self.tokens[*number].clone()).collect();
        flow.http = Some(probe.request.clone());
        Ok(match simulation.mesh_request(&flow)? {
            Some(request) => Seen::of_engine(&request),
            None => Seen::Refused(simulation.decide(&flow, &History::default())?.status),
        })
    }

    /// What Envoy's filters see of each of `probes`, which the engine sees as `predictions`. The proxies are asked in
    /// parallel.
    pub(super) fn ask(&self, probes: &[Probe], predictions: &[Seen]) -> Result<Vec<Seen>> {
        let mut seen = vec![Seen::Refused(None); probes.len()];
        let ask = |proxy| self.ask_proxy(proxy, probes, predictions);
        let answers = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.clients.len()).map(|proxy| scope.spawn(move || ask(proxy))).collect();
            threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        for answers in answers {
            let answers = answers.map_err(|_| anyhow!("a client has panicked"))??;
            answers.into_iter().for_each(|(number, answer)| seen[number] = answer);
        }
        Ok(seen)
    }

    /// The answers of one proxy, each with the number of its probe.
    fn ask_proxy(&self, proxy: usize, probes: &[Probe], predictions: &[Seen]) -> Result<Vec<(usize, Seen)>> {
        let client = &self.clients[proxy];
        let here = (0..probes.len()).filter(|number| probes[*number].proxy == proxy);
        let (streams, http1): (Vec<usize>, Vec<usize>) = here.partition(|n| probes[*n].has_streams());
        let mut answers = Vec::new();
        let mut answer = |number: usize, answer: Seen| answers.push((number, answer));
        let request = |number: usize| &probes[number].request;
        exchange::http1(client, &http1, request, &mut answer)?;
        match proxy {
            HTTP3 => {
                let target = Target::new(self.ports[proxy]).with_identity(&self.identity);
                let mut http3 = self.http3.lock().map_err(|_| anyhow!("a client has panicked"))?;
                exchange::http3(&mut http3, &target, &streams, request, &mut answer)?;
            }
            _ => {
                let reset = |number: usize| predictions[number] == Seen::Refused(None);
                exchange::http2(client, &streams, reset, request, &mut answer)?;
            }
        }
        Ok(answers)
    }

    /// `text` with the claims of tokens in place of their text.
    pub(super) fn readable(&self, text: String, probe: &Probe) -> String {
        probe.tokens.iter().fold(text, |text, number| {
            let Token { claims, fault, text: Some(token), .. } = &self.tokens[*number] else { return text };
            let fault = fault.map_or(String::new(), |fault| format!(" {fault:?}"));
            text.replace(token.as_str(), &format!("<{}{fault}>", Value::from(claims.clone())))
        })
    }
}

fn cluster(ports: &[u16]) -> Result<Cluster> {
    let mut text = include_str!("mesh.yaml").to_owned();
    for (number, port) in ports.iter().enumerate() {
        text = text.replace(&format!("number: {}", 8001 + number), &format!("number: {port}"));
    }
    let mut resources = Resources::default();
    let errors = manifest::load("mesh.yaml", &text, &mut resources);
    ensure!(errors.is_empty(), "mesh.yaml: {errors:?}");
    Ok(Cluster::new(resources).0)
}

/// Tokens of every issuer with claims of every kind, valid ones and others.
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
                tokens.push(Token { claims, fault, place: TokenPlace::Written, text });
            }
        }
    }
    let text = Some("a.b.c".to_owned());
    tokens.push(Token {
        fault: Some(TokenFault::Malformed),
        place: TokenPlace::Written,
        text,
        ..Token::default()
    });
    Ok(tokens)
}
