//! A cluster for the back ends that run a proxy, and the traffic that arrives at the destination's proxy.

use super::policies::authorization_policies;
use palisade::{
    Layer, LayerDecision, MeshRole, Options, Severity, Verdict,
    flow::{Flow, FlowDecision, History, HttpRequest, MeshRequest, Simulation},
    lint,
    resource::istio::Action,
};
use palisade_cases::{BackendError, FlowCase};
use palisade_manifests::Manifests;
use serde_json::Value;

/// A cluster with the AuthorizationPolicies of its proxies.
#[derive(Debug)]
pub struct Mesh {
    /// Decides the layers before the proxy.
    pub simulation: Simulation,
    /// The policies as in their files.
    pub policies: Vec<Value>,
    /// Whether an admission webhook would reject a policy.
    pub refused: bool,
}

/// The traffic at the destination's proxy.
#[derive(Debug)]
pub struct Arrival {
    /// The connection, with the request after the proxy's codec, or a placeholder if the codec rejects the request.
    pub connection: MeshRequest,
    /// The request that policies evaluate, or `None` if the proxy rejects it before policies.
    pub request: Option<MeshRequest>,
    /// The engine's decision about the flow.
    pub decision: FlowDecision,
}

impl Mesh {
    /// Returns the mesh that `manifests` describe.
    pub fn open(manifests: &Manifests, options: &Options) -> Self {
        let cluster = &manifests.cluster;
        let refused = lint::check(cluster, options).iter().any(|finding| finding.severity == Severity::Error);
        let policies = authorization_policies(manifests);
        Self { simulation: Simulation::new(cluster.clone(), options.clone()), policies, refused }
    }

    /// Returns the traffic that `case` sends to a proxy of the mesh.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing arrives at a proxy, or the case is invalid.
    pub fn arrival(&self, case: &FlowCase) -> Result<Arrival, BackendError> {
        let simulation = &self.simulation;
        let mut history = History::default();
        for event in &case.after {
            simulation.apply(&mut history, event)?;
        }
        let decision = simulation.decide(&case.flow, &history)?;
        let network = [Layer::CiliumEgress, Layer::CiliumIngress];
        let blocked =
            |(layer, decision): &(Layer, LayerDecision)| network.contains(layer) && !decision.passes();
        if decision.layers.iter().any(blocked) {
            return skip("a network policy decides before the destination's proxy");
        }
        let request = simulation.mesh_request(&case.flow)?;
        let connection = match &request {
            Some(request) => Some(request.clone()),
            None => simulation.mesh_request(&plain(&case.flow))?,
        };
        match connection {
            Some(connection) => Ok(Arrival { connection, request, decision }),
            None => skip("no request reaches a policy of the destination's proxy"),
        }
    }

    /// Whether a policy delegates its decision to an external provider.
    fn custom(&self) -> bool {
        let policies = &self.simulation.cluster().resources().authorization_policies;
        policies.iter().any(|policy| policy.spec.action == Some(Action::Custom))
    }

    /// Returns an error with the reason if the filter cannot decide `arrival`.
    pub fn filter_sees(&self, case: &FlowCase, arrival: &Arrival) -> Result<(), BackendError> {
        same_semantics(self.simulation.options())?;
        if self.refused {
            return skip("the filter rejects policies that an admission webhook rejects");
        }
        if arrival.request.is_none() {
            return skip("no request reaches a policy of the destination's proxy");
        }
        let workload = self.simulation.cluster().workload(&arrival.connection.workload);
        let is_waypoint = workload.is_some_and(|w| matches!(w.role, MeshRole::Waypoint(_)));
        if is_waypoint && arrival.connection.uris.is_empty() {
            return skip("every client of a waypoint has an identity");
        }
        if arrival.connection.uris.len() > 1 || arrival.connection.dns_names.len() > 1 {
            return skip("a filter can read only the first name of each kind");
        }
        if arrival.decision.verdict == Verdict::Ask || !case.flow.ext_authz.is_empty() {
            return skip("the filter calls no external provider");
        }
        let connection = &arrival.connection;
        if self.custom() && (connection.before_tokens.is_some() || connection.claims.is_some()) {
            return skip("the filter runs after the validation of tokens, CUSTOM rules before it");
        }
        if arrival.connection.http.is_none() && self.custom() {
            return skip("the filter cannot distinguish providers without TCP support");
        }
        Ok(())
    }
}

/// Returns `flow` with a request that every codec accepts.
fn plain(flow: &Flow) -> Flow {
    let http = flow.http.as_ref().map(|_| HttpRequest::new("GET", "/", "a"));
    Flow { http, tokens: Vec::new(), ..flow.clone() }
}

/// Skips options other than the default, because the filter and Envoy have no others.
pub(crate) fn same_semantics(options: &Options) -> Result<(), BackendError> {
    let known = Options::default();
    let same = options.profile == known.profile
        && options.istio.version == known.istio.version
        && options.envoy.version == known.envoy.version
        && options.istio.selector_on_gateway_api == known.istio.selector_on_gateway_api
        && options.istio.multiple_custom_providers == known.istio.multiple_custom_providers;
    if same { Ok(()) } else { skip("its configuration supports only the default options") }
}

/// Returns an error that skips a case for this reason.
pub fn skip<T>(reason: &str) -> Result<T, BackendError> {
    Err(BackendError::Unsupported(reason.to_string()))
}
