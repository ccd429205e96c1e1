//! A cluster made ready for the back ends that run a proxy: what the destination's proxy is asked.

use super::policies::authorization_policies;
use palisade::{
    Cluster, Layer, LayerDecision, MeshRole, Options, Severity, Verdict,
    flow::{Flow, FlowDecision, History, HttpRequest, MeshRequest, Simulation},
    lint,
    resource::istio::Action,
};
use palisade_cases::{FlowCase, NoAnswer};
use serde_json::Value;

/// A cluster, and the AuthorizationPolicies that its proxies are given.
#[derive(Debug)]
pub struct Mesh<'c> {
    /// Decides what happens before the proxy.
    pub simulation: Simulation<'c>,
    /// The policies as their files have them.
    pub policies: Vec<Value>,
    /// Whether a webhook would refuse something.
    pub refused: bool,
}

/// What arrives at the destination's proxy.
#[derive(Debug)]
pub struct Arrival {
    /// The connection, with the request as it is after the proxy's codec; a stand-in where that refuses the request.
    pub connection: MeshRequest,
    /// The request as policies see it; none if the proxy refuses it before any policy.
    pub request: Option<MeshRequest>,
    /// What the engine says of the flow.
    pub decision: FlowDecision,
}

impl<'c> Mesh<'c> {
    /// Makes `cluster` ready.
    ///
    /// # Errors
    ///
    /// A manifest cannot be read again.
    pub fn open(cluster: &'c Cluster, options: &Options) -> Result<Self, NoAnswer> {
        let refused = lint::check(cluster, options).iter().any(|finding| finding.severity == Severity::Error);
        let policies = authorization_policies(cluster)?;
        Ok(Self { simulation: Simulation::new(cluster, options.clone()), policies, refused })
    }

    /// What `case` sends to a proxy of the mesh.
    ///
    /// # Errors
    ///
    /// Nothing arrives at one, so that the case says nothing of a proxy; or the case is wrong.
    pub fn arrival(&self, case: &FlowCase) -> Result<Arrival, NoAnswer> {
        let simulation = &self.simulation;
        let mut history = History::default();
        for event in &case.after {
            simulation.happen(&mut history, event)?;
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

    /// Whether some policy hands the decision to an external provider.
    fn custom(&self) -> bool {
        let policies = &self.simulation.cluster().resources().authorization_policies;
        policies.iter().any(|policy| policy.spec.action == Some(Action::Custom))
    }

    /// Why the filter cannot answer for `arrival`, if it cannot.
    ///
    /// # Errors
    ///
    /// The reason.
    pub fn filter_sees(&self, case: &FlowCase, arrival: &Arrival) -> Result<(), NoAnswer> {
        same_semantics(self.simulation.options())?;
        if self.refused {
            return skip("the filter refuses what a webhook refuses");
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
            return skip("a proxy shows a filter only the first name of each kind");
        }
        if arrival.decision.verdict == Verdict::Ask || !case.flow.ext_authz.is_empty() {
            return skip("external providers are not asked by the filter");
        }
        let connection = &arrival.connection;
        if self.custom() && (connection.before_tokens.is_some() || connection.claims.is_some()) {
            return skip("the filter stands behind the check of tokens, CUSTOM rules before it");
        }
        if arrival.connection.http.is_none() && self.custom() {
            return skip("the filter does not know which providers guard no TCP");
        }
        Ok(())
    }
}

/// `flow` with a request that no codec refuses.
fn plain(flow: &Flow) -> Flow {
    let http = flow.http.as_ref().map(|_| HttpRequest::new("GET", "/", "a"));
    Flow { http, tokens: Vec::new(), ..flow.clone() }
}

/// The filter and Envoy know one semantics, the default.
pub(crate) fn same_semantics(options: &Options) -> Result<(), NoAnswer> {
    let known = Options::default();
    let same = options.profile == known.profile
        && options.istio.version == known.istio.version
        && options.envoy.version == known.envoy.version
        && options.istio.selector_on_gateway_api == known.istio.selector_on_gateway_api
        && options.istio.multiple_custom_providers == known.istio.multiple_custom_providers;
    if same { Ok(()) } else { skip("its configuration knows no other semantics than the default") }
}

/// No answer, for this reason.
///
/// # Errors
///
/// Always.
pub fn skip<T>(reason: &str) -> Result<T, NoAnswer> {
    Err(NoAnswer::Skip(reason.to_string()))
}
