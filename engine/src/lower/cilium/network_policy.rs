//! Kubernetes NetworkPolicy as Cilium enforces it (docs/semantics/kubernetes.md#kubernetes-subject).

use super::{
    Findings, cidr,
    peer::{Ends, Scope, by_labels, in_namespaces, local_cluster},
    policy::{Direction, Entry, Level, Policy},
    port::{Number, Port, PortGroup, Ports, is_service_name},
    selector::{Keys, below, equals, selector},
    trap_cidr, trap_labels,
};
use crate::{
    cluster::identity::{K8S, NAMESPACE},
    ir::{Clause, Effect, Selector},
    net::Protocol,
    resource::{
        LabelSelector, Object,
        kubernetes::{NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule, NetworkPolicySpec},
    },
    rule_id::RuleId,
};
use alloc::{format, string::ToString, sync::Arc, vec, vec::Vec};
use serde_json::Value;

/// Reads `object`.
pub(super) fn policy(
    object: &Object<NetworkPolicySpec>,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Policy {
    let spec = &object.spec;
    let reference = Arc::new(object.reference());
    let none = LabelSelector::default();
    let labels = spec.pod_selector.as_ref().unwrap_or(&none);
    let mut subject = selector(labels, Keys::Plain(K8S), "", "spec.podSelector", findings);
    trap_labels::excluded(&subject, "spec.podSelector", scope, findings);
    subject.require(K8S, NAMESPACE, equals(scope.namespace.unwrap_or_default()));
    let types: Vec<&str> = spec.policy_types.iter().flatten().map(|t| t.as_str()).collect();
    for (i, name) in types.iter().enumerate().filter(|(_, t)| !matches!(**t, "Ingress" | "Egress")) {
        let message = format!("invalid policy type `{name}`");
        findings.error(
            "bad-policy-type",
            &format!("spec.policyTypes[{i}]"),
            message,
            "use Ingress or Egress",
        );
    }
    if types.len() > 2 {
        let message = "more than two policy types";
        findings.error("bad-policy-type", "spec.policyTypes", message, "name each direction once");
    }
    let mut read = |list: &Option<Vec<Option<NetworkPolicyRule>>>, egress: bool, listed: bool| {
        let section = if egress { "egress" } else { "ingress" };
        let rules = list.as_deref().unwrap_or_default();
        if !rules.is_empty() && !types.is_empty() && !listed {
            let help =
                "list the direction in policyTypes, or remove its rules: Cilium enforces them, others do not";
            let message = format!("`policyTypes` does not list the direction of `{section}`");
            findings.warn("unlisted-direction", "spec.policyTypes", message, help);
        }
        let mut entries = Vec::new();
        for (number, rule) in (0u32..).zip(rules) {
            let rule = rule.clone().unwrap_or_default();
            let path = format!("spec.{section}[{number}]");
            let id = RuleId::in_section(reference.clone(), section, number);
            let peers = if egress { &rule.to } else { &rule.from };
            let wrong = if egress { &rule.from } else { &rule.to };
            if wrong.is_some() {
                let field = if egress { "from" } else { "to" };
                let message = format!("`{field}` does not belong in `{section}`");
                findings.error("wrong-shape", &format!("{path}.{field}"), message, "move it");
            }
            let ends = ends(peers, egress, &path, scope, findings);
            let ports = ports(&rule.ports, &path, findings);
            let (effect, level) = (Effect::Allow, Level::NORMAL);
            entries.push(Entry::new(id, path, effect, level, ends, ports));
        }
        let present = !rules.is_empty() || listed;
        Direction { present, arms: present, entries }
    };
    let egress = read(&spec.egress, true, types.contains(&"Egress"));
    let ingress = read(&spec.ingress, false, types.contains(&"Ingress") || !types.contains(&"Egress"));
    Policy { reference, subject, host: false, egress, ingress }
}

/// Empty and missing lists mean everyone; so does an empty entry, unlike in Cilium's own policies.
fn ends(
    list: &Option<Vec<Option<NetworkPolicyPeer>>>,
    egress: bool,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Ends {
    let list = list.as_deref().unwrap_or_default();
    if list.is_empty() {
        return Ends::Only(vec![Clause::default()]);
    }
    let mut clauses = Vec::new();
    for (index, peer) in (0u32..).zip(list) {
        let at = format!("{path}.{}[{index}]", if egress { "to" } else { "from" });
        let peer = peer.clone().unwrap_or_default();
        match &peer.ip_block {
            Some(block) => {
                if peer.pod_selector.is_some() || peer.namespace_selector.is_some() {
                    let message = "`ipBlock` stands beside a selector";
                    findings.error("two-peers", &at, message, "write a peer of its own for each");
                }
                let net = cidr::block(&block.cidr, &format!("{at}.ipBlock.cidr"), findings);
                let Some(net) = net else { continue };
                let holes = block.except.as_deref().unwrap_or_default();
                let at = format!("{at}.ipBlock");
                let holes = cidr::holes(holes, Some(net), &at, findings);
                trap_cidr::in_cluster(net, &format!("{at}.cidr"), scope, findings);
                for hole in holes.iter().filter(|hole| **hole == net) {
                    let message = format!("the exception is all of `{hole}`");
                    let help = "an exception must be smaller than its block";
                    findings.error("bad-cidr", &format!("{at}.except"), message, help);
                }
                clauses.extend(cidr::clauses(net, &holes, index, scope.options));
            }
            None => {
                if peer.pod_selector.is_none() && peer.namespace_selector.is_none() {
                    let help = "name a podSelector, a namespaceSelector or an ipBlock";
                    findings.error("no-peer", &at, "the peer names nobody", help);
                }
                let mut clause = by_labels(vec![pods(&peer, &at, scope, findings)]);
                clause.iter_mut().for_each(|c| c.index = index);
                clauses.extend(clause);
            }
        }
    }
    Ends::Only(clauses)
}

fn pods(peer: &NetworkPolicyPeer, path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Selector {
    let mut labels = Selector::default();
    if let Some(own) = &peer.pod_selector {
        let at = format!("{path}.podSelector");
        labels = selector(own, Keys::Plain(K8S), "", &at, findings);
        trap_labels::excluded(&labels, &at, scope, findings);
    }
    match &peer.namespace_selector {
        None => labels.require(K8S, NAMESPACE, equals(scope.namespace.unwrap_or_default())),
        Some(by_label) => {
            in_namespaces(&mut labels, by_label, true, &below(path, "namespaceSelector"), scope, findings);
        }
    }
    local_cluster(&mut labels, scope);
    labels
}

fn ports(list: &Option<Vec<Option<NetworkPolicyPort>>>, path: &str, findings: &mut Findings) -> Ports {
    let list = list.as_deref().unwrap_or_default();
    if list.is_empty() {
        return Ports::Any;
    }
    let mut groups = Vec::new();
    for (index, item) in (0u32..).zip(list) {
        let item = item.clone().unwrap_or_default();
        let at = format!("{path}.ports[{index}]");
        let name = item.protocol.as_deref().unwrap_or("TCP");
        let protocol =
            Protocol::parse(name).filter(|p| matches!(p, Protocol::Tcp | Protocol::Udp | Protocol::Sctp));
        let Some(protocol) = protocol else {
            let message = format!("invalid protocol `{name}`");
            findings.error("bad-protocol", &format!("{at}.protocol"), message, "use TCP, UDP or SCTP");
            continue;
        };
        let Some(number) = number(&item, &at, findings) else { continue };
        if item.protocol.is_none() && number == Number::Range(53, 53) && !speaks_udp(list) {
            let help = "write a second port with `protocol: UDP`: lookups use it first";
            findings.warn("tcp-only-dns", &at, "without a protocol port 53 is TCP only", help);
        }
        // An `endPort` beside anything but a number is refused.
        let end = item.end_port.unwrap_or_default();
        groups.push(PortGroup {
            index,
            ports: vec![Port { end, ..Port::single(protocol, number) }],
            ..PortGroup::default()
        });
    }
    Ports::Listed(groups)
}

fn number(item: &NetworkPolicyPort, path: &str, findings: &mut Findings) -> Option<Number> {
    let (at, end_at) = (format!("{path}.port"), format!("{path}.endPort"));
    let mut no_range = |why: &str| {
        if item.end_port.is_some() {
            let message = format!("`endPort` stands beside {why}");
            findings.error("bad-port", &end_at, message, "write the first port as a number");
        }
    };
    let wrong = match &item.port {
        None | Some(Value::Null) => {
            no_range("no port");
            return Some(Number::Range(0, u16::MAX));
        }
        Some(Value::Number(number)) => match number.as_u64().and_then(|n| u16::try_from(n).ok()) {
            Some(port @ 1..) => {
                if item.end_port.is_some_and(|end| end < port) {
                    let message = "the last port comes before the first";
                    findings.error("bad-port", &end_at, message, "write the larger number last");
                }
                return Some(Number::Range(port, item.end_port.unwrap_or(port).max(port)));
            }
            _ => format!("invalid port {number}"),
        },
        Some(Value::String(name)) if is_port_name(name) => {
            no_range("the name of a port");
            return Some(Number::Named(name.as_str().into()));
        }
        Some(Value::String(text)) => format!("invalid port name `{text}`"),
        Some(_) => "invalid port".to_string(),
    };
    let help = "write a number from 1 to 65535 without quotes, or the name of a container port: at most 15 \
                lower-case letters, digits and single dashes, with a letter";
    findings.error("bad-port", &at, wrong, help);
    None
}

/// Whether some port is open for UDP.
fn speaks_udp(list: &[Option<NetworkPolicyPort>]) -> bool {
    list.iter().flatten().any(|item| item.protocol.as_deref() == Some("UDP"))
}

/// Whether Kubernetes takes `text` for the name of a port.
fn is_port_name(text: &str) -> bool {
    is_service_name(text) && !text.bytes().any(|b| b.is_ascii_uppercase())
}
