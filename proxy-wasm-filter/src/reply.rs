//! What a denied client gets: exactly what Envoy's own RBAC filter sends.

use palisade::{DecidedBy, Decision, DefaultReason};

/// A denial. To a gRPC request the proxy makes HTTP 200 with `grpc-status: 7` and the body as `grpc-message`
/// of it; otherwise it adds `content-type: text/plain` itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The response-code details, which access logs print.
    pub details: String,
}

impl Reply {
    /// The HTTP status.
    pub const STATUS: u32 = 403;
    /// The body.
    pub const BODY: &'static [u8] = b"RBAC: access denied";
    /// `PERMISSION_DENIED`.
    pub const GRPC_STATUS: i32 = 7;

    /// The reply to a request that a decision denies: it names the rule as istiod does, or `none` where no
    /// ALLOW rule matched.
    pub fn denied(decision: &Decision) -> Self {
        match &decision.by {
            DecidedBy::Rule(rule) => Self::matched(&rule.envoy_name()),
            DecidedBy::Default(DefaultReason::Unavailable) => Self::failed(),
            DecidedBy::Default(_) => Self::matched("none"),
        }
    }

    /// The reply where no decision was possible.
    pub fn failed() -> Self {
        Self { details: "palisade_decision_failed".to_owned() }
    }

    fn matched(policy: &str) -> Self {
        Self { details: format!("rbac_access_denied_matched_policy[{policy}]") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade::{Layer, PolicyRef, RuleId, Verdict};

    fn details(by: DecidedBy) -> String {
        let decision = Decision {
            verdict: Verdict::Deny,
            layer: Layer::AuthorizationPolicy,
            by,
            status: None,
            shadow: None,
        };
        Reply::denied(&decision).details
    }

    #[test]
    fn details_name_the_rule_as_envoy_does() {
        let policy =
            PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".to_owned(), name: "x".to_owned() };

        assert_eq!(
            details(DecidedBy::Rule(RuleId::new(policy, 2))),
            "rbac_access_denied_matched_policy[ns[foo]-policy[x]-rule[2]]"
        );
        assert_eq!(
            details(DecidedBy::Default(DefaultReason::NoAllowRuleMatched)),
            "rbac_access_denied_matched_policy[none]"
        );
        assert_eq!(details(DecidedBy::Default(DefaultReason::Unavailable)), "palisade_decision_failed");
    }
}
