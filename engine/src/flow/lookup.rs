//! Evaluates DNS lookups, and connections to a name that need one (docs/semantics/cilium.md#cilium-lookup-and-connection).

use super::{
    endpoint::Endpoint,
    evaluation::{Evaluation, Observer},
    exchange::Exchange,
    history::History,
    network::NetworkEvaluator,
};
use crate::{
    decision::{DefaultReason, LayerDecision, Outcome},
    lower::cilium::name::canonical,
    net::{Protocol, Transport},
    network::Direction,
    request::Request,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr};

/// The port of DNS servers.
pub(super) const DNS_PORT: u16 = 53;

impl NetworkEvaluator<'_> {
    /// Evaluates egress of a connection to `name`: first the lookup at the cluster's DNS server, then the connection to an
    /// address in the answer.
    pub(super) fn evaluate_connection_to_name(
        self,
        name: &str,
        exchange: &Exchange<'_>,
        history: &History,
        observer: &mut impl Observer,
    ) -> Evaluation {
        let (from, options) = (&exchange.from, self.resolver.options);
        if !from.kind.is_enforced(options) {
            return self.evaluate(Direction::Egress, exchange, observer);
        }
        let name = canonical(name);
        let shown = name.trim_end_matches('.');
        let server = self.resolver.dns_server();
        let udp = Transport { protocol: Protocol::Udp, port: DNS_PORT };
        let lookup = Exchange::lookup(from, &server, &name, udp);
        let mut lookup = self.evaluate(Direction::Egress, &lookup, observer);
        if lookup.decision.outcome == Outcome::Deny {
            let by = describe_reason(&lookup.decision);
            lookup.decision = LayerDecision::by_default(Outcome::Deny, DefaultReason::LookupRefused);
            lookup.notes.push(format!("the lookup of `{shown}` at {} is refused: {by}", server.name));
            return lookup;
        }
        let is_observed = self.is_observed(from, &server, udp);
        let known = history.addresses(from.node_name(), &name).next();
        let names = known.into_iter().flat_map(|ip| history.names(from.node_name(), ip));
        let mut names: Vec<&str> = names.collect();
        if is_observed && !names.contains(&&*name) {
            names.push(&name);
        }
        // Without a cached address, the destination is any address outside of the cluster.
        let family = known.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let labels = self.resolver.cluster.outside_identity(family, options);
        let to = Endpoint { labels, address: known, ..exchange.to.clone() };
        let connection = Exchange { to, names, searched_name: Some(&name), ..exchange.clone() };
        let mut evaluation = self.evaluate(Direction::Egress, &connection, observer);
        if evaluation.decision.outcome == Outcome::Deny && !is_observed {
            let note = "does not pass the DNS proxy, so its answer adds no address";
            evaluation.notes.insert(0, format!("the lookup of `{shown}` is allowed but {note}"));
        }
        evaluation
    }

    /// Returns whether lookups of `from` at `server` pass the DNS proxy, so that their answers enter the DNS cache.
    pub(super) fn is_observed(
        self,
        from: &Endpoint<'_>,
        server: &Endpoint<'_>,
        transport: Transport,
    ) -> bool {
        let options = self.resolver.options;
        let names = self.resolver.port_names(server, transport);
        let peer = self.policies.peer(self.resolver, server, from, &[]);
        let request = Request {
            transport: Some(transport),
            peer: Some(peer.as_peer()),
            port_names: &names,
            ..Request::default()
        };
        from.kind.is_enforced(options) && self.policies.program(from, options).redirects_lookups(&request)
    }
}

/// Returns the rule or default reason of `decision`, in words.
fn describe_reason(decision: &LayerDecision) -> String {
    decision.by.as_ref().map_or_else(String::new, ToString::to_string)
}
