//! DNS before a flow: may the name be asked, what did the answer teach, what do connections keep.

use super::{
    Event, FlowError, History, LayerExplanation, Lookup, Place, Simulation,
    endpoint::Side,
    network::{Exchange, told},
};
use crate::{
    cluster::{EndKind, identity},
    decision::Outcome,
    labels::{Label, Labels},
    lower::cilium::name::canonical,
    net::{Protocol, Transport},
    network::Direction,
    request::{Peer, Request},
};
use alloc::{format, string::ToString, vec::Vec};
use core::net::{IpAddr, Ipv4Addr};

const DNS_PORT: u16 = 53;

impl<'c> Simulation<'c> {
    /// A connection to `name`: first the lookup at the cluster's DNS, then the connection to what the answer opened.
    pub(super) fn to_name(
        &self,
        from: &Side<'c>,
        to: &Side<'c>,
        name: &str,
        exchange: &Exchange<'_>,
        history: &History,
    ) -> LayerExplanation {
        let name = canonical(name);
        let known = history.names.addresses(&name).next();
        if !from.kind.is_enforced(&self.options) {
            return self.layer(Direction::Egress, from, to, exchange);
        }
        let server = self.dns_server();
        let mut answer = self.lookup(from, &server, &name, DNS_PORT);
        let shown = name.trim_end_matches('.');
        if answer.0.decision.outcome == Outcome::Deny {
            let by = told(&answer.0.decision);
            answer.0.decision = answer.0.decision.as_lookup();
            answer.0.notes.push(format!("the lookup of `{shown}` at {} is refused: {by}", server.name));
            return answer.0;
        }
        let learned = answer.1;
        let mut names: Vec<&str> = known.into_iter().flat_map(|ip| history.names.names(ip)).collect();
        if learned && !names.contains(&&*name) {
            names.push(&name);
        }
        // Some address outside: without one that DNS told, only the labels of the world are known of it.
        let family = known.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let labels = self.cluster.outside_identity(family, &self.options);
        let to = Side { labels, address: known, ..to.clone() };
        let exchange = Exchange { names, wanted: Some(&name), ..exchange.clone() };
        let mut layer = self.layer(Direction::Egress, from, &to, &exchange);
        if layer.decision.outcome == Outcome::Deny && !learned {
            let note = "passes no DNS proxy, so its answer teaches nothing";
            layer.notes.insert(0, format!("the lookup of `{shown}` is allowed but {note}"));
        }
        layer
    }

    /// What egress says of a lookup, and whether its answer teaches.
    fn lookup(&self, from: &Side<'c>, server: &Side<'c>, name: &str, port: u16) -> (LayerExplanation, bool) {
        let transport = Transport { protocol: Protocol::Udp, port };
        let exchange = Exchange { transport, names: Vec::new(), wanted: None, query: Some(name), sni: None };
        let layer = self.layer(Direction::Egress, from, server, &exchange);
        let names = self.port_names(server, transport);
        let request = Request {
            transport: Some(transport),
            peer: Some(Peer { labels: &server.labels, cidr: self.cidr_of(server) }),
            port_names: &names,
            ..Request::default()
        };
        let learned = from.kind.is_enforced(&self.options) && self.program(from).observes(&request);
        (layer, learned)
    }

    /// The cluster's DNS: a pod labelled `k8s-app: kube-dns` in `kube-system`, by its labels alone where none is given.
    fn dns_server(&self) -> Side<'c> {
        let is_dns = |w: &&crate::cluster::Workload| {
            w.namespace == "kube-system" && w.labels.get("k8s-app").is_some_and(|app| app == "kube-dns")
        };
        if let Some(found) = self.cluster.workloads().find(is_dns) {
            return self.pod(found);
        }
        let labels: Labels = [
            Label::new(identity::K8S, "k8s-app", "kube-dns"),
            Label::new(identity::K8S, identity::NAMESPACE, "kube-system"),
            Label::new(identity::K8S, identity::CLUSTER, self.options.cluster_name.as_str()),
        ]
        .into_iter()
        .collect();
        let name = "kube-system/kube-dns".to_string();
        Side { kind: EndKind::Pod, name, workload: None, node: None, labels, address: None }
    }

    pub(super) fn happen_network(&self, history: &mut History, event: &Event) -> Result<(), FlowError> {
        match event {
            Event::Wait(time) => history.wait(*time),
            Event::Connect { from, to } => history.names.connect(from, *to),
            Event::Close { from, to } => history.names.close(from, *to),
            Event::Dns(lookup) => self.learn(history, lookup)?,
        }
        Ok(())
    }

    /// Learns what a successful answer says, if policy let the lookup pass the DNS proxy.
    fn learn(&self, history: &mut History, lookup: &Lookup) -> Result<(), FlowError> {
        let name = canonical(&lookup.query);
        let asker = lookup.from.as_deref().unwrap_or_default();
        let succeeded = lookup.rcode.as_deref().is_none_or(|code| code.eq_ignore_ascii_case("NOERROR"));
        let teaches = lookup.learned || (succeeded && self.passes_proxy(lookup, &name)?);
        if teaches {
            // Addresses inside the cluster keep their own identity, whatever name was asked.
            let outside = lookup.answers.iter().copied().filter(|ip| self.cluster.workload_at(*ip).is_none());
            let ttl = u64::from(lookup.ttl) * 1000;
            history.names.learn(asker, &name, outside, ttl, history.now);
        }
        Ok(())
    }

    fn passes_proxy(&self, lookup: &Lookup, name: &str) -> Result<bool, FlowError> {
        let Some(from) = &lookup.from else { return Ok(false) };
        let from = self.source(&Place::Workload(from.clone()))?;
        let (server, port) = match &lookup.server {
            Some((place, port)) => (self.source(place)?, *port),
            None => (self.dns_server(), DNS_PORT),
        };
        let (layer, learned) = self.lookup(&from, &server, name, port);
        Ok(learned && layer.decision.passes())
    }
}
