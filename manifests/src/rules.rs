//! The places of rules in the manifests.

use crate::load::Manifests;
use palisade::{
    Origin, RuleId,
    manifest::Field,
    resource::{
        Object,
        cilium::{CiliumPolicy, CiliumRule},
    },
};

/// The place of a rule in the manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleLocation {
    /// The object.
    pub origin: Origin,
    /// Path of the rule in the object, such as `spec.rules[0]`.
    pub path: String,
}

impl Manifests {
    /// Returns the place of the rule `id`, or `None` if the manifests do not contain it.
    pub fn rule(&self, id: &RuleId) -> Option<RuleLocation> {
        let resources = self.cluster.resources();
        let (section, number) = (id.section, id.rule);
        let in_spec = |origin: Origin| {
            let path = format!("spec.{section}[{number}]");
            RuleLocation { origin, path }
        };
        match id.policy.kind {
            "AuthorizationPolicy" => {
                let policy = find(&resources.authorization_policies, id)?;
                let has_rules = policy.spec.rules.is_some();
                let path = if has_rules { format!("spec.rules[{number}]") } else { "spec".to_owned() };
                Some(RuleLocation { origin: policy.origin.clone(), path })
            }
            "PeerAuthentication" => {
                let policy = find(&resources.peer_authentications, id)?;
                Some(RuleLocation { origin: policy.origin.clone(), path: "spec.mtls".to_owned() })
            }
            "RequestAuthentication" => {
                let policy = find(&resources.request_authentications, id)?;
                let path = format!("spec.jwtRules[{number}]");
                Some(RuleLocation { origin: policy.origin.clone(), path })
            }
            "NetworkPolicy" => Some(in_spec(find(&resources.network_policies, id)?.origin.clone())),
            "ClusterNetworkPolicy" => {
                Some(in_spec(find(&resources.cluster_network_policies, id)?.origin.clone()))
            }
            "CiliumNetworkPolicy" => in_cilium(find(&resources.cilium_network_policies, id)?, id),
            "CiliumClusterwideNetworkPolicy" => {
                in_cilium(find(&resources.cilium_clusterwide_network_policies, id)?, id)
            }
            _ => None,
        }
    }

    /// Returns the position of the field at `path` of the object with the rule at `location`, or of its nearest ancestor.
    pub fn field(&self, location: &RuleLocation) -> Option<Field> {
        self.sources.field(&location.origin, &location.path)
    }
}

/// Returns the object with the rule `id`.
fn find<'o, T>(objects: &'o [Object<T>], id: &RuleId) -> Option<&'o Object<T>> {
    objects.iter().find(|object| {
        *object.metadata.namespace == *id.policy.namespace && *object.metadata.name == *id.policy.name
    })
}

/// Returns the place of a rule in a Cilium policy. The entries of a section have consecutive numbers over `spec` and all
/// `specs`.
fn in_cilium(policy: &Object<CiliumPolicy>, id: &RuleId) -> Option<RuleLocation> {
    let CiliumPolicy { spec, specs } = &policy.spec;
    let spec = spec.iter().map(|rule| (rule, "spec".to_owned()));
    let specs = specs.iter().flatten().enumerate().map(|(n, rule)| (rule, format!("specs[{n}]")));
    let mut number = usize::try_from(id.rule).ok()?;
    for (rule, path) in spec.chain(specs) {
        let count = entries(rule, id.section);
        if number < count {
            let path = format!("{path}.{}[{number}]", id.section);
            return Some(RuleLocation { origin: policy.origin.clone(), path });
        }
        number -= count;
    }
    None
}

/// Returns the number of entries of a section.
fn entries(rule: &CiliumRule, section: &str) -> usize {
    match section {
        "ingress" => rule.ingress.as_ref().map_or(0, Vec::len),
        "ingressDeny" => rule.ingress_deny.as_ref().map_or(0, Vec::len),
        "egress" => rule.egress.as_ref().map_or(0, Vec::len),
        "egressDeny" => rule.egress_deny.as_ref().map_or(0, Vec::len),
        _ => 0,
    }
}
