//! The reply to a denied request, identical to that of Envoy's own filters.

use palisade::{DecidedBy, Decision, DefaultReason};
use std::borrow::Cow;

/// The reply to a denied request. For a gRPC request, the proxy converts it to HTTP 200 with `grpc-status: 7` and the
/// body as `grpc-message`. Otherwise the proxy adds `content-type: text/plain`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u32,
    /// The response code details, which access logs print.
    pub details: Cow<'static, str>,
    /// The body.
    pub body: Cow<'static, [u8]>,
    /// Further headers in the ABI's layout (see [`crate::header_map`]).
    pub headers: Vec<u8>,
}

impl Reply {
    /// The HTTP status of Envoy's RBAC filter.
    pub const FORBIDDEN: u32 = 403;
    /// The body of Envoy's RBAC filter.
    pub const DENIED: &'static [u8] = b"RBAC: access denied";
    /// `PERMISSION_DENIED`.
    pub const GRPC_STATUS: i32 = 7;

    /// Returns the reply for a decision. Its details name the rule as istiod does, or `none` if no ALLOW rule matched.
    pub fn denied(decision: &Decision) -> Self {
        match &decision.by {
            DecidedBy::Rule(rule) => {
                let details = format!("rbac_access_denied_matched_policy[{}]", rule.envoy_name());
                Self::forbidden(details.into())
            }
            DecidedBy::Default(DefaultReason::Unavailable) => Self::failed(),
            DecidedBy::Default(_) => Self::forbidden("rbac_access_denied_matched_policy[none]".into()),
        }
    }

    /// Returns the reply for a request that the filter cannot decide.
    pub fn failed() -> Self {
        Self::forbidden("palisade_decision_failed".into())
    }

    /// Returns the reply for a request whose external provider gives no answer.
    pub fn no_answer() -> Self {
        Self::forbidden("ext_authz_error".into())
    }

    /// Returns the reply with the answer of an external provider.
    pub fn of_provider(status: u32, headers: Vec<u8>, body: Vec<u8>) -> Self {
        Self { status, details: "ext_authz_denied".into(), body: body.into(), headers }
    }

    fn forbidden(details: Cow<'static, str>) -> Self {
        Self { status: Self::FORBIDDEN, details, body: Self::DENIED.into(), headers: Vec::new() }
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
        Reply::denied(&decision).details.into_owned()
    }

    #[test]
    fn details_name_the_rule_as_envoy_does() {
        let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "x".into() };

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
