//! The checks and warnings of istiod's webhook for Istio's policies (docs/semantics/istio.md#istio-webhook).

use super::{
    Findings, istio_jwt,
    istio_rule::{self, MAX_RULES},
};
use crate::{
    cluster::Cluster,
    lower::istio::{DRY_RUN, go_bool},
    resource::{
        Object,
        istio::{Action, AuthorizationPolicySpec, TargetRef, WorkloadSelector},
    },
};
use alloc::{format, vec::Vec};

/// The maximum number of `targetRefs` in the schema of the CRD.
const MAX_TARGETS: usize = 16;
/// The maximum length of a label value in bytes.
const MAX_LABEL_VALUE: usize = 63;

/// Checks every policy of `cluster`.
pub(super) fn check(cluster: &Cluster, findings: &mut Findings) {
    let resources = cluster.resources();
    for policy in &resources.authorization_policies {
        let spec = &policy.spec;
        attachment(policy, &spec.selector, &spec.target_ref, &spec.target_refs, findings);
        authorization_policy(policy, findings);
    }
    for policy in &resources.peer_authentications {
        attachment(policy, &policy.spec.selector, &None, &None, findings);
        no_dry_run(policy, findings);
        let Some(ports) = &policy.spec.port_level_mtls else { continue };
        let selector = policy.spec.selector.as_ref().and_then(|s| s.match_labels.as_ref());
        if selector.is_none_or(|labels| labels.is_empty()) {
            let help = "add a selector with matchLabels, or set mtls for the whole namespace";
            findings.rejected_by_istiod(
                policy,
                "spec.portLevelMtls",
                "portLevelMtls without a selector",
                help,
            );
        }
        if ports.is_empty() {
            let help = "list at least one port, or remove the field";
            findings.rejected_by_istiod(policy, "spec.portLevelMtls", "portLevelMtls without a port", help);
        }
        for port in ports.keys().filter(|p| p.parse::<u16>().unwrap_or(0) == 0) {
            let help = "use a workload port from 1 to 65535";
            findings.rejected_by_istiod(
                policy,
                format!("spec.portLevelMtls.{port}"),
                format!("port `{port}`"),
                help,
            );
        }
    }
    for policy in &resources.request_authentications {
        let spec = &policy.spec;
        attachment(policy, &spec.selector, &spec.target_ref, &spec.target_refs, findings);
        no_dry_run(policy, findings);
        istio_jwt::check(policy, findings);
    }
}

fn attachment<T>(
    policy: &Object<T>,
    selector: &Option<WorkloadSelector>,
    target_ref: &Option<TargetRef>,
    target_refs: &Option<Vec<TargetRef>>,
    findings: &mut Findings,
) {
    let refs = target_refs.as_deref().unwrap_or_default();
    let given = [selector.is_some(), target_ref.is_some(), !refs.is_empty()];
    if given.iter().filter(|g| **g).count() > 1 {
        let help = "keep only one of them";
        findings.rejected_by_istiod(
            policy,
            "spec",
            "more than one of selector, targetRef and targetRefs",
            help,
        );
    }
    if let Some(labels) = selector.as_ref().map(|s| s.match_labels.as_ref()) {
        if labels.is_none_or(|l| l.is_empty()) {
            let message = "an empty selector selects every workload";
            let help = "remove the selector to select every workload, or add labels";
            findings.warning(policy, "empty-selector", "spec.selector", message, help);
        }
        for (key, value) in labels.into_iter().flatten() {
            if key.is_empty() || key.contains('*') || value.contains('*') {
                let path = format!("spec.selector.matchLabels.{key}");
                let help = "write the whole label: a selector has no wildcards";
                findings.rejected_by_istiod(
                    policy,
                    path,
                    format!("label `{key}: {value}` in a selector"),
                    help,
                );
            }
            if value.len() > MAX_LABEL_VALUE {
                let path = format!("spec.selector.matchLabels.{key}");
                let help = "shorten the value: no pod can have such a label";
                findings.rejected_by_istiod(policy, path, "a label value of more than 63 characters", help);
            }
        }
    }
    if refs.len() > MAX_TARGETS {
        findings.rejected_by_istiod(
            policy,
            "spec.targetRefs",
            "more than 16 targets",
            "write a second policy for the rest",
        );
    }
    let one = target_ref.iter().map(|r| ("spec.targetRef".into(), r));
    let many = refs.iter().enumerate().map(|(i, r)| (format!("spec.targetRefs[{i}]"), r));
    for (path, target) in one.chain(many) {
        let (group, kind, name) = target.parts();
        if name.is_empty() {
            findings.rejected_by_istiod(policy, path.clone(), "a target without a name", "add its name");
        }
        if target.namespace.as_deref().is_some_and(|n| !n.is_empty()) {
            let help = "remove the namespace: a policy targets its own";
            findings.rejected_by_istiod(
                policy,
                format!("{path}.namespace"),
                "a target with a namespace",
                help,
            );
        }
        let known = matches!(
            (group, kind),
            ("" | "core", "Service")
                | ("networking.istio.io", "ServiceEntry")
                | ("gateway.networking.k8s.io", "Gateway" | "GatewayClass")
        );
        if !known {
            let help = "target a Service, ServiceEntry, Gateway or GatewayClass, with its API group";
            findings.rejected_by_istiod(
                policy,
                path,
                format!("a target of kind `{kind}` in group `{group}`"),
                help,
            );
        }
    }
}

fn no_dry_run<T>(policy: &Object<T>, findings: &mut Findings) {
    if policy.metadata.annotations.contains_key(DRY_RUN) {
        let path = format!("metadata.annotations.{DRY_RUN}");
        let help = "remove the annotation: only an AuthorizationPolicy can be in dry run";
        findings.rejected_by_istiod(policy, path, "dry run of a policy other than AuthorizationPolicy", help);
    }
}

