//! Evaluates the layers `peer-authentication` and `authorization-policy` of a flow.

use super::{
    admission::{self, RefusedRequest},
    connection::{MeshConnection, MeshDestination},
    custom,
    endpoint::Resolver,
    evaluation::{Evaluation, Observer},
    mesh_policies::MeshPolicies,
    mesh_request::MeshRequest,
    types::Flow,
};
use crate::{
    cluster::Workload,
    decision::{Decision, DefaultReason, Layer, LayerDecision, Outcome, Verdict},
    filter_chain::FilterChain,
    policy_set::PolicySet,
};
use alloc::{format, string::String};

/// Evaluates the mesh policies of a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeshEvaluator<'a> {
    pub(super) resolver: Resolver<'a>,
    pub(super) policies: &'a MeshPolicies,
}

impl<'a> MeshEvaluator<'a> {
    /// Returns the request of `flow` as mesh policies see it, or `None` if no proxy evaluates one.
    pub(super) fn request(self, flow: &Flow, destination: MeshDestination<'_>) -> Option<MeshRequest> {
        let MeshDestination::Proxied(mut connection) = destination else { return None };
        let set = self.policy_set(&connection);
        let (_, is_accepted) = connection.authenticate(set);
        if is_accepted { self.admit(flow, &connection, set).ok().flatten() } else { None }
    }

    /// Evaluates the policies of the destination of `flow`.
    pub(super) fn evaluate(
        self,
        flow: &Flow,
        destination: MeshDestination<'_>,
        observer: &mut impl Observer,
    ) -> [Evaluation; 2] {
        let layers = [Layer::PeerAuthentication, Layer::AuthorizationPolicy];
        let unevaluated =
            |workload: &str, outcome| layers.map(|layer| Evaluation::without_rules(layer, workload, outcome));
        let mut connection = match destination {
            MeshDestination::Outside => return unevaluated("", Outcome::Outside),
            MeshDestination::Direct(workload) => {
                return unevaluated(&reference(workload), Outcome::NotSelected);
            }
            MeshDestination::Proxied(connection) => connection,
        };
        let set = self.policy_set(&connection);
        let [mut peer, mut authorization] = unevaluated(&reference(connection.workload), Outcome::NotReached);
        let (decision, is_accepted) = connection.authenticate(set);
        peer.decision = decision;
        if is_accepted {
            self.authorize(flow, &connection, set, &mut authorization, observer);
        }
        [peer, authorization]
    }

    fn authorize(
        self,
        flow: &Flow,
        connection: &MeshConnection<'_>,
        set: &PolicySet,
        evaluation: &mut Evaluation,
        observer: &mut impl Observer,
    ) {
        let chain = connection.chain(set);
        let request = match self.admit(flow, connection, set) {
            Ok(Some(request)) => request,
            Ok(None) => {
                evaluation.decision = LayerDecision::bare(match chain.is_selected() {
                    true => Outcome::NeedsRequest,
                    false => Outcome::NotSelected,
                });
                return;
            }
            Err(RefusedRequest { refusal, before_tokens }) => {
                // CUSTOM policies precede the validation of tokens (docs/semantics/istio.md#istio-custom-before-tokens).
                let decision = before_tokens.and_then(|request| custom::decide(flow, chain, &request));
                if let Some(decision) = decision {
                    return evaluation.set_decision(chain, decision);
                }
                evaluation.status = refusal.status;
                let reason = DefaultReason::Other(refusal.reason.into());
                evaluation.decision = LayerDecision::by_default(Outcome::Reject, reason);
                return;
            }
        };
        observer.rules(evaluation.layer, || custom::explain(chain, &request));
        let decision = custom::decide(flow, chain, &request)
            .unwrap_or_else(|| request.with(|r| chain.decide_after_custom(r)));
        evaluation.notes.extend(custom::note(self.resolver.cluster, chain, &decision));
        evaluation.set_decision(chain, decision);
    }

    fn policy_set(self, connection: &MeshConnection<'_>) -> &'a PolicySet {
        self.policies.policy_set(self.resolver, connection.workload, connection.service)
    }

    fn admit(
        self,
        flow: &Flow,
        connection: &MeshConnection<'_>,
        set: &PolicySet,
    ) -> Result<Option<MeshRequest>, RefusedRequest> {
        let proxy = self.policies.proxy(self.resolver, connection.workload);
        admission::admit(self.resolver, proxy, set, flow, connection)
    }
}

impl Evaluation {
    /// Sets the result of the AuthorizationPolicies in `chain`.
    fn set_decision(&mut self, chain: &FilterChain, decision: Decision) {
        self.status = decision.status;
        self.shadow = decision.shadow;
        let outcome = match decision.verdict {
            Verdict::Allow if !chain.is_selected() => Outcome::NotSelected,
            Verdict::Allow => Outcome::Allow,
            Verdict::Ask => Outcome::Ask,
            _ => Outcome::Deny,
        };
        self.decision = LayerDecision { outcome, by: Some(decision.by) };
    }
}

/// Returns the reference `namespace/name` of `workload`.
fn reference(workload: &Workload) -> String {
    format!("{}/{}", workload.namespace, workload.name)
}
