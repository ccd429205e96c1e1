//! AuthorizationPolicies that an enforcement point outside istiod cannot enforce exactly.
//!
//! istiod builds filters for each filter chain, and each chain belongs to one service. A filter that is configured once for a
//! proxy has no such service. [`check_proxy`] returns the policies for which this changes a verdict. [`check_custom`] and
//! [`check_connections`] check the position of the filter in the chain, and [`check_egress`] the name-based outbound
//! direction.

mod token_changes;

use token_changes::Changed;

use crate::{
    cluster::{CalledService, Cluster, MeshRole, Workload},
    diagnostic::Diagnostic,
    ir::{AddressAttribute, Attribute, AuthorizationLayer, Effect, Group, NetworkLayer, Predicate, Rule},
    lower::istio::{
        self, Chain,
        attachment::{Target, references},
    },
    options::Options,
    resource::{Metadata, Object, istio::AuthorizationPolicySpec},
    rule_id::PolicyRef,
};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

const USE_WAYPOINT: &str = "istio.io/use-waypoint";
const USE_WAYPOINT_NAMESPACE: &str = "istio.io/use-waypoint-namespace";

/// A policy that an enforcement point cannot enforce exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inexact {
    /// The policy.
    pub policy: PolicyRef,
    /// The field, the reason and a suggestion.
    pub finding: Diagnostic,
}

impl Inexact {
    /// Returns the finding that `object` cannot be enforced exactly because of its field at `path`.
    pub fn new<T>(object: &Object<T>, path: &str, message: impl Into<String>, help: &str) -> Self {
        let finding = Diagnostic::error("inexact", message).at(path).help(help);
        Self { policy: object.reference(), finding: finding.of(object.title(), &object.origin) }
    }
}

/// Returns the policies that a filter of `workload` cannot enforce exactly at any position in the filter chain.
///
/// On a waypoint that is configured without a service, these are the policies that target a Service or a ServiceEntry.
///
/// ```
/// use palisade::{Cluster, Options, Workload, enforcement, resource::Resources};
///
/// let mut resources = Resources::default();
/// resources.add(serde_json::json!({
///     "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
///     "metadata": {"name": "web", "namespace": "foo"},
///     "spec": {"targetRefs": [{"kind": "Service", "group": "", "name": "web"}]},
/// }), Default::default()).unwrap();
/// let (cluster, _) = Cluster::new(resources);
/// let labels = [
///     ("gateway.networking.k8s.io/gateway-name", "wp"),
///     ("gateway.networking.k8s.io/gateway-class-name", "istio-waypoint"),
/// ];
/// let waypoint = Workload::new("foo", labels, "wp");
/// let inexact = enforcement::check_proxy(&cluster, &waypoint, None, &Options::default());
/// assert_eq!(inexact[0].policy.to_string(), "AuthorizationPolicy/foo/web");
/// ```
pub fn check_proxy(
    cluster: &Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    options: &Options,
) -> Vec<Inexact> {
    let MeshRole::Waypoint(waypoint) = &workload.role else { return Vec::new() };
    if service.is_some() {
        return Vec::new();
    }
    let target = Target::new(workload, &cluster.resources().mesh.root_namespace, options);
    let waypoint = (workload.namespace.as_str(), waypoint.as_str());
    let policies = cluster.resources().authorization_policies.iter();
    let inexact = policies.filter(|policy| !applies(&target, policy)).filter_map(|policy| {
        let service = targeted_services(policy)
            .find(|service| !uses_other_waypoint(cluster, service, waypoint))?;
        Some(Inexact::new(
            policy,
            "spec.targetRefs",
            format!(
                "the policy applies to requests for {} {}/{}, and this configuration is for all services of the waypoint",
                service.kind, service.namespace, service.name
            ),
            "name the service, one configuration for each: --service NAMESPACE/NAME",
        ))
    });
    inexact.collect()
}

/// Returns the policies that target a Service or a ServiceEntry, which only a waypoint enforces.
pub fn for_services(cluster: &Cluster) -> Vec<Inexact> {
    let policies = cluster.resources().authorization_policies.iter();
    let inexact = policies.filter_map(|policy| {
        let service = targeted_services(policy).next()?;
        Some(Inexact::new(
            policy,
            "spec.targetRefs",
            format!(
                "the policy applies to requests for {} {}/{}, and this configuration serves every service",
                service.kind, service.namespace, service.name
            ),
            "bundle the waypoint with --workload and --service",
        ))
    });
    inexact.collect()
}

