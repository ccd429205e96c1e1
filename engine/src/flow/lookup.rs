//! DNS before a flow: may the name be asked, what did the answer teach, what do connections keep.

use super::{
    DnsRequest, Event, FlowError, History, LayerExplanation, Lookup, Simulation,
    endpoint::Side,
    network::{Exchange, told},
};
use crate::{
    cluster::{EndKind, identity},
    decision::Outcome,
    dns::{CacheLimits, DnsAnswer},
    labels::{Label, Labels},
    lower::cilium::name::canonical,
    net::{Protocol, Transport},
    network::Direction,
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
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
        let known = history.addresses(from.on_node(), &name).next();
        if !from.kind.is_enforced(&self.options) {
            return self.layer(Direction::Egress, from, to, exchange);
        }
        let server = self.dns_server();
        let udp = Transport { protocol: Protocol::Udp, port: DNS_PORT };
        let mut answer = self.lookup(from, &server, &name, udp);
        let shown = name.trim_end_matches('.');
        if answer.0.decision.outcome == Outcome::Deny {
            let by = told(&answer.0.decision);
            answer.0.decision = answer.0.decision.as_lookup();
            answer.0.notes.push(format!("the lookup of `{shown}` at {} is refused: {by}", server.name));
            return answer.0;
        }
        let learned = answer.1;
        let mut names: Vec<&str> =
            known.into_iter().flat_map(|ip| history.names(from.on_node(), ip)).collect();
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

    /// The cluster's DNS: a pod labelled `k8s-app: kube-dns` in `kube-system`, by its labels alone where none is given.
    pub(super) fn dns_server(&self) -> Side<'c> {
        let is_dns = |w: &&crate::cluster::Workload| {
            w.namespace == "kube-system" && w.labels.get("k8s-app").is_some_and(|app| app == "kube-dns")
        };
        if let Some(found) = self.cluster.workloads().find(is_dns) {
            return self.pod(found);
        }
        let labels: Labels = [
            Label::new(identity::K8S, "k8s-app", "kube-dns"),
            Label::new(identity::K8S, identity::NAMESPACE, "kube-system"),
            Label::new(identity::K8S, identity::CLUSTER, self.options.cilium.cluster_name.as_str()),
        ]
        .into_iter()
        .collect();
        let name = "kube-system/kube-dns".to_string();
        Side {
            kind: EndKind::Pod,
            name,
            workload: None,
            node: None,
            labels,
            address: None,
            by_address: false,
        }
    }

    pub(super) fn happen_network(
        &self,
        history: &mut History,
        event: &Event,
    ) -> Result<Vec<IpAddr>, FlowError> {
        let limits = CacheLimits::from(&self.options);
        let now = history.now;
        Ok(match event {
            Event::Wait(time) => history.wait(*time),
            Event::WaitUntil(now) => history.wait_until(*now),
            Event::Connect { from, to } => {
                history.cache_mut(&self.node_of(from)?, limits).connect(from, to.to_canonical());
                Vec::new()
            }
            Event::Close { from, to } => {
                history.cache_mut(&self.node_of(from)?, limits).close(from, to.to_canonical(), now)
            }
            Event::Dns(lookup) => {
                self.learn(history, lookup)?;
                lookup.answers.iter().map(IpAddr::to_canonical).collect()
            }
        })
    }

    /// Learns what a successful answer says, if policy let the lookup pass the DNS proxy.
    fn learn(&self, history: &mut History, lookup: &Lookup) -> Result<(), FlowError> {
        let taught = DnsAnswer {
            name: canonical(&lookup.query).into(),
            addresses: lookup.answers.clone(),
            ttl: lookup.ttl,
        };
        if lookup.learned {
            let asker = lookup.from.as_deref().unwrap_or_default();
            for node in self.taught(lookup.from.as_deref())? {
                self.teach(history, &node, asker, &taught);
            }
            return Ok(());
        }
        let Some(from) = &lookup.from else { return Ok(()) };
        let (server, port) = lookup.server.clone().unzip();
        let request = DnsRequest {
            from: from.clone(),
            server,
            port: port.unwrap_or(DNS_PORT),
            protocol: Protocol::Udp,
            questions: Vec::from([lookup.query.clone()]),
        };
        // Ends that are not there are told, whatever the answer says.
        self.asked(&request, &taught.name)?;
        if lookup.rcode.as_deref().is_none_or(|code| code.eq_ignore_ascii_case("NOERROR")) {
            self.answered(history, &request, &taught)?;
        }
        Ok(())
    }

    /// The nodes that an answer for `from` teaches; all of them where nobody is said to have asked.
    fn taught(&self, from: Option<&str>) -> Result<BTreeSet<String>, FlowError> {
        match from {
            Some(from) => Ok([self.node_of(from)?].into()),
            None => Ok(self.cluster.workloads().map(|w| w.node.clone()).chain([String::new()]).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Cluster, DecidedBy, DefaultReason, Options, Verdict,
        flow::{DnsLookup, Flow, Place},
        manifest,
        resource::Resources,
    };

    const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
status: {podIP: 10.0.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: foo, labels: {app: a}}
spec: {nodeName: one}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: foo, labels: {app: a}}
spec: {nodeName: two}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: foo}
spec:
  endpointSelector: {}
