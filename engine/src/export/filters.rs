//! The Envoy filters of one workload, in istiod's order.

use super::{ext_authz, policy::policy};
use crate::{
    cluster::{CalledService, Cluster, IdentitySource, Workload},
    ir::{AuthorizationLayer, Effect, Rule},
    lower::istio::{self, Chain, attachment::Target, provider::Providers},
    options::Options,
};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use serde_json::{Map, Value, json};

/// Returns the filters that istiod generates from the AuthorizationPolicies of `workload`.
///
/// The order is CUSTOM, AUDIT, DENY, ALLOW. A CUSTOM provider has a filter with shadow rules and a filter that calls
/// the provider. If istiod rejects the provider, a filter denies the requests instead. Dry-run policies are shadow
/// rules.
///
/// ```
/// use palisade::{Cluster, Options, Workload, export, resource::Resources};
///
/// let mut resources = Resources::default();
/// resources.add(serde_json::json!({
///     "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
///     "metadata": {"name": "get-only", "namespace": "foo"},
///     "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]},
/// }), Default::default()).unwrap();
/// let (cluster, _) = Cluster::new(resources);
/// let sample = Workload::new("foo", [("app", "sample")], "sample");
/// let filters = export::envoy_rbac(&cluster, &sample, export::Chain::Http, &Options::default());
/// assert_eq!(filters[0]["name"], "envoy.filters.http.rbac");
/// assert!(filters[0]["typedConfig"]["rules"]["policies"]["ns[foo]-policy[get-only]-rule[0]"].is_object());
/// ```
pub fn envoy_rbac(cluster: &Cluster, workload: &Workload, chain: Chain, options: &Options) -> Vec<Value> {
    envoy_rbac_for_service(cluster, workload, None, chain, options)
}

/// Returns the filters in the filter chain of a waypoint for `service`.
pub fn envoy_rbac_for_service(
    cluster: &Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    chain: Chain,
    options: &Options,
) -> Vec<Value> {
    let mesh = &cluster.resources().mesh;
    let target = Target::new(workload, &mesh.root_namespace, options).called(service);
    let layer = istio::authorization(cluster, &target, chain, options);
    let builder = Builder { chain, identity: workload.role.identity_source() };
    let providers = Providers::new(&mesh.extension_providers);
    let mut filters = builder.custom(&layer.custom, &providers);
    filters.extend(builder.steps(&layer));
    filters
}

const ALLOW_SHADOW: &str = "istio_dry_run_allow_";
const DENY_SHADOW: &str = "istio_dry_run_deny_";
const CUSTOM_SHADOW: &str = "istio_ext_authz_";

struct Builder {
    chain: Chain,
    identity: IdentitySource,
}

/// The two sets of rules of one filter; `None` for a set without policies.
#[derive(Clone, Copy)]
struct Rules<'a> {
    enforced: Option<&'a [Rule]>,
    shadow: Option<&'a [Rule]>,
}

/// The CUSTOM rules of one provider.
#[derive(Default)]
struct CustomRules<'a> {
    asking: Vec<&'a Rule>,
    dry_run: Vec<&'a Rule>,
    denying: Vec<&'a Rule>,
}

impl Builder {
    /// Returns the filters for AUDIT, DENY and ALLOW. An action has a filter if it has a policy, even if no rule is
    /// left.
    fn steps(&self, layer: &AuthorizationLayer) -> Vec<Value> {
        let audit = Rules { enforced: layer.has_audit.then_some(&*layer.audit), shadow: None };
        let deny = Rules {
            enforced: layer.has_deny.then_some(&*layer.deny),
            shadow: layer.has_shadow_deny.then_some(&*layer.shadow_deny),
        };
        let allow = Rules {
            enforced: layer.default_deny.is_some().then_some(&*layer.allow),
            shadow: layer.shadow_default_deny.is_some().then_some(&*layer.shadow_allow),
        };
        let steps = [("LOG", audit), ("DENY", deny), ("ALLOW", allow)];
        steps.into_iter().filter_map(|(action, rules)| self.step(action, rules)).collect()
    }

