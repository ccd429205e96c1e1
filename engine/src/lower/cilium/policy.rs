//! Objects to entries: what each policy says, for whichever endpoint it selects.

use super::{
    Findings, azure, cidr_set,
    cluster_index::ClusterIndex,
    cluster_network_policy, crd,
    named_port::PortNumbers,
    network_policy,
    peer::{self, Ends, Scope},
    port::{self, Place, Ports},
    selector::{Keys, equals, selector},
    subjects::Subjects,
    trap, trap_cidr, trap_l7, trap_labels,
};
use crate::{
    cluster::{
        Cluster,
        identity::{K8S, NAMESPACE, RESERVED},
    },
    diagnostic::Authority,
    ir::{Effect, Predicate, Requirement, Selector},
    options::{CiliumVersion, Options, Profile},
    resource::{
        Object,
        cilium::{
            Authentication, CiliumPolicy, CiliumRule, EgressRule, IcmpRule, IngressRule, Peers, PortRule,
        },
    },
    rule_id::{PolicyRef, RuleId},
};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use ipnet::IpNet;

/// Where a level stands in the order of precedence: tier first, then priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level {
    pub(super) tier: u8,
    pub(super) priority: u32,
}

impl Level {
    /// The tier of CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and NetworkPolicy.
    pub(super) const NORMAL: Self = Self { tier: 200, priority: 0 };
    /// The tier behind it, of ClusterNetworkPolicy.
    pub(super) const BASELINE: u8 = 250;
}

/// One entry of one direction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) id: RuleId,
    /// Where it stands in its object.
    pub(super) path: String,
    pub(super) effect: Effect,
    pub(super) level: Level,
    pub(super) ends: Ends,
    pub(super) ports: Ports,
    /// `authentication.mode`, where it is written.
    pub(super) authentication: Option<Box<str>>,
    /// Whether the ends are those of `fromEndpoints` or `toEndpoints`.
    pub(super) by_endpoints: bool,
    /// What `fromRequires` or `toRequires` ask of every such end of the endpoint.
    pub(super) requires: Vec<Requirement>,
}

impl Entry {
    /// An entry of a kind that has neither requirements nor authentication.
    pub(super) fn new(
        id: RuleId,
        path: String,
        effect: Effect,
        level: Level,
        ends: Ends,
        ports: Ports,
    ) -> Self {
        let (by_endpoints, requires, authentication) = (false, Vec::new(), None);
        Self { id, path, effect, level, ends, ports, by_endpoints, requires, authentication }
    }
}

/// What one rule says about one direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Direction {
    /// Whether the rule speaks of this direction at all.
    pub(super) present: bool,
    /// Whether it arms default deny.
    pub(super) arms: bool,
    pub(super) entries: Vec<Entry>,
}

/// One rule: a `spec`, an item of `specs`, or a NetworkPolicy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Policy {
    pub(super) reference: Arc<PolicyRef>,
    pub(super) subject: Selector,
    /// Whether it selects the local host rather than endpoints.
    pub(super) host: bool,
    pub(super) egress: Direction,
    pub(super) ingress: Direction,
}

/// Every network policy of a cluster, read.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(super) policies: Vec<Policy>,
    /// What they select.
    pub(super) subjects: Subjects,
    /// What port names stand for, for the DNS proxy.
    pub(super) port_numbers: PortNumbers,
}

