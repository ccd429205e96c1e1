//! ClusterNetworkPolicy as Cilium 1.20 enforces it (docs/semantics/kubernetes.md#kubernetes-tiers).

use super::{
    Findings, cidr,
    l7::{Inspection, L7},
    name,
    peer::{Ends, Scope, by_address, by_labels, in_namespaces, local_cluster},
    policy::{Direction, Entry, Level, Policy},
    port::{Number, Port, PortGroup, Ports},
    selector::{Keys, below, equals, selector},
    trap_labels,
};
use crate::{
    cluster::identity::{K8S, NODE, RESERVED},
    diagnostic::Authority,
    ir::{Clause, Effect, NameAttribute, NamePattern, Operator, Requirement, Selector, Test},
    net::Protocol,
    options::CiliumVersion,
    resource::{
        LabelSelector, Object,
        kubernetes::{ClusterNetworkPolicySpec, EgressPeer, PodPeer, PortMatch, ProtocolMatch},
    },
    rule_id::{PolicyRef, RuleId},
};
use alloc::{format, string::String, sync::Arc, vec, vec::Vec};

/// Rules of one policy stand this close together in the order of priorities.
const STEPS: u32 = 100;

/// Reads `object`. It never arms default deny.
pub(super) fn policy(
    object: &Object<ClusterNetworkPolicySpec>,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Policy {
    let spec = &object.spec;
    if scope.options.cilium.version < CiliumVersion::V1_20 {
        let help = "set the option `ciliumVersion` to 1.20, or leave the object out";
        findings.by(None);
        findings.error("not-supported", "", "Cilium reads this kind since 1.20", help);
        findings.by(Some(Authority::Crd));
    }
    let tier = match spec.tier.as_str() {
        "Admin" => 100,
        "Baseline" => Level::BASELINE,
        other => {
            let message = format!("invalid tier `{other}`");
            findings.error("bad-tier", "spec.tier", message, "use `Admin` or `Baseline`");
            Level::BASELINE
        }
    };
    if spec.priority > 1000 {
        let message = format!("priority {} is more than 1000", spec.priority);
        findings.error("bad-priority", "spec.priority", message, "use 0 to 1000; lower comes first");
    }
    let reference = Arc::new(object.reference());
    let subject = match pods(&spec.subject, "spec.subject", scope, findings) {
        Some(subject) => subject,
        None => {
            let help = "write `namespaces: {}` to select every pod";
            findings.error("no-subject", "spec.subject", "the policy selects nothing", help);
            Selector::default()
        }
    };
    let reader =
        Reader { reference: &reference, tier, priority: spec.priority, is_strict: scope.is_strict() };
    let mut ingress = Direction { present: spec.ingress.is_some(), ..Direction::default() };
    for (i, rule) in (0u32..).zip(spec.ingress.iter().flatten()) {
        let path = format!("spec.ingress[{i}]");
        let peers = rule.from.iter().enumerate().map(|(n, peer)| {
            let labels = peer_pods(peer, &format!("{path}.from[{n}]"), scope, findings);
            labels.map(|labels| by_labels(vec![labels]))
        });
        let peers = peers.collect();
        let protocols = rule.protocols.as_deref().unwrap_or_default();
        ingress.entries.extend(reader.entry("ingress", i, &rule.action, peers, protocols, path, findings));
    }
    let mut egress = Direction { present: spec.egress.is_some(), ..Direction::default() };
    for (i, rule) in (0u32..).zip(spec.egress.iter().flatten()) {
        let path = format!("spec.egress[{i}]");
        let peers = rule.to.iter().enumerate();
        let peers = peers.map(|(n, peer)| egress_peer(peer, &format!("{path}.to[{n}]"), scope, findings));
        let peers = peers.collect();
        let protocols = rule.protocols.as_deref().unwrap_or_default();
        let names: Vec<NamePattern> = domain_names(&rule.to, scope).collect();
        for (n, peer) in rule.to.iter().enumerate() {
            for (i, name) in
                peer.domain_names.iter().flatten().enumerate().filter(|(_, n)| !is_domain_name(n))
            {
                let help = "write a DNS name, with `*.` in front for all names below it";
                let at = format!("{path}.to[{n}].domainNames[{i}]");
                findings.error("bad-name", &at, format!("invalid domain name `{name}`"), help);
            }
        }
        if !names.is_empty() && rule.action != "Accept" {
            let help = "name addresses in `networks`";
            findings.error("bad-action", &path, "`domainNames` go with `Accept` only", help);
        }
        let entry = reader.entry("egress", i, &rule.action, peers, protocols, path, findings);
        let lookups = entry.as_ref().filter(|_| !names.is_empty()).map(|entry| lookups(entry, names));
        egress.entries.extend(entry.into_iter().chain(lookups));
    }
    ingress.present &= !ingress.entries.is_empty();
    egress.present &= !egress.entries.is_empty();
    Policy { reference, subject, host: false, egress, ingress }
}

struct Reader<'a> {
    reference: &'a Arc<PolicyRef>,
    tier: u8,
    priority: u32,
    /// Whether the profile keeps closed what is isolated (docs/semantics/kubernetes.md#kubernetes-baseline-accept).
    is_strict: bool,
}