fn authorization_policy(policy: &Object<AuthorizationPolicySpec>, findings: &mut Findings) {
    let spec = &policy.spec;
    let action = spec.action.unwrap_or_default();
    let rules = spec.rules.as_deref().unwrap_or_default();
    let provider = spec.provider.as_ref().map(|p| p.name.as_deref().unwrap_or_default());
    match action {
        Action::Custom if provider.is_none_or(str::is_empty) => {
            let help = "name one of the mesh's extensionProviders in spec.provider.name";
            findings.rejected_by_istiod(policy, "spec.provider", "CUSTOM without a provider", help);
        }
        Action::Custom => {}
        _ if provider.is_some() => {
            let help = "remove the provider, or use action CUSTOM";
            findings.rejected_by_istiod(
                policy,
                "spec.provider",
                "a provider with another action than CUSTOM",
                help,
            );
        }
        _ => {}
    }
    if rules.is_empty() && matches!(action, Action::Deny | Action::Custom) {
        let help = "a policy without rules never matches; `rules: [{}]` matches everything";
        findings.rejected_by_istiod(policy, "spec.rules", "an action that needs rules has none", help);
    }
    if rules.len() > MAX_RULES {
        findings.rejected_by_istiod(
            policy,
            "spec.rules",
            "more than 512 rules",
            "write a second policy for the rest",
        );
    }
    if let Some(value) = policy.metadata.annotations.get(DRY_RUN) {
        let path = format!("metadata.annotations.{DRY_RUN}");
        if go_bool(value).is_none() {
            let help = "write \"true\" or \"false\"; istiod enforces a policy with an invalid value";
            findings.rejected_by_istiod(policy, path.clone(), format!("invalid boolean `{value}`"), help);
        }
        if !matches!(action, Action::Allow | Action::Deny) {
            let help = "dry run works with ALLOW and DENY";
            findings.rejected_by_istiod(policy, path, "dry run with another action than ALLOW or DENY", help);
        }
    }
    for (i, rule) in rules.iter().enumerate() {
        let path = format!("spec.rules[{i}]");
        match rule {
            None => findings.rejected_by_istiod(
                policy,
                path,
                "a null rule",
                "write `{}` for a rule that matches everything",
            ),
            Some(rule) => istio_rule::check(policy, action, &path, rule, findings),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cluster, Diagnostic, Options, Severity, lint, resource::Resources};
    use alloc::{string::String, vec::Vec};
    use serde_json::{Value, json};

    fn findings(spec: Value) -> Vec<Diagnostic> {
        let mut resources = Resources::default();
        let policy = json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": "p", "namespace": "foo"}, "spec": spec,
        });
        resources.add(policy, Default::default()).unwrap();
        lint::check(&Cluster::new(resources).0, &Options::default())
    }

    fn errors(spec: Value) -> Vec<String> {
        findings(spec).into_iter().filter(|f| f.severity == Severity::Error).map(|f| f.path).collect()
    }

    /// Istio keeps only ports, addresses and identities of a DENY rule for TCP ports.
    #[test]
    fn deny_rule_with_only_http_fields_is_a_warning_about_tcp_ports() {
        let warns = |rule: Value| {
            let found = findings(json!({"action": "DENY", "rules": [rule]}));
            found.iter().any(|finding| finding.code == "deny-hits-tcp")
        };
        let source = |field: &str, value: &str| json!({"from": [{"source": {(field): [value]}}]});
        for (field, value) in [("requestPrincipals", "iss/sub"), ("notRequestPrincipals", "iss/sub")] {
            assert!(warns(source(field, value)), "{field}");
        }
        for (field, value) in [
            ("principals", "a"),
            ("notPrincipals", "a"),
            ("namespaces", "a"),
            ("serviceAccounts", "a"),
            ("trustDomains", "other.org"),
            ("notTrustDomains", "other.org"),
            ("ipBlocks", "192.0.2.1"),
            ("remoteIpBlocks", "192.0.2.1"),
        ] {
            assert!(!warns(source(field, value)), "{field}");
        }
        assert!(warns(json!({"to": [{"operation": {"methods": ["GET"]}}]})));
        assert!(!warns(json!({"to": [{"operation": {"methods": ["GET"], "ports": ["80"]}}]})));
    }

    #[test]
    fn list_or_label_over_the_schema_limit_is_an_error() {
        let many = |item: Value, n: usize| Value::from(alloc::vec![item; n]);
        let rule = json!({"to": [{"operation": {"methods": ["GET"]}}]});
        assert!(errors(json!({"rules": many(rule.clone(), 512)})).is_empty());
        assert_eq!(errors(json!({"rules": many(rule, 513)})), ["spec.rules"]);
        let operation = json!({"operation": {"methods": ["GET"]}});
        assert!(errors(json!({"rules": [{"to": many(operation.clone(), 512)}]})).is_empty());
        assert_eq!(errors(json!({"rules": [{"to": many(operation, 513)}]})), ["spec.rules[0].to"]);
        let source = json!({"source": {"namespaces": ["a"]}});
        assert_eq!(errors(json!({"rules": [{"from": many(source, 513)}]})), ["spec.rules[0].from"]);
        let target = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g"});
        assert!(errors(json!({"targetRefs": many(target.clone(), 16)})).is_empty());
        assert_eq!(errors(json!({"targetRefs": many(target, 17)})), ["spec.targetRefs"]);
        let label = |n: usize| json!({"selector": {"matchLabels": {"app": "a".repeat(n)}}});
        assert!(errors(label(63)).is_empty());
        assert_eq!(errors(label(64)), ["spec.selector.matchLabels.app"]);
    }
}
