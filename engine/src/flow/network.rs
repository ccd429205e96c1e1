//! Evaluates the layers `cilium-egress` and `cilium-ingress` of a flow.

use super::{
    endpoint::Resolver,
    evaluation::{Evaluation, Observer},
    exchange::Exchange,
    network_policies::NetworkPolicies,
};
use crate::{
    cluster::EndpointKind,
    decision::{DecidedBy, DefaultReason, Layer, LayerDecision, Outcome},
    ir::{Proxy, Unlearnable},
    lower::cilium,
    network::{Direction, NetworkEvaluation, NetworkProgram},
    options::{Options, Profile},
    request::Request,
};
use alloc::vec::Vec;

/// Evaluates the network policies of a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct NetworkEvaluator<'a> {
    pub(super) resolver: Resolver<'a>,
    pub(super) policies: &'a NetworkPolicies,
}

impl NetworkEvaluator<'_> {
    /// Evaluates the policies of the source (egress) or of the destination (ingress) of `exchange`.
    pub(super) fn evaluate(
        self,
        direction: Direction,
        exchange: &Exchange<'_>,
        observer: &mut impl Observer,
    ) -> Evaluation {
        let Resolver { options, .. } = self.resolver;
        let Exchange { from, to, .. } = exchange;
        // Only egress policies match names: those of the destination, and that of a DNS lookup.
        let (layer, subject, peer, names, query) = match direction {
            Direction::Egress => {
                (Layer::CiliumEgress, from, to, exchange.names.as_slice(), exchange.query.as_deref())
            }
            Direction::Ingress => (Layer::CiliumIngress, to, from, [].as_slice(), None),
        };
        if !subject.kind.is_enforced(options) {
            return Evaluation::without_rules(layer, "", Outcome::Outside);
        }
        let program = self.policies.program(subject, options);
        let identity = self.policies.peer(self.resolver, peer, subject, names);
        let port_names = match direction {
            Direction::Egress => self.resolver.port_names(peer, exchange.transport),
            Direction::Ingress => Vec::new(),
        };
        let mut request = Request {
            transport: Some(exchange.transport),
            peer: Some(identity.as_peer()),
            peer_names: names,
            port_names: &port_names,
            dns_query: query,
            server_name: exchange.sni.as_deref().map(str::as_bytes),
            ..Request::default()
        };
        let mut headers: Vec<(&str, &[u8])> = Vec::new();
        let readable = exchange.http.as_ref();
        let readable = readable.filter(|_| !exchange.tls || program.terminates_tls(direction, &request));
        if let Some(http) = readable {
            headers.extend(http.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
            request.method = Some(&http.method);
            request.path = http.path.as_deref();
            request.authority = Some(&http.authority);
            request.headers = &headers;
        }
        let NetworkEvaluation { decision, denied_by } = evaluate(program, direction, &request, options);
        observer.rules(layer, || program.explain(direction, &request));
        let is_http = denied_by == Some(Proxy::Http) && request.method.is_some();
        let mut evaluation = Evaluation::without_rules(layer, &subject.name, decision.outcome);
        evaluation.status = is_http.then_some(403);
        let no_rule = matches!(decision.by, Some(DecidedBy::Default(DefaultReason::NoRuleMatched)));
        if no_rule && direction == Direction::Egress && peer.kind == EndpointKind::World {
            let name = exchange.searched_name;
            let concerns = |rule: &&Unlearnable| name.is_none_or(|name| cilium::is_lost(rule, name, options));
            let rules = program.unlearnable().iter().filter(concerns);
            evaluation.notes.extend(rules.map(|rule| cilium::lost_name(rule, program.has_dns_rules())));
        }
        Evaluation { decision, ..evaluation }
    }
}

/// Evaluates `request` by `program`. The profile strict rejects DNS names that cannot occur on the wire.
pub(super) fn evaluate(
    program: &NetworkProgram,
    direction: Direction,
    request: &Request<'_>,
    options: &Options,
) -> NetworkEvaluation {
    if options.profile == Profile::Strict && request.dns_query.is_some_and(has_empty_label) {
        let reason = "invalid DNS name with an empty label";
        let decision = LayerDecision::by_default(Outcome::Reject, DefaultReason::Other(reason.into()));
        return NetworkEvaluation { decision, denied_by: None };
    }
    program.evaluate(direction, request)
}

/// Returns whether a label of `name`, in canonical form, is empty. The name of the root has no labels.
fn has_empty_label(name: &str) -> bool {
    name != "." && (name.starts_with('.') || name.contains(".."))
}