impl Reader<'_> {
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one rule, which has a type of its own per direction"
    )]
    fn entry(
        &self,
        section: &'static str,
        number: u32,
        action: &str,
        peers: Vec<Option<Vec<Clause>>>,
        protocols: &[ProtocolMatch],
        path: String,
        findings: &mut Findings,
    ) -> Option<Entry> {
        let unknown = peers.iter().any(Option::is_none);
        if peers.is_empty() {
            let field = if section == "ingress" { "from" } else { "to" };
            let help = "list the peers; `namespaces: {}` is every pod";
            findings.error("no-peer", &below(&path, field), "the list of peers is missing or empty", help);
        }
        let effect = match action {
            "Accept" => Effect::Allow,
            "Deny" => Effect::Deny,
            "Pass" => Effect::Pass,
            other => {
                let message = format!("invalid action `{other}`");
                findings.error("bad-action", &format!("{path}.action"), message, "use Accept, Deny or Pass");
                return None;
            }
        };
        // A peer that cannot be understood opens nothing and closes everything
        // (docs/semantics/kubernetes.md#kubernetes-unknown-peer).
        let (effect, clauses) = match (unknown, effect) {
            (true, Effect::Deny | Effect::Pass) => (Effect::Deny, vec![Clause::default()]),
            (_, effect) => (effect, peers.into_iter().flatten().flatten().collect()),
        };
        let accepts = effect == Effect::Allow && !clauses.is_empty();
        if self.tier == Level::BASELINE && accepts && !self.is_strict {
            let help = "open the peers in a NetworkPolicy, which stays within what it isolates";
            let message = "an Accept of the Baseline tier opens pods again that a NetworkPolicy isolates";
            findings.warn("baseline-accept", &format!("{path}.action"), message, help);
        }
        if unknown {
            let help = "name namespaces, pods, nodes, networks or domainNames";
            findings.warn(
                "no-peer",
                &path,
                "a peer names nobody: Accept then allows nothing to it, Deny and Pass deny all",
                help,
            );
        }
        let ports = ports(protocols, &path, findings);
        let id = RuleId::in_section(self.reference.clone(), section, number);
        let level =
            Level { tier: self.tier, priority: self.priority.saturating_mul(STEPS).saturating_add(number) };
        let ends = Ends::Only(clauses);
        Some(Entry::new(id, path, effect, level, ends, ports))
    }
}