impl Lowered {
    /// Reads the policies of `cluster`; `findings` tells what is wrong with them. A refused object has no effect.
    pub(crate) fn new(cluster: &Cluster, options: &Options, findings: &mut Findings) -> Self {
        let port_numbers = PortNumbers::new(cluster, options);
        let mut lowered = Self { policies: Vec::new(), subjects: Subjects::default(), port_numbers };
        let (resources, index) = (cluster.resources(), ClusterIndex::new(cluster));
        cidr_set::check_groups(cluster, findings);
        for object in &resources.cilium_network_policies {
            let namespace = Some(object.metadata.namespace.as_str());
            let scope = Scope { index: &index, options, namespace, init: false };
            lowered.cilium(object, &scope, findings);
        }
        for object in &resources.cilium_clusterwide_network_policies {
            let scope = Scope { index: &index, options, namespace: None, init: false };
            lowered.cilium(object, &scope, findings);
        }
        for object in &resources.network_policies {
            let namespace = Some(object.metadata.namespace.as_str());
            let scope = Scope { index: &index, options, namespace, init: false };
            findings.about(object.title(), &object.origin);
            findings.by(Some(Authority::ApiServer));
            let before = findings.errors();
            let policy = network_policy::policy(object, &scope, findings);
            lowered.policies.extend(Some(policy).filter(|_| findings.errors() == before));
        }
        for object in &resources.cluster_network_policies {
            let scope = Scope { index: &index, options, namespace: None, init: false };
            findings.about(object.title(), &object.origin);
            findings.by(Some(Authority::Crd));
            let before = findings.errors();
            let policy = cluster_network_policy::policy(object, &scope, findings);
            lowered.policies.extend(Some(policy).filter(|_| findings.errors() == before));
        }
        lowered.subjects = Subjects::new(&lowered.policies);
        lowered
    }

    /// The blocks that the policies and the CiliumCIDRGroups of `cluster` name. That of all addresses is not among those of
    /// policies, which read it as the world.
    pub(crate) fn blocks(&self, cluster: &Cluster) -> Vec<IpNet> {
        let entries = self.policies.iter().flat_map(|p| p.egress.entries.iter().chain(&p.ingress.entries));
        let clauses = entries.flat_map(|entry| match &entry.ends {
            Ends::Anyone => &[],
            Ends::Only(clauses) => clauses.as_slice(),
        });
        let tests = clauses.flat_map(|clause| &clause.tests);
        let blocks = tests.filter_map(|test| match &test.predicate {
            Predicate::Address(_, blocks) => Some(blocks),
            _ => None,
        });
        let named = blocks.flatten().filter(|net| net.prefix_len() > 0).map(IpNet::trunc);
        let groups = cluster.address_groups().iter().flat_map(|group| &group.nets).copied();
        named.chain(groups).collect()
    }

    fn cilium(&mut self, object: &Object<CiliumPolicy>, scope: &Scope<'_>, findings: &mut Findings) {
        findings.about(object.title(), &object.origin);
        let (before, from) = (findings.errors(), findings.list.len());
        let kept = self.policies.len();
        let reference = Arc::new(object.reference());
        let mut counters = [0; 4];
        let mut read = |rule: &CiliumRule, specs: Option<usize>, path: &str, findings: &mut Findings| {
            let builder = Builder { reference: &reference, scope: *scope, specs, path };
            self.policies.push(builder.rule(rule, &mut counters, findings));
        };
        if let Some(rule) = &object.spec.spec {
            read(rule, None, "spec", findings);
        }
        for (i, rule) in object.spec.specs.iter().flatten().enumerate() {
            read(rule, Some(i), &format!("specs[{i}]"), findings);
        }
        if object.spec.spec.is_none() && object.spec.specs.as_ref().is_none_or(Vec::is_empty) {
            findings.error("no-rule", "", "neither `spec` nor `specs` is given", "write a `spec`");
        }
        findings.refused_by_schema(from, crd::refusals(&object.spec, scope.options));
        if scope.options.profile == Profile::AzureAcns {
            azure::check(&object.spec, scope, findings);
        }
        if findings.errors() > before {
            self.policies.truncate(kept);
        }
    }
}

/// Reads one rule of one object.
struct Builder<'a, 's> {
    reference: &'a Arc<PolicyRef>,
    scope: Scope<'s>,
    /// The rule's position in `specs`; none for `spec`.
    specs: Option<usize>,
    path: &'a str,
}

