//! The compiled mesh policies of one workload, which a proxy enforces.

use crate::{
    cluster::{CalledService, Cluster, IdentitySource, Workload},
    filter_chain::FilterChain,
    ir::{PeerLayer, PeerMode},
    lower::istio::{self, Chain, attachment::Target, tokens::TokenRules},
    options::Options,
    rule_id::RuleId,
};
use alloc::sync::Arc;

/// The compiled AuthorizationPolicies, PeerAuthentications and RequestAuthentications of one workload.
///
/// A policy set is immutable. A clone is another reference to the same set.
///
/// ```
/// use palisade::{Options, Policies, Request, Verdict, Workload};
///
/// let policies = Policies::from_json(serde_json::json!({
///     "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
///     "metadata": {"name": "get-only", "namespace": "foo"},
///     "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]},
/// }))?;
/// let sample = Workload::new("foo", [("app", "sample")], "sample");
/// let set = policies.validate(&Options::default())?.policy_set(&sample);
///
/// let get = Request { method: Some(b"GET"), path: Some(b"/"), ..Request::default() };
/// assert_eq!(set.http().decide(&get).verdict, Verdict::Allow);
/// let post = Request { method: Some(b"POST"), ..get };
/// assert_eq!(set.http().decide(&post).verdict, Verdict::Deny);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolicySet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: FilterChain,
    tcp: FilterChain,
    peer: PeerLayer,
    tokens: TokenRules,
    identity: IdentitySource,
}

impl PolicySet {
    /// Compiles the policies of `cluster` that apply to `workload`, which can be a waypoint that is called for
    /// `service`.
    pub(crate) fn new(
        cluster: &Cluster,
        workload: &Workload,
        service: Option<CalledService<'_>>,
        options: &Options,
    ) -> Self {
        let root = &cluster.resources().mesh.root_namespace;
        let target = Target::new(workload, root, options).called(service);
        let layer = |chain| istio::authorization(cluster, &target, chain, options);
        Self(Arc::new(Inner {
            http: FilterChain::http(&layer(Chain::Http), options.profile, options.switches),
            tcp: FilterChain::tcp(&layer(Chain::Tcp), options.profile, options.switches),
            peer: istio::peer(cluster, workload),
            tokens: TokenRules::new(cluster, &target),
            identity: workload.role.identity_source(),
        }))
    }

    /// Returns the policies for HTTP requests.
    #[inline]
    pub fn http(&self) -> &FilterChain {
        &self.0.http
    }

    /// Returns the policies for TCP connections.
    #[inline]
    pub fn tcp(&self) -> &FilterChain {
        &self.0.tcp
    }

    /// Returns the source of the client's identity in the proxy of the workload.
    pub fn identity_source(&self) -> IdentitySource {
        self.0.identity
    }

    /// Returns the mutual TLS mode of `port`, and the PeerAuthentication that sets it.
    pub fn peer_mode(&self, port: u16) -> (PeerMode, Option<RuleId>) {
        let peer = &self.0.peer;
        let (mode, by) = match peer.ports.get(&port) {
            Some(mode) => (*mode, &peer.ports_by),
            None => (peer.mode, &peer.by),
        };
        (mode, by.clone().map(|policy| RuleId::new(policy, 0)))
    }

    pub(crate) fn tokens(&self) -> &TokenRules {
        &self.0.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Verdict, options::Profile, request::Request, resource::Resources};
    use serde_json::{Value, json};

    fn set(policies: &[(&str, &str, &str)]) -> PolicySet {
        set_in(Profile::Compat, policies)
    }

    fn set_in(profile: Profile, policies: &[(&str, &str, &str)]) -> PolicySet {
        let mut resources = Resources::default();
        for (action, path, dry_run) in policies {
            let annotations = json!({"istio.io/dry-run": dry_run});
            let policy: Value = json!({
                "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
                "metadata": {"name": action.to_lowercase(), "namespace": "foo", "annotations": annotations},
                "spec": {"action": action, "rules": [{"to": [{"operation": {"paths": [path]}}]}]},
            });
            resources.add(policy, Default::default()).unwrap();
        }
        let workload = Workload::new("foo", [], "sample");
        let options = Options { profile, ..Options::default() };
        PolicySet::compile(&Cluster::new(resources).0, &workload, &options)
    }

    #[test]
    fn verdict_equals_verdict_of_decision() {
        let sets: [&[(&str, &str, &str)]; 6] = [
            &[],
            &[("ALLOW", "/a*", "false")],
            &[("DENY", "/ab*", "false"), ("ALLOW", "/a*", "false")],
            &[("DENY", "/ab*", "false")],
            &[("CUSTOM", "/ab*", "false"), ("ALLOW", "/a*", "false")],
            &[("DENY", "/ab*", "true"), ("ALLOW", "/a*", "false")],
        ];
        let mut seen = alloc::collections::BTreeSet::new();
        for (profile, policies) in
            [Profile::Compat, Profile::Strict].iter().flat_map(|p| sets.map(|s| (*p, s)))
        {
            let set = set_in(profile, policies);
            for path in ["/", "/a", "/ab", "/a?b", "/%2e%2e/ab"] {
                let request = Request { path: Some(path.as_bytes()), ..Request::default() };
                let verdict = set.http().verdict(&request);
                assert_eq!(verdict, set.http().decide(&request).verdict, "{profile:?} {policies:?} {path}");
                seen.insert(verdict);
            }
        }
        assert!(seen.len() >= 2, "{seen:?}");
    }

    fn shadow(set: &PolicySet, path: &str) -> Option<Outcome> {
        let request = Request { path: Some(path.as_bytes()), ..Request::default() };
        set.http().decide(&request).shadow.map(|shadow| shadow.outcome)
    }

    #[test]
    fn dry_run_policy_is_reported_in_shadow_only() {
        let deny = set(&[("DENY", "/a", "true")]);
        assert_eq!(shadow(&deny, "/a"), Some(Outcome::Deny));
        assert_eq!(shadow(&deny, "/b"), Some(Outcome::Allow));
        let allow = set(&[("ALLOW", "/a", "true")]);
        assert_eq!(shadow(&allow, "/a"), Some(Outcome::Allow));
        assert_eq!(shadow(&allow, "/b"), Some(Outcome::Deny));
        assert_eq!(shadow(&set(&[("DENY", "/a", "false")]), "/a"), None);
        assert_eq!(shadow(&set(&[("ALLOW", "/a", "false")]), "/b"), None);
    }

    #[test]
    fn audit_rule_is_reported_and_changes_no_verdict() {
        let set = set(&[("AUDIT", "/a", "false")]);
        let at = |path: &'static str| Request { path: Some(path.as_bytes()), ..Request::default() };
        assert!(set.http().audit(&at("/a")).unwrap().is_some());
        assert!(set.http().audit(&at("/b")).unwrap().is_none());
        assert_eq!(set.http().decide(&at("/a")).verdict, Verdict::Allow);
    }
}
