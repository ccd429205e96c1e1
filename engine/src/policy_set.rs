//! The mesh policies of one workload, compiled: what a proxy enforces.

use crate::{
    authorization::{Authorization, Custom},
    cluster::{CalledService, Cluster, IdentitySource, Workload},
    compile::Context,
    decision::{DecidedBy, Decision, DefaultReason, Layer, LayerDecision, Outcome, Verdict},
    explain::RuleTrace,
    ir::{Attribute, PeerLayer, PeerMode},
    lower::istio::{self, Chain, attachment::Target, tokens::TokenRules},
    options::{Options, Profile},
    request::{Attributes, Read},
    rule_id::RuleId,
    strict::{Strict, View},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// The compiled AuthorizationPolicies, PeerAuthentication and RequestAuthentications of one workload. Immutable;
/// a clone is another handle to the same set.
///
/// ```
/// use palisade::{Cluster, Options, PolicySet, Request, Verdict, Workload, resource::Resources};
///
/// let mut resources = Resources::default();
/// resources.add(serde_json::json!({
///     "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
///     "metadata": {"name": "get-only", "namespace": "foo"},
///     "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]},
/// }), Default::default()).unwrap();
/// let (cluster, _) = Cluster::new(resources);
/// let sample = Workload::new("foo", [("app", "sample")], "sample");
/// let set = PolicySet::compile(&cluster, &sample, &Options::default());
///
/// let get = Request { method: Some(b"GET"), path: Some(b"/"), ..Request::default() };
/// assert_eq!(set.decide(&get).verdict, Verdict::Allow);
/// let post = Request { method: Some(b"POST"), ..get };
/// assert_eq!(set.decide(&post).verdict, Verdict::Deny);
/// ```
#[derive(Clone, Debug)]
pub struct PolicySet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Authorization,
    tcp: Authorization,
    peer: PeerLayer,
    tokens: TokenRules,
    profile: Profile,
    identity: IdentitySource,
}

impl PolicySet {
    /// Compiles the policies of `cluster` that apply to `workload`.
    pub fn compile(cluster: &Cluster, workload: &Workload, options: &Options) -> Self {
        Self::for_service(cluster, workload, None, options)
    }

    /// The same for a waypoint that is called for `service`.
    pub fn for_service(
        cluster: &Cluster,
        workload: &Workload,
        service: Option<CalledService<'_>>,
        options: &Options,
    ) -> Self {
        let root = &cluster.resources().mesh.root_namespace;
        let target = Target::new(workload, root, options).called(service);
        let chain = |chain| {
            let layer = istio::authorization(cluster, &target, chain, options);
            Authorization::new(&layer, options.switches)
        };
        Self(Arc::new(Inner {
            http: chain(Chain::Http),
            tcp: chain(Chain::Tcp),
            peer: istio::peer(cluster, workload),
            tokens: TokenRules::new(cluster, &target),
            profile: options.profile,
            identity: workload.role.identity_source(),
        }))
    }

    /// Where the proxy of the workload finds the identity of the peer.
    pub fn identity_source(&self) -> IdentitySource {
        self.0.identity
    }

    /// Decides an HTTP request. Allocates nothing.
    ///
    /// The verdict is [`crate::Verdict::Ask`] where a CUSTOM rule wants its provider asked; what the other steps say then
    /// is told by [`Self::decide_after_custom`].
    pub fn decide<A: Attributes + ?Sized>(&self, request: &A) -> Decision {
        self.0.answer(&self.0.http, Step::Whole, request, Some(403))
    }

    /// The bit of [`Self::decide`] alone, for those who ask no reasons; dry-run policies are not looked at.
    ///
    /// ```
    /// # use palisade::{Cluster, Options, PolicySet, Request, Verdict, Workload};
    /// let set = PolicySet::compile(&Cluster::default(), &Workload::new("foo", [], "sample"), &Options::default());
    /// assert_eq!(set.verdict(&Request::default()), Verdict::Allow);
    /// ```
    pub fn verdict<A: Attributes + ?Sized>(&self, request: &A) -> Verdict {
        let outcome = if self.0.profile == Profile::Compat { self.0.http.outcome(request) } else { None };
        outcome.map_or_else(|| self.decide(request).verdict, Outcome::verdict)
    }

    /// Decides a TCP connection: fields that need a request are not compiled for it
    /// (docs/semantics/istio.md#istio-http-only-fields).
    pub fn decide_connection<A: Attributes + ?Sized>(&self, connection: &A) -> Decision {
        self.0.answer(&self.0.tcp, Step::Whole, connection, None)
    }

    /// The CUSTOM step alone, which comes before tokens are checked: what it lets pass is allowed.
    pub(crate) fn decide_custom<A: Attributes + ?Sized>(&self, request: &A) -> Decision {
        self.0.answer(&self.0.http, Step::Custom, request, Some(403))
    }

    /// The CUSTOM step of a TCP connection alone.
    pub(crate) fn decide_connection_custom<A: Attributes + ?Sized>(&self, connection: &A) -> Decision {
        self.0.answer(&self.0.tcp, Step::Custom, connection, None)
    }

    /// Decides an HTTP request whose CUSTOM step has let it pass.
    pub fn decide_after_custom<A: Attributes + ?Sized>(&self, request: &A) -> Decision {
        self.0.answer(&self.0.http, Step::AfterCustom, request, Some(403))
    }