const SECTIONS: [&str; 4] = ["ingress", "ingressDeny", "egress", "egressDeny"];

/// The parts of an entry that both directions share.
struct Parts<'a> {
    peers: Peers<'a>,
    to_ports: Option<&'a [PortRule]>,
    icmps: Option<&'a [IcmpRule]>,
    authentication: Option<&'a Authentication>,
    /// Whether it has an `auth`.
    auth: bool,
}

impl Builder<'_, '_> {
    /// Entries are numbered on over all rules of the object, a count for each section.
    fn rule(&self, rule: &CiliumRule, counters: &mut [u32; 4], findings: &mut Findings) -> Policy {
        let (subject, host) = self.subject(rule, findings);
        let init = |r: &Requirement| r.source.as_deref() == Some(RESERVED) && *r.key == *"init";
        let scope = Scope { init: subject.requirements.iter().any(init), ..self.scope };
        let lists = [
            rule.ingress.iter().flatten().map(from_ingress).collect::<Vec<_>>(),
            rule.ingress_deny.iter().flatten().map(from_ingress).collect(),
            rule.egress.iter().flatten().map(from_egress).collect(),
            rule.egress_deny.iter().flatten().map(from_egress).collect(),
        ];
        if lists.iter().all(Vec::is_empty) && scope.options.cilium.version >= CiliumVersion::V1_19 {
            let help = "write at least one entry; `ingress: [{}]` closes a direction";
            findings.error("no-section", self.path, "no section has an entry", help);
        }
        trap::idle_flag(rule, self.path, findings);
        trap_cidr::reopened(rule, self.path, findings);
        let flag = rule.enable_default_deny.unwrap_or_default();
        let may_disarm = scope.options.cilium.non_default_deny;
        let mut directions = [Direction::default(), Direction::default()];
        for (((section, list), counter), at) in SECTIONS.iter().zip(&lists).zip(counters).zip([0, 0, 1, 1]) {
            let Some(direction) = directions.get_mut(at) else { continue };
            let place = Place { egress: at == 1, deny: section.ends_with("Deny"), host };
            let enabled = if place.egress { flag.egress } else { flag.ingress };
            direction.present |= !list.is_empty();
            direction.arms |= !list.is_empty() && (enabled != Some(false) || !may_disarm);
            for (i, parts) in list.iter().enumerate() {
                let path = format!("{}.{section}[{i}]", self.path);
                let id = RuleId::in_section(self.reference.clone(), section, *counter);
                let id = match self.specs {
                    Some(specs) => id.in_specs(specs, i),
                    None => id,
                };
                *counter += 1;
                let idle = enabled == Some(false) && may_disarm && !place.deny;
                if idle && scope.options.cilium.version >= CiliumVersion::V1_18 {
                    trap_l7::unarmed(parts.to_ports.unwrap_or_default(), &path, findings);
                }
                direction.entries.push(entry(id, parts, place, &path, &scope, findings));
            }
        }
        let [ingress, egress] = directions;
        Policy { reference: self.reference.clone(), subject, host, egress, ingress }
    }