/// The pods of a peer, which are the local cluster's where it selects them by their own labels.
fn peer_pods(peer: &PodPeer, path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Option<Selector> {
    let mut labels = pods(peer, path, scope, findings)?;
    if peer.pods.is_some() {
        local_cluster(&mut labels, scope);
    }
    Some(labels)
}

/// Pods; none if the peer names nobody.
fn pods(peer: &PodPeer, path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Option<Selector> {
    let mut labels = Selector::default();
    let namespaces = match (&peer.namespaces, &peer.pods) {
        (Some(namespaces), None) => namespaces,
        (None, Some(pods)) => {
            let at = format!("{path}.pods.podSelector");
            match &pods.pod_selector {
                Some(own) if has_source(own) => {
                    let help = "write the keys of pods' labels; nodes are named by `nodes`, and may always reach their pods";
                    let message = "a key with a source, such as `reserved:host`, is not the label of a pod";
                    findings.warn("source-in-key", &at, message, help);
                    return None;
                }
                Some(own) => {
                    labels = selector(own, Keys::Plain(K8S), "", &at, findings);
                    trap_labels::excluded(&labels, &at, scope, findings);
                }
                None => {
                    let help = "write `podSelector: {}` for every pod of the namespaces";
                    findings.error("no-pod-selector", &at, "the field is missing", help);
                }
            }
            &pods.namespace_selector
        }
        _ => return None,
    };
    let field = if peer.pods.is_some() { "pods.namespaceSelector" } else { "namespaces" };
    in_namespaces(&mut labels, namespaces, peer.pods.is_some(), &below(path, field), scope, findings);
    Some(labels)
}

/// Whether a key names a source. The schema lets it in; what the agent makes of it is not known, so the peer is not
/// (docs/semantics/kubernetes.md#kubernetes-unknown-peer).
fn has_source(selector: &LabelSelector) -> bool {
    let by_value = selector.match_labels.iter().flatten().map(|(key, _)| key);
    let by_expression = selector.match_expressions.iter().flatten().map(|expression| &expression.key);
    by_value.chain(by_expression).any(|key| key.contains(':'))
}

/// The ends that one egress peer names; none if it names nobody.
fn egress_peer(
    peer: &EgressPeer,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Option<Vec<Clause>> {
    let by_pods = PodPeer { namespaces: peer.namespaces.clone(), pods: peer.pods.clone() };
    if let Some(labels) = peer_pods(&by_pods, path, scope, findings) {
        return Some(by_labels(vec![labels]));
    }
    if let Some(nodes) = &peer.nodes {
        if !scope.options.cilium.node_labels {
            let help = "set the option `nodeLabels` (agent: enable-node-selector-labels)";
            findings.by(Some(Authority::CiliumAgent));
            findings.error("option-needed", &format!("{path}.nodes"), "selecting nodes is off", help);
            findings.by(Some(Authority::Crd));
        }
        let nodes = selector(nodes, Keys::Forced(NODE), "", &format!("{path}.nodes"), findings);
        let with = |kind| {
            let mut labels = nodes.clone();
            labels.require(RESERVED, kind, Operator::Exists);
            labels
        };
        return Some(by_labels(vec![with("host"), with("remote-node")]));
    }
    if let Some(networks) = &peer.networks {
        let mut nets = Vec::new();
        for (i, text) in networks.iter().enumerate() {
            nets.extend(cidr::block(text, &format!("{path}.networks[{i}]"), findings));
        }
        return Some(by_address(&nets, scope.options));
    }
    let names: Vec<NamePattern> = domain_names(core::slice::from_ref(peer), scope).collect();
    let test = Test::name(NameAttribute::Peer, names.iter().cloned());
    (!names.is_empty()).then(|| vec![Clause { tests: vec![test], index: 0 }])
}

/// Labels of letters, digits, `-` and `_`, at least two of them, with `*.` in front or not. By the schema's `[A-z]` a label
/// may begin with `_`, and of the other characters between `Z` and `a` the agent takes none.
fn is_domain_name(text: &str) -> bool {
    let first = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let last = |label: &str| {
        label.len() == 1 || label.bytes().next_back().is_some_and(|b| b.is_ascii_alphanumeric())
    };
    let name = text.strip_prefix("*.").unwrap_or(text);
    let name = name.strip_suffix('.').unwrap_or(name);
    name.contains('.')
        && name.split('.').all(|label| {
            label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                && first(label.bytes().next())
                && last(label)
        })
}

/// `*.x` stands for every depth.
fn domain_names(peers: &[EgressPeer], scope: &Scope<'_>) -> impl Iterator<Item = NamePattern> {
    let names = peers.iter().flat_map(|p| p.domain_names.iter().flatten());
    names.map(move |text| match text.strip_prefix("*.") {
        Some(parent) => name::wildcard(&format!("**.{parent}"), false, scope.options),
        None => NamePattern::Name(name::canonical(text)),
    })
}

/// The lookups that names need: of these names, at pods that are labelled as the cluster's DNS, in whatever namespace.
fn lookups(entry: &Entry, names: Vec<NamePattern>) -> Entry {
    let requirement = Requirement { source: None, key: "k8s-app".into(), operator: equals("kube-dns") };
    let server = Selector { requirements: vec![requirement] };
    let named = |name: &str| {
        [Protocol::Udp, Protocol::Tcp].map(|protocol| Port::single(protocol, Number::Named(name.into())))
    };
    let ports = named("dns").into_iter().chain(named("dns-tcp")).collect();
    let group =
        PortGroup { index: 0, ports, seen: Inspection { l7: L7::Dns(names), ..Inspection::default() } };
    Entry { ends: Ends::Only(by_labels(vec![server])), ports: Ports::Listed(vec![group]), ..entry.clone() }
}

fn ports(list: &[ProtocolMatch], path: &str, findings: &mut Findings) -> Ports {
    if list.is_empty() {
        return Ports::Any;
    }
    let mut groups = Vec::new();
    for (index, item) in (0u32..).zip(list) {
        let given = [
            item.tcp.is_some(),
            item.udp.is_some(),
            item.sctp.is_some(),
            item.destination_named_port.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            let help = "give exactly one of `tcp`, `udp`, `sctp` and `destinationNamedPort`";
            let at = format!("{path}.protocols[{index}]");
            findings.error("bad-protocol", &at, "the item names no protocol, or several", help);
        }
        let mut ports = Vec::new();
        for (protocol, range) in
            [(Protocol::Tcp, &item.tcp), (Protocol::Udp, &item.udp), (Protocol::Sctp, &item.sctp)]
        {
            let Some(range) = range else { continue };
            match number(range) {
                Some(number) => {
                    let end = match number {
                        Number::Range(first, last) if first < last => last,
                        _ => 0,
                    };
                    ports.push(Port { end, ..Port::single(protocol, number) });
                }
                None => {
                    let at = format!("{path}.protocols[{index}]");
                    let help = "write `destinationPort: {number: 80}` or `{range: {start: 80, end: 90}}`";
                    findings.error("bad-port", &at, "invalid port", help);
                }
            }
        }
        if let Some(name) = &item.destination_named_port {
            let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
            let number = Number::Named(name.to_ascii_lowercase().into());
            ports.extend(all.map(|protocol| Port::single(protocol, number.clone())));
        }
        groups.push(PortGroup { index, ports, ..PortGroup::default() });
    }
    Ports::Listed(groups)
}

fn number(range: &PortMatch) -> Option<Number> {
    let port = range.destination_port.as_ref()?;
    match (port.number, &port.range) {
        (Some(number), None) if number > 0 => Some(Number::Range(number, number)),
        (None, Some(range)) if range.start > 0 && range.start < range.end => {
            Some(Number::Range(range.start, range.end))
        }
        _ => None,
    }
}