";

    const SERVER: &str = "{matchLabels: {'k8s:io.kubernetes.pod.namespace': kube-system, k8s-app: kube-dns}}";

    fn cluster(rest: &str) -> Cluster {
        let mut resources = Resources::default();
        let text = format!("{PODS}{}", rest.replace("SERVER", SERVER));
        assert_eq!(manifest::load("p.yaml", &text, &mut resources), []);
        Cluster::new(resources).0
    }

    fn names(rest: &str) -> Cluster {
        let ports = "[{ports: [{port: '53', protocol: UDP}], rules: {dns: [{matchPattern: '*.x.io'}]}}]";
        cluster(&format!("  egress:\n  - {{toEndpoints: [SERVER], toPorts: {ports}}}\n{rest}"))
    }

    fn lookup(name: &str, protocol: Protocol) -> Flow {
        let dns = Some(DnsLookup { query: name.to_string(), record_type: "A".to_string() });
        Flow { protocol, dns, ..Flow::new("foo/a", "kube-system/dns", 53) }
    }

    fn answer(from: &str, name: &str, learned: bool) -> Event {
        Event::Dns(Lookup {
            query: name.to_string(),
            from: Some(from.to_string()),
            answers: [address()].into(),
            ttl: 10,
            cname: Vec::new(),
            rcode: None,
            server: None,
            learned,
        })
    }

    fn address() -> IpAddr {
        IpAddr::from([198, 51, 100, 7])
    }

    fn outcome(cluster: &Cluster, flow: &Flow) -> Outcome {
        let simulation = Simulation::new(cluster, Options::default());
        let decision = simulation.decide(flow, &History::default()).unwrap();
        decision.layers[0].1.outcome
    }

    #[test]
    fn what_reaches_the_server_otherwise_does_not_lift_the_names() {
        let raw = Flow { protocol: Protocol::Udp, ..Flow::new("foo/a", "kube-system/dns", 53) };
        for other in
            ["", "  - {toEndpoints: [SERVER]}", "  - {toPorts: [{ports: [{port: '50', endPort: 60}]}]}"]
        {
            let cluster = names(other);
            assert_eq!(outcome(&cluster, &lookup("A.X.io", Protocol::Udp)), Outcome::Allow, "{other}");
            assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Udp)), Outcome::Deny, "{other}");
            assert_eq!(outcome(&cluster, &raw), Outcome::NeedsRequest, "{other}");
            let by_tcp = if other.is_empty() { Outcome::Deny } else { Outcome::Allow };
            assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Tcp)), by_tcp, "{other}");
        }
    }

    #[test]
    fn a_plain_rule_of_the_same_port_lifts_the_names() {
        let cluster = names("  - {toPorts: [{ports: [{port: '53'}]}]}");
        assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Udp)), Outcome::Allow);
    }

    #[test]
    fn without_default_deny_every_name_passes() {
        let cluster = names("  enableDefaultDeny: {egress: false}");
        assert_eq!(outcome(&cluster, &lookup("y.io", Protocol::Udp)), Outcome::Allow);
        let mut options = Options::default();
        options.cilium.version = crate::CiliumVersion::V1_17;
        let simulation = Simulation::new(&cluster, options);
        let decision = simulation.decide(&lookup("y.io", Protocol::Udp), &History::default()).unwrap();
        assert_eq!(decision.layers[0].1.outcome, Outcome::Deny);
    }

    #[test]
    fn from_lookup_to_expiry_and_back() {
        let cluster = names("  - {toFQDNs: [{matchPattern: '*.x.io'}]}");
        let simulation = Simulation::new(&cluster, Options::default());
        let mut history = History::default();
        let to = |from: &str| Flow { to: Place::Ip(address()), ..Flow::new(from, "", 443) };
        let verdict = |history: &History, from| simulation.decide(&to(from), history).unwrap().verdict;
        let happen = |history: &mut History, event| simulation.happen(history, &event).unwrap();
        assert_eq!(verdict(&history, "foo/a"), Verdict::Deny);
        happen(&mut history, answer("foo/a", "y.io", false));
        assert_eq!(verdict(&history, "foo/a"), Verdict::Deny, "a refused lookup teaches nothing");
        happen(&mut history, answer("foo/a", "a.x.io", false));
        assert_eq!(verdict(&history, "foo/a"), Verdict::Allow);
        assert_eq!(verdict(&history, "foo/b"), Verdict::Deny, "another node learns for itself");
        happen(&mut history, Event::Connect { from: "foo/a".to_string(), to: address() });
        happen(&mut history, Event::Wait(60_000));
        assert_eq!(verdict(&history, "foo/a"), Verdict::Allow, "a live connection keeps the address");
        happen(&mut history, Event::Close { from: "foo/a".to_string(), to: address() });
        assert_eq!(verdict(&history, "foo/a"), Verdict::Deny);
        happen(&mut history, answer("foo/a", "a.x.io", false));
        assert_eq!(verdict(&history, "foo/a"), Verdict::Allow);
    }

    #[test]
    fn a_name_is_looked_up_first() {
        let cluster = names("  - {toFQDNs: [{matchPattern: '*'}]}");
        let simulation = Simulation::new(&cluster, Options::default());
        let to = |name: &str| {
            let to = Place::Fqdn { name: name.to_string(), ip: None };
            let flow = Flow { to, ..Flow::new("foo/a", "", 443) };
            simulation.decide(&flow, &History::default()).unwrap()
        };
        assert_eq!(to("a.x.io").verdict, Verdict::Allow);
        let refused = to("y.io");
        assert_eq!(refused.decided_by.1, DecidedBy::Default(DefaultReason::LookupRefused));
        assert_eq!(
            refused.notes,
            ["the lookup of `y.io` at kube-system/dns is refused: CiliumNetworkPolicy/foo/p#egress[0]"]
        );
    }

    #[test]
    fn names_that_nobody_may_ask_for_are_told() {
        let cluster = cluster("  egress:\n  - {toEndpoints: [SERVER]}\n  - {toFQDNs: [{matchName: a.x.io}]}");
        let findings = crate::lint::check(&cluster, &Options::default());
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(finding.code, "fqdn-without-dns-rule");
        assert_eq!(finding.path, "spec.egress[1].toFQDNs");
        let to = Place::Fqdn { name: "a.x.io".to_string(), ip: None };
        let flow = Flow { to, ..Flow::new("foo/a", "", 443) };
        let simulation = Simulation::new(&cluster, Options::default());
        let decision = simulation.decide(&flow, &History::default()).unwrap();
        assert!(
            decision.notes[1].contains("rules: {dns: [{matchName: \"a.x.io\"}]}"),
            "{:?}",
            decision.notes
        );
    }
}