/// Returns the CUSTOM policies whose rules depend on changes by `jwt_authn`. istiod evaluates CUSTOM before tokens are
/// validated. For a filter after `jwt_authn`, headers can lack their tokens, and claims exist that CUSTOM rules never match.
pub fn check_custom(
    cluster: &Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    options: &Options,
) -> Vec<Inexact> {
    let resources = cluster.resources();
    let target = Target::new(workload, &resources.mesh.root_namespace, options).called(service);
    let authentications = resources.request_authentications.iter().filter(|object| {
        let spec = &object.spec;
        target.applies(&object.metadata.namespace, &spec.selector, &spec.target_ref, &spec.target_refs)
    });
    let mut changed = Changed::default();
    authentications
        .flat_map(|object| object.spec.jwt_rules.iter().flatten())
        .for_each(|rule| changed.add(rule));
    if !changed.any {
        return Vec::new();
    }
    let layer = istio::authorization(cluster, &target, Chain::Http, options);
    let mut inexact = Vec::new();
    let policies = resources.authorization_policies.iter().filter(|policy| applies(&target, policy));
    for policy in policies {
        let reference = policy.reference();
        let rules = layer.custom.iter().filter(|rule| *rule.id.policy == reference);
        let tests =
            rules.flat_map(|rule| &rule.groups).flat_map(|group| &group.clauses).flat_map(|c| &c.tests);
        let mut read = tests.filter_map(|test| changed.reason(&test.predicate.attribute()));
        if let Some(reason) = read.next() {
            inexact.push(Inexact::new(
                policy,
                "spec.action",
                format!("istiod evaluates CUSTOM before `jwt_authn`, and the rule reads {reason}"),
                "use a format that evaluates CUSTOM before `jwt_authn`: istio-wasm-plugin or istio-envoy-filter",
            ));
        }
    }
    inexact
}

/// Returns the policies whose rules for connections differ from those for requests. A filter that evaluates them for the
/// connections of an HTTP port denies or allows more than istiod's filters.
pub fn check_connections(
    cluster: &Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    options: &Options,
) -> Vec<Inexact> {
    let target = Target::new(workload, &cluster.resources().mesh.root_namespace, options).called(service);
    let [http, tcp] =
        [Chain::Http, Chain::Tcp].map(|chain| istio::authorization(cluster, &target, chain, options));
    let policies = cluster.resources().authorization_policies.iter();
    let differs = policies.filter(|policy| {
        let reference = policy.reference();
        rules(&http, &reference) != rules(&tcp, &reference)
    });
    let inexact = differs.map(|policy| {
        Inexact::new(
            policy,
            "spec.rules",
            "the network filter also evaluates connections to HTTP ports, whose rules need requests",
            "use a format that attaches to TCP ports only: --format istio-envoy-filter",
        )
    });
    inexact.collect()
}

/// Returns references to the policies that apply to `workload`.
pub fn applicable_policies(
    cluster: &Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    options: &Options,
) -> BTreeSet<PolicyRef> {
    let target = Target::new(workload, &cluster.resources().mesh.root_namespace, options).called(service);
    let policies = cluster.resources().authorization_policies.iter();
    policies.filter(|policy| applies(&target, policy)).map(Object::reference).collect()
}

/// Returns the CUSTOM policies whose rules apply to filter chains of this kind.
pub fn custom_policies<'c>(
    cluster: &'c Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    chain: Chain,
    options: &Options,
) -> Vec<&'c Object<AuthorizationPolicySpec>> {
    let target = Target::new(workload, &cluster.resources().mesh.root_namespace, options).called(service);
    let layer = istio::authorization(cluster, &target, chain, options);
    let required: BTreeSet<&PolicyRef> = layer
        .custom
        .iter()
        .filter(|rule| matches!(rule.effect, Effect::Ask(_)))
        .map(|rule| &*rule.id.policy)
        .collect();
    let policies = cluster.resources().authorization_policies.iter();
    policies.filter(|policy| required.contains(&policy.reference())).collect()
}

/// Returns the policies of requests to `workload` whose rules test `attribute`.
pub fn policies_reading<'c>(
    cluster: &'c Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    attribute: &Attribute,
    options: &Options,
) -> Vec<&'c Object<AuthorizationPolicySpec>> {
    let target = Target::new(workload, &cluster.resources().mesh.root_namespace, options).called(service);
    let layer = istio::authorization(cluster, &target, Chain::Http, options);
    let reads = |groups: &[Group]| {
        let mut tests = groups.iter().flat_map(|group| &group.clauses).flat_map(|clause| &clause.tests);
        tests.any(|test| test.predicate.attribute() == *attribute)
    };
    let policies = cluster.resources().authorization_policies.iter();
    let matching = policies.filter(|policy| {
        let rules = rules(&layer, &policy.reference());
        rules.into_iter().any(|(_, groups)| reads(groups))
    });
    matching.collect()
}