    fn step(&self, action: &str, rules: Rules<'_>) -> Option<Value> {
        if rules.enforced.is_none() && rules.shadow.is_none() {
            return None;
        }
        let mut fields = Map::new();
        for (name, rules) in [("rules", rules.enforced), ("shadowRules", rules.shadow)] {
            if let Some(rules) = rules {
                fields.insert(name.into(), self.rules(action, rules, |rule| rule.id.envoy_name()));
            }
        }
        // istiod derives the prefix from the action of the shadow rules, which is ALLOW without shadow rules.
        let shadow_is_deny = action == "DENY" && rules.shadow.is_some();
        let prefix = if shadow_is_deny { DENY_SHADOW } else { ALLOW_SHADOW };
        fields.insert("shadowRulesStatPrefix".into(), prefix.into());
        Some(self.rbac(fields))
    }

    /// Returns the filters of each provider, in alphabetical order.
    fn custom(&self, rules: &[Rule], providers: &Providers<'_>) -> Vec<Value> {
        let mut by_provider: BTreeMap<&str, CustomRules<'_>> = BTreeMap::new();
        for rule in rules {
            let (Effect::Ask(name) | Effect::Unaskable(name) | Effect::DryRunCustom(name)) = &rule.effect
            else {
                continue;
            };
            let rules = by_provider.entry(name).or_default();
            match rule.effect {
                Effect::Ask(_) => rules.asking.push(rule),
                Effect::DryRunCustom(_) => rules.dry_run.push(rule),
                _ => rules.denying.push(rule),
            }
        }
        let mut filters = Vec::new();
        for (provider, CustomRules { asking, dry_run, denying }) in by_provider {
            let prefix = format!("istio-ext-authz-{provider}");
            let name = |rule: &Rule| format!("{prefix}-{}", rule.id.envoy_name());
            let mut fields = Map::new();
            match providers.get(provider) {
                Ok(service) if denying.is_empty() => {
                    fields.insert("shadowRules".into(), self.rules("DENY", asking, name));
                    fields.insert("shadowRulesStatPrefix".into(), CUSTOM_SHADOW.into());
                    if !dry_run.is_empty() {
                        fields.insert("rules".into(), self.rules("DENY", dry_run, name));
                    }
                    filters.push(self.rbac(fields));
                    filters.push(ext_authz::filter(service, self.chain, &prefix));
                }
                _ => {
                    let name = |rule: &Rule| format!("{}-deny-due-to-bad-CUSTOM-action", name(rule));
                    fields.insert("rules".into(), self.rules("DENY", denying, name));
                    filters.push(self.rbac(fields));
                }
            }
        }
        filters
    }

    /// Returns `envoy.config.rbac.v3.RBAC` without the action if it is ALLOW, the default.
    fn rules<'r>(
        &self,
        action: &str,
        rules: impl IntoIterator<Item = &'r Rule>,
        name: impl Fn(&Rule) -> String,
    ) -> Value {
        let mut rbac = Map::new();
        if action != "ALLOW" {
            rbac.insert("action".into(), action.into());
        }
        let policies: Map<String, Value> =
            rules.into_iter().map(|rule| (name(rule), policy(rule, self.identity))).collect();
        if !policies.is_empty() {
            rbac.insert("policies".into(), policies.into());
        }
        rbac.into()
    }

    fn rbac(&self, mut fields: Map<String, Value>) -> Value {
        let (name, kind) = match self.chain {
            Chain::Http => ("envoy.filters.http.rbac", "http"),
            Chain::Tcp => ("envoy.filters.network.rbac", "network"),
        };
        let kind = format!("type.googleapis.com/envoy.extensions.filters.{kind}.rbac.v3.RBAC");
        fields.insert("@type".into(), kind.into());
        if self.chain == Chain::Tcp {
            fields.insert("statPrefix".into(), "tcp.".into());
        }
        json!({"name": name, "typedConfig": fields})
    }
}
