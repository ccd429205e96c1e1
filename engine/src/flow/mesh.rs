//! The Istio layers of a flow: may the connection exist, and what do the destination's policies say?

use super::{
    Flow, FlowError, LayerExplanation, Simulation, connection::Connection, custom, jwt_authn,
    simulation::silent, token,
};
use crate::{
    cluster::Workload,
    decision::{Decision, DefaultReason, Layer, LayerDecision, Outcome, Verdict},
    filter_chain::FilterChain,
    http::{self, Admitted, Refusal},
    options::Profile,
    policy_set::PolicySet,
    request::{Read, Request, Unavailable},
};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::net::IpAddr;
use serde_json::{Map, Value};

/// What both layers say, and the status of a refusal by the proxy.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) layers: [LayerExplanation; 2],
    pub(super) status: Option<u16>,
    pub(super) shadow: Option<LayerDecision>,
}

/// A request or connection as the destination's proxy sees it: what the policies of the mesh are asked about.
/// Back ends that run the filter itself are given the same.
#[derive(Clone, Debug)]
pub struct MeshRequest {
    /// The destination, as `namespace/name`.
    pub workload: String,
    /// The request as DENY and ALLOW policies see it; none on a TCP chain.
    pub http: Option<Admitted>,
    /// The request as CUSTOM policies see it, before tokens are checked. `None` if `http` is the same.
    pub before_tokens: Option<Box<Admitted>>,
    /// Payload of the validated token, which CUSTOM policies do not see.
    pub claims: Option<Map<String, Value>>,
    /// Whether the connection is mutual TLS.
    pub mtls: bool,
    /// URI SANs of the client's certificate.
    pub uris: Vec<String>,
    /// DNS SANs.
    pub dns_names: Vec<String>,
    /// Subject.
    pub subject: Option<String>,
    /// Server name, lower case.
    pub sni: Option<String>,
    /// Socket peer address.
    pub source_ip: Option<IpAddr>,
    /// Client address after `X-Forwarded-For`.
    pub remote_ip: Read<Option<IpAddr>>,
    /// Local address.
    pub destination_ip: Option<IpAddr>,
    /// Local port.
    pub destination_port: Option<u16>,
}

impl MeshRequest {
    /// Calls `ask` with the attributes that DENY and ALLOW policies see.
    pub fn with<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        self.with_request(self.http.as_ref(), self.claims.as_ref(), ask)
    }

    /// Calls `ask` with the attributes that CUSTOM policies see.
    pub fn with_custom<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        self.with_request(self.before_tokens.as_deref().or(self.http.as_ref()), None, ask)
    }

    fn with_request<T>(
        &self,
        http: Option<&Admitted>,
        claims: Option<&Map<String, Value>>,
        ask: impl FnOnce(&Request<'_>) -> T,
    ) -> T {
        let identities: Vec<&[u8]> =
            self.uris.iter().chain(&self.dns_names).chain(&self.subject).map(|id| id.as_bytes()).collect();
        let empty = http::HeaderMap::default();
        let lines = http.map_or(&empty, |h| &h.headers).iter().map(|(n, v)| (n.as_str(), v.as_slice()));
        let scheme = http.map(|h| (":scheme", h.scheme.as_slice()));
        let headers: Vec<(&str, &[u8])> = lines.chain(scheme).collect();
        ask(&Request {
            method: http.map(|h| h.method.as_slice()),
            path: http.and_then(|h| h.path.as_deref()),
            authority: http.map(|h| h.authority.as_slice()),
            headers: &headers,
            claims,
            identities: &identities,
            source_ip: self.source_ip,
            remote_ip: self.remote_ip,
            destination_ip: self.destination_ip,
            destination_port: self.destination_port,
            server_name: self.sni.as_ref().map(|s| s.as_bytes()),
            ..Request::default()
        })
    }
}