/// Returns the egress policies of `workload` that deny addresses. A filter that decides by the name in the request has no
/// address of the destination.
pub fn check_egress(cluster: &Cluster, workload: &Workload, options: &Options) -> Vec<Inexact> {
    let layer = NetworkLayer::of(cluster, workload, options);
    let by_address = layer.egress.rules.iter().filter(|rule| {
        let mut tests = rule.groups.iter().flat_map(|group| &group.clauses).flat_map(|clause| &clause.tests);
        rule.effect == Effect::Deny
            && tests.any(|test| matches!(test.predicate, Predicate::Address(AddressAttribute::Peer, _)))
    });
    let policies: BTreeSet<(&PolicyRef, &'static str)> =
        by_address.map(|rule| (&*rule.id.policy, rule.id.section)).collect();
    let inexact = policies.into_iter().map(|(policy, section)| {
        let finding = Diagnostic::error(
            "inexact",
            "the policy denies addresses, and the filter has no address of the requested name",
        );
        let title = match &*policy.namespace {
            "" => format!("{} {}", policy.kind, policy.name),
            namespace => format!("{} {namespace}/{}", policy.kind, policy.name),
        };
        let finding = finding
            .at(format!("spec.{section}"))
            .help("leave the denial of addresses to Cilium")
            .of(title, &Default::default());
        Inexact { policy: policy.clone(), finding }
    });
    inexact.collect()
}

fn applies(target: &Target<'_>, policy: &Object<AuthorizationPolicySpec>) -> bool {
    let spec = &policy.spec;
    target.applies(&policy.metadata.namespace, &spec.selector, &spec.target_ref, &spec.target_refs)
}

fn targeted_services(policy: &Object<AuthorizationPolicySpec>) -> impl Iterator<Item = CalledService<'_>> {
    let namespace = &policy.metadata.namespace;
    references(&policy.spec.target_ref, &policy.spec.target_refs).into_iter().filter_map(move |target| {
        let (kind, name) = match target.parts() {
            ("" | "core", "Service", name) => (CalledService::SERVICE, name),
            ("networking.istio.io", "ServiceEntry", name) => (CalledService::SERVICE_ENTRY, name),
            _ => return None,
        };
        Some(CalledService { namespace, name, kind })
    })
}

/// Returns whether the labels of `service`, or else those of its namespace, refer to a waypoint other than `waypoint`.
fn uses_other_waypoint(cluster: &Cluster, service: &CalledService<'_>, waypoint: (&str, &str)) -> bool {
    let own = match service.kind {
        CalledService::SERVICE => labelled(&cluster.resources().services, service),
        _ => labelled(&cluster.resources().service_entries, service),
    };
    let metadata = match own {
        Some(own) if own.labels.contains_key(USE_WAYPOINT) => Some(own),
        _ => cluster.namespace(service.namespace),
    };
    let Some(labels) = metadata.map(|metadata| &metadata.labels) else { return false };
    let Some(name) = labels.get(USE_WAYPOINT) else { return false };
    let namespace = labels.get(USE_WAYPOINT_NAMESPACE).map_or(service.namespace, String::as_str);
    (namespace, name.as_str()) != waypoint
}

fn labelled<'c, T>(objects: &'c [Object<T>], service: &CalledService<'_>) -> Option<&'c Metadata> {
    let found = objects.iter().map(|object| &object.metadata);
    let mut found =
        found.filter(|m| (m.namespace.as_str(), m.name.as_str()) == (service.namespace, service.name));
    found.next()
}

/// Returns the rules of one policy, by effect.
fn rules<'l>(layer: &'l AuthorizationLayer, policy: &PolicyRef) -> Vec<(&'l Effect, &'l [Group])> {
    let lists: [&[Rule]; 6] =
        [&layer.custom, &layer.audit, &layer.deny, &layer.allow, &layer.shadow_deny, &layer.shadow_allow];
    let own = lists.into_iter().flatten().filter(|rule| *rule.id.policy == *policy);
    own.map(|rule| (&rule.effect, &*rule.groups)).collect()
}

#[cfg(test)]
mod tests;