    fn subject(&self, rule: &CiliumRule, findings: &mut Findings) -> (Selector, bool) {
        let path = self.path;
        match (&rule.endpoint_selector, &rule.node_selector) {
            (Some(labels), None) => {
                let at = format!("{path}.endpointSelector");
                let mut subject = selector(labels, Keys::Any, "", &at, findings);
                trap_labels::excluded(&subject, &at, &self.scope, findings);
                if let Some(namespace) = self.scope.namespace {
                    if subject.names(K8S, NAMESPACE) {
                        let message = "the namespace is overwritten by the policy's own";
                        findings.warn("overwritten-namespace", &at, message, "remove the key");
                    }
                    let own = |r: &Requirement| {
                        *r.key == *NAMESPACE && r.source.as_deref().is_none_or(|s| s == K8S)
                    };
                    subject.requirements.retain(|r| !own(r));
                    subject.require(K8S, NAMESPACE, equals(namespace));
                }
                (subject, false)
            }
            (None, Some(labels)) => {
                let at = format!("{path}.nodeSelector");
                if self.scope.namespace.is_some() {
                    let help = "write a CiliumClusterwideNetworkPolicy";
                    let message = "a policy of a namespace cannot select nodes";
                    findings.error("node-selector", &at, message, help);
                }
                if !self.scope.options.cilium.host_firewall {
                    let help = "set the option `hostFirewall` (agent: enable-host-firewall)";
                    findings.warn(
                        "option-needed",
                        &at,
                        "without the host firewall the rule does nothing",
                        help,
                    );
                }
                (selector(labels, Keys::Any, "", &at, findings), true)
            }
            (None, None) => {
                let help = "write `endpointSelector: {}` to select every pod";
                findings.error("no-subject", path, "the rule selects nothing", help);
                (Selector::default(), false)
            }
            (Some(_), Some(_)) => {
                let message = "both `endpointSelector` and `nodeSelector` are given";
                findings.error("two-subjects", path, message, "remove one of the two");
                (Selector::default(), false)
            }
        }
    }
}

fn from_ingress(rule: &IngressRule) -> Parts<'_> {
    Parts {
        peers: rule.peers(),
        to_ports: rule.to_ports.as_deref(),
        icmps: rule.icmps.as_deref(),
        authentication: rule.authentication.as_ref(),
        auth: rule.auth.is_some(),
    }
}

fn from_egress(rule: &EgressRule) -> Parts<'_> {
    Parts {
        peers: rule.peers(),
        to_ports: rule.to_ports.as_deref(),
        icmps: rule.icmps.as_deref(),
        authentication: rule.authentication.as_ref(),
        auth: rule.auth.is_some(),
    }
}

fn entry(
    id: RuleId,
    parts: &Parts<'_>,
    place: Place,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Entry {
    let mut peers = parts.peers;
    if place.deny && peers.fqdns.take().is_some_and(|l| !l.is_empty()) {
        let what = if parts.to_ports.is_some_and(|l| !l.is_empty()) {
            "the entry denies its ports to everyone"
        } else {
            "the entry denies nothing"
        };
        let message = format!("deny rules have no `toFQDNs`, so it is dropped silently and {what}");
        let help = "deny by `toCIDR` or `toEntities`: names cannot be denied";
        findings.warn("dropped-field", &format!("{path}.toFQDNs"), message, help);
    }
    for (set, field) in
        [(parts.authentication.is_some() && place.deny, "authentication"), (parts.auth, "auth")]
    {
        if set {
            let message = format!("there is no `{field}` here, so it is dropped silently");
            findings.warn("dropped-field", &format!("{path}.{field}"), message, "remove it");
        }
    }
    if place.deny && !place.egress {
        trap::denied_host(&peers, path, findings);
    }
    let filled = |len: Option<usize>| len.is_some_and(|len| len > 0);
    let has_ports = filled(parts.to_ports.map(<[_]>::len)) || filled(parts.icmps.map(<[_]>::len));
    trap::empty_lists(&peers, has_ports, place.egress, path, findings);
    let ends = peer::ends(&peers, place.egress, path, scope, findings);
    let ports = port::ports(parts.to_ports, parts.icmps, place, path, scope, findings);
    let effect = if place.deny { Effect::Deny } else { Effect::Allow };
    let mode = parts.authentication.filter(|_| !place.deny).and_then(|a| a.mode.as_deref());
    let authentication = mode.filter(|m| !m.is_empty()).map(Into::into);
    let requires = peer::requirements(&parts.peers, place.egress, path, scope, findings);
    let by_endpoints = peers.endpoints.is_some();
    let entry = Entry::new(id, path.to_string(), effect, Level::NORMAL, ends, ports);
    Entry { by_endpoints, requires, authentication, ..entry }
}
