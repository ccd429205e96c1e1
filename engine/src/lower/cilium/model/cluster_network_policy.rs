//! ClusterNetworkPolicy as Cilium 1.20 enforces it (docs/semantics/kubernetes.md#kubernetes-tiers).

use super::{
    cluster_peer::{domain_names, egress_peer, ingress_peer, is_domain_name, pods},
    cluster_port::ports,
    entry::{Direction, Entry, Level, Policy},
    fault::{ClusterNetworkPolicyFault, Faults},
    l7::{L7, PerSelectorPolicy},
    peer::{PeerSpec, by_labels},
    port::{Port, PortGroup, Ports},
    port_number::Number,
    scope::{Scope, below},
    selector::equals,
};
use crate::{
    ir::{Clause, Effect, Field, NamePattern, Requirement, Selector},
    net::Protocol,
    options::CiliumVersion,
    resource::{
        Object,
        kubernetes::{ClusterNetworkPolicySpec, ProtocolMatch},
    },
    rule_id::{PolicyRef, RuleId},
};
use alloc::{format, string::String, sync::Arc, vec, vec::Vec};

/// The number of priorities of rules between two priorities of policies.
const STEPS: u32 = 100;

/// Returns the policy of `object`. It never enables default deny.
pub(super) fn policy(
    object: &Object<ClusterNetworkPolicySpec>,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Policy {
    let spec = &object.spec;
    if scope.options.cilium.version < CiliumVersion::V1_20 {
        faults.add("", ClusterNetworkPolicyFault::RequiresRelease);
    }
    let tier = match spec.tier.as_str() {
        "Admin" => Level::ADMIN,
        "Baseline" => Level::BASELINE,
        other => {
            faults.add("spec.tier", ClusterNetworkPolicyFault::InvalidTier(other.into()));
            Level::BASELINE
        }
    };
    if spec.priority > 1000 {
        faults.add("spec.priority", ClusterNetworkPolicyFault::InvalidPriority(spec.priority));
    }
    let reference = Arc::new(object.reference());
    let subject = pods(&spec.subject, "spec.subject", scope, faults).unwrap_or_else(|| {
        faults.add("spec.subject", ClusterNetworkPolicyFault::MissingSubject);
        Selector::default()
    });
    let reader = Reader { reference: &reference, tier, priority: spec.priority };
    let mut ingress = Direction { is_present: spec.ingress.is_some(), ..Direction::default() };
    for (i, rule) in (0u32..).zip(spec.ingress.iter().flatten()) {
        let path = format!("spec.ingress[{i}]");
        let peers = rule.from.iter().enumerate();
        let peers = peers.map(|(n, peer)| {
            ingress_peer(peer, &format!("{path}.from[{n}]"), scope, faults)
                .map(|clauses| at(clauses, Field::new("from[#]").index(n)))
        });
        let peers = peers.collect();
        let protocols = rule.protocols.as_deref().unwrap_or_default();
        ingress.entries.extend(reader.entry("ingress", i, &rule.action, peers, protocols, path, faults));
    }
    let mut egress = Direction { is_present: spec.egress.is_some(), ..Direction::default() };
    for (i, rule) in (0u32..).zip(spec.egress.iter().flatten()) {
        let path = format!("spec.egress[{i}]");
        let peers = rule.to.iter().enumerate();
        let peers = peers.map(|(n, peer)| {
            egress_peer(peer, &format!("{path}.to[{n}]"), scope, faults)
                .map(|clauses| at(clauses, Field::new("to[#]").index(n)))
        });
        let peers = peers.collect();
        let protocols = rule.protocols.as_deref().unwrap_or_default();
        let names: Vec<NamePattern> = domain_names(&rule.to, scope).collect();
        for (n, peer) in rule.to.iter().enumerate() {
            for (i, name) in
                peer.domain_names.iter().flatten().enumerate().filter(|(_, n)| !is_domain_name(n))
            {
                let at = format!("{path}.to[{n}].domainNames[{i}]");
                faults.add(at, ClusterNetworkPolicyFault::InvalidDomainName(name.clone()));
            }
        }
        if !names.is_empty() && rule.action != "Accept" {
            faults.add(path.as_str(), ClusterNetworkPolicyFault::DomainNamesNotAccepted);
        }
        let entry = reader.entry("egress", i, &rule.action, peers, protocols, path, faults);
        let lookups = entry.as_ref().filter(|_| !names.is_empty()).map(|entry| lookups(entry, names));
        egress.entries.extend(entry.into_iter().chain(lookups));
    }
    ingress.is_present &= !ingress.entries.is_empty();
    egress.is_present &= !egress.entries.is_empty();
    Policy { reference, subject, is_host: false, egress, ingress }
}

struct Reader<'a> {
    reference: &'a Arc<PolicyRef>,
    tier: u8,
    priority: u32,
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
        faults: &mut Faults,
    ) -> Option<Entry> {
        let unknown = peers.iter().any(Option::is_none);
        if peers.is_empty() {
            let field = if section == "ingress" { "from" } else { "to" };
            faults.add(below(&path, field), ClusterNetworkPolicyFault::MissingPeers);
        }
        let Some(effect) = effect(action) else {
            faults.add(format!("{path}.action"), ClusterNetworkPolicyFault::InvalidAction(action.into()));
            return None;
        };
        // Accept allows no flow to an unknown peer. Deny and Pass with an unknown peer deny every flow
        // (docs/semantics/kubernetes.md#kubernetes-unknown-peer).
        let (effect, clauses) = match (unknown, effect) {
            (true, Effect::Deny | Effect::Pass) => (Effect::Deny, vec![Clause::default()]),
            (_, effect) => (effect, peers.into_iter().flatten().flatten().collect()),
        };
        let ports = ports(protocols, &path, faults);
        let id = RuleId::in_section(self.reference.clone(), section, number);
        let level =
            Level { tier: self.tier, priority: self.priority.saturating_mul(STEPS).saturating_add(number) };
        Some(Entry::new(id, path, effect, level, PeerSpec::AnyOf(clauses), ports))
    }
}

/// Returns the effect of `action`, if it is one.
pub(crate) fn effect(action: &str) -> Option<Effect> {
    Some(match action {
        "Accept" => Effect::Allow,
        "Deny" => Effect::Deny,
        "Pass" => Effect::Pass,
        _ => return None,
    })
}

/// Returns the entry that allows lookups of `names` at pods with the label of the cluster's DNS, in every namespace.
fn lookups(entry: &Entry, names: Vec<NamePattern>) -> Entry {
    let requirement = Requirement { source: None, key: "k8s-app".into(), operator: equals("kube-dns") };
    let server = Selector { requirements: vec![requirement] };
    let named = |name: &str| {
        [Protocol::Udp, Protocol::Tcp].map(|protocol| Port::single(protocol, Number::Named(name.into())))
    };
    let ports = named("dns").into_iter().chain(named("dns-tcp")).collect();
    let policy = PerSelectorPolicy { l7: L7::Dns(names), ..PerSelectorPolicy::default() };
    let group = PortGroup { index: 0, field: Field::default(), ports, policy };
    let peers = PeerSpec::AnyOf(by_labels(vec![server]));
    Entry { peers, ports: Ports::Listed(vec![group]), ..entry.clone() }
}

fn at(clauses: Vec<Clause>, field: Field) -> Vec<Clause> {
    clauses.into_iter().map(|clause| clause.at(field)).collect()
}