    /// The external providers that CUSTOM rules want asked of an HTTP request, each with the first rule that does.
    /// All of them have to allow.
    ///
    /// # Errors
    ///
    /// An attribute could not be read.
    pub fn providers<A: Attributes + ?Sized>(&self, request: &A) -> Read<BTreeMap<Arc<str>, RuleId>> {
        self.0.http.asked(request)
    }

    /// The same for a TCP connection.
    ///
    /// # Errors
    ///
    /// An attribute could not be read.
    pub fn providers_of_connection<A: Attributes + ?Sized>(
        &self,
        connection: &A,
    ) -> Read<BTreeMap<Arc<str>, RuleId>> {
        self.0.tcp.asked(connection)
    }

    /// Decides a TCP connection whose CUSTOM step has let it pass.
    pub fn decide_connection_after_custom<A: Attributes + ?Sized>(&self, connection: &A) -> Decision {
        self.0.answer(&self.0.tcp, Step::AfterCustom, connection, None)
    }

    /// Every enforced rule that applies, looked at in full.
    pub fn explain<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        self.0.http.traces(request)
    }

    /// The same for a TCP connection.
    pub fn explain_connection<A: Attributes + ?Sized>(&self, connection: &A) -> Vec<RuleTrace> {
        self.0.tcp.traces(connection)
    }

    /// The AUDIT rule that tags an HTTP request.
    ///
    /// # Errors
    ///
    /// An attribute could not be read.
    pub fn audit<A: Attributes + ?Sized>(&self, request: &A) -> Read<Option<RuleId>> {
        self.0.http.audit(request)
    }

    /// What the rules for HTTP requests look at; an attribute may come several times.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.0.http.attributes()
    }

    /// What the rules for TCP connections look at.
    pub fn attributes_of_connection(&self) -> impl Iterator<Item = &Attribute> {
        self.0.tcp.attributes()
    }

    /// Whether any AuthorizationPolicy applies.
    pub fn is_selected(&self) -> bool {
        self.0.http.is_selected()
    }

    /// What `port` does with mutual TLS, and the PeerAuthentication that says so.
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

/// How much of the order of evaluation is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Whole,
    Custom,
    AfterCustom,
}

impl Inner {
    /// What `chain` says of `request`; in the profile strict, the first of its readings that is not allowed.
    fn answer<A: Attributes + ?Sized>(
        &self,
        chain: &Authorization,
        step: Step,
        request: &A,
        status: Option<u16>,
    ) -> Decision {
        if self.profile == Profile::Compat {
            return chain.answer(step, request, status);
        }
        let decision = chain.answer(step, request, status);
        if decision.verdict != Verdict::Allow {
            return decision;
        }
        let mut careful = View::ALL.into_iter().map(|view| {
            let request = Strict { request, view };
            chain.answer(step, &request, status)
        });
        careful.find(|d| d.verdict != Verdict::Allow).unwrap_or(decision)
    }
}

impl Authorization {
    #[inline]
    fn answer<A: Attributes + ?Sized>(&self, step: Step, request: &A, status: Option<u16>) -> Decision {
        let cx = Context::new(request);
        let custom = if step == Step::AfterCustom { Ok(Custom::Pass) } else { self.custom(&cx) };
        let LayerDecision { outcome, by } = match custom {
            Ok(Custom::Pass) if step == Step::Custom => LayerDecision::bare(Outcome::Allow),
            Ok(Custom::Pass) => self.decide(&cx),
            Ok(Custom::Ask(id, _)) => LayerDecision::by_rule(Outcome::Ask, id),
            Ok(Custom::Deny(id)) => LayerDecision::by_rule(Outcome::Deny, id),
            Err(_) => LayerDecision::by_default(Outcome::Deny, DefaultReason::Unavailable),
        };
        let verdict = outcome.verdict();
        Decision {
            verdict,
            layer: Layer::AuthorizationPolicy,
            by: match by {
                Some(by) => by,
                None => DecidedBy::Default(DefaultReason::NoPolicy),
            },
            status: status.filter(|_| verdict == Verdict::Deny),
            shadow: self.shadow(&cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{request::Request, resource::Resources};
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
    fn the_verdict_alone_is_that_of_the_decision() {
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
                let verdict = set.verdict(&request);
                assert_eq!(verdict, set.decide(&request).verdict, "{profile:?} {policies:?} {path}");
                seen.insert(verdict);
            }
        }
        assert!(seen.len() >= 2, "{seen:?}");
    }

    fn shadow(set: &PolicySet, path: &str) -> Option<Outcome> {
        let request = Request { path: Some(path.as_bytes()), ..Request::default() };
        set.decide(&request).shadow.map(|shadow| shadow.outcome)
    }

    #[test]
    fn dry_run_policies_are_told_apart_from_the_verdict() {
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
    fn audit_is_told_and_changes_nothing() {
        let set = set(&[("AUDIT", "/a", "false")]);
        let at = |path: &'static str| Request { path: Some(path.as_bytes()), ..Request::default() };
        assert!(set.audit(&at("/a")).unwrap().is_some());
        assert!(set.audit(&at("/b")).unwrap().is_none());
        assert_eq!(set.decide(&at("/a")).verdict, Verdict::Allow);
    }
}