impl Simulation<'_> {
    /// The request that the destination's proxy would see, if the flow reaches one and nothing refuses it before
    /// policy.
    ///
    /// # Errors
    ///
    /// As [`Self::decide`].
    pub fn mesh_request(&self, flow: &Flow) -> Result<Option<MeshRequest>, FlowError> {
        let Some(mut connection) = Connection::resolve(self, flow)? else { return Ok(None) };
        let set = self.policy_set(connection.workload, connection.service);
        if !connection.peer(&set).1 {
            return Ok(None);
        }
        Ok(self.request(flow, &connection, &set).ok().flatten())
    }

    pub(super) fn mesh(&self, flow: &Flow) -> Result<Answer, FlowError> {
        let Some(mut connection) = Connection::resolve(self, flow)? else {
            let (name, outcome) = match Connection::destination(self, flow)? {
                Some(workload) => (title(workload), Outcome::NotSelected),
                None => (String::new(), Outcome::Outside),
            };
            let layers = [Layer::PeerAuthentication, Layer::AuthorizationPolicy];
            let layers = layers.map(|layer| silent(layer, &name, outcome));
            return Ok(Answer { layers, status: None, shadow: None });
        };
        let name = title(connection.workload);
        let set = self.policy_set(connection.workload, connection.service);
        let (decision, goes_on) = connection.peer(&set);
        let peer = LayerExplanation { decision, ..silent(Layer::PeerAuthentication, &name, Outcome::Allow) };
        let mut answer = Answer {
            layers: [peer, silent(Layer::AuthorizationPolicy, &name, Outcome::NotReached)],
            status: None,
            shadow: None,
        };
        if goes_on {
            self.authorize(flow, &connection, &set, &mut answer);
        }
        Ok(answer)
    }

    /// The request as policies see it; none for an HTTP port when the flow gives no request.
    fn request(
        &self,
        flow: &Flow,
        connection: &Connection<'_>,
        set: &PolicySet,
    ) -> Result<Option<MeshRequest>, Refused> {
        let mut request = connection.mesh_request();
        if connection.tcp {
            return Ok(Some(request));
        }
        let Some(sent) = &flow.http else { return Ok(None) };
        let sent = &*sent.parsed()?;
        let strict = self.options.profile == Profile::Strict;
        let proxy = self.connection_manager(connection.workload);
        let tokens = token::texts(&flow.tokens);
        let sent = token::attach(sent, &tokens, set.tokens());
        let admitted = http::admit(&sent, &connection.downstream(), &proxy)?;
        request.remote_ip = match strict && admitted.remote_ip_is_guess {
            true => Err(Unavailable),
            false => Ok(admitted.remote_ip),
        };
        let mut checked = admitted.clone();
        match jwt_authn::authenticate(set.tokens(), &tokens, &mut checked) {
            Ok(claims) => {
                request.before_tokens = (checked != admitted).then(|| Box::new(admitted));
                Ok(Some(MeshRequest { claims, http: Some(checked), ..request }))
            }
            Err(refusal) => {
                request.http = Some(admitted);
                Err(Refused { refusal, before_token: Some(Box::new(request)) })
            }
        }
    }

    fn authorize(&self, flow: &Flow, connection: &Connection<'_>, set: &PolicySet, answer: &mut Answer) {
        let chain = connection.chain(set);
        let [_, layer] = &mut answer.layers;
        let request = match self.request(flow, connection, set) {
            Ok(Some(request)) => request,
            Ok(None) => {
                layer.decision = match chain.is_selected() {
                    true => LayerDecision::bare(Outcome::NeedsRequest),
                    false => LayerDecision::bare(Outcome::NotSelected),
                };
                return;
            }
            Err(Refused { refusal, before_token }) => {
                // CUSTOM rules come before tokens are checked (docs/semantics/istio.md#istio-custom-before-tokens).
                let decision = before_token.and_then(|request| custom::decide(flow, chain, &request));
                if let Some(decision) = decision {
                    return answer.decided(chain, decision);
                }
                answer.status = refusal.status;
                let reason = DefaultReason::Other(refusal.reason.into());
                layer.decision = LayerDecision::by_default(Outcome::Reject, reason);
                return;
            }
        };
        layer.rules = custom::explain(chain, &request);
        let decision = custom::decide(flow, chain, &request)
            .unwrap_or_else(|| request.with(|r| chain.decide_after_custom(r)));
        layer.notes.extend(custom::note(self.cluster, &layer.rules, &decision));
        answer.decided(chain, decision);
    }
}

impl Answer {
    /// Takes `decision` for what the authorization policies say.
    fn decided(&mut self, chain: &FilterChain, decision: Decision) {
        let [_, layer] = &mut self.layers;
        self.status = decision.status;
        self.shadow = decision.shadow;
        let outcome = match decision.verdict {
            Verdict::Allow if !chain.is_selected() => Outcome::NotSelected,
            Verdict::Allow => Outcome::Allow,
            Verdict::Ask => Outcome::Ask,
            _ => Outcome::Deny,
        };
        layer.decision = LayerDecision { outcome, by: Some(decision.by) };
    }
}

/// Why a request does not reach the DENY and ALLOW steps.
#[derive(Debug)]
struct Refused {
    refusal: Refusal,
    /// The request as CUSTOM rules see it, where it is the token that is refused: they were asked before.
    before_token: Option<Box<MeshRequest>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, before_token: None }
    }
}

fn title(workload: &Workload) -> String {
    format!("{}/{}", workload.namespace, workload.name)
}
