//! The differences between an answer and the expected one.

use crate::{backend::Answer, case::FlowCase};
use palisade::{DecidedBy, Layer, Outcome, RuleId, visible};
use std::fmt;

/// One difference between the expected answer and that of a back end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The part that differs: `verdict`, `by`, a layer.
    pub what: String,
    /// The expected value.
    pub expected: String,
    /// The value of the back end.
    pub got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.what, self.expected, self.got)
    }
}

/// Returns every difference. Values that the back end does not report are not compared.
pub fn compare(case: &FlowCase, answer: &Answer) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut differs = |what: &str, expected: &dyn fmt::Display, got: &dyn fmt::Display| {
        // A line each: the reports print one below the other.
        let [expected, got] = [expected, got].map(|text| visible(&text.to_string()).into_owned());
        found.push(Mismatch { what: what.to_owned(), expected, got });
    };
    if case.expect != answer.verdict {
        differs("verdict", &case.expect, &answer.verdict);
    }
    if let (Some(expected), Some((layer, by))) = (&case.by, &answer.decided_by)
        && !is_by(expected, *layer, by)
    {
        differs("by", expected, &describe_decider(*layer, by));
    }
    if let (Some(expected), Some(got)) = (case.status, known_status(answer))
        && got != Some(expected)
    {
        differs("status", &expected, &got.map_or_else(|| "none".to_owned(), |code| code.to_string()));
    }
    for (layer, expected) in &case.layers {
        let got = answer.layers.iter().find(|(name, _)| name == layer);
        if let Some((_, got)) = got
            && !accepts(*expected, got.outcome)
        {
            differs(layer.as_str(), expected, &got.outcome);
        }
    }
    found
}

/// Returns the status, or `None` if the back end does not report it. A back end that reports the decider also reports
/// that there is no status.
fn known_status(answer: &Answer) -> Option<Option<u16>> {
    (answer.status.is_some() || answer.decided_by.is_some()).then_some(answer.status)
}

/// Returns the decider as `by:` writes it.
pub fn describe_decider(layer: Layer, by: &DecidedBy) -> String {
    match by {
        DecidedBy::Rule(rule) => rule.to_string(),
        DecidedBy::Default(reason) => format!("{layer} ({reason})"),
    }
}

fn is_by(expected: &str, layer: Layer, by: &DecidedBy) -> bool {
    match by {
        DecidedBy::Rule(rule) if layer == Layer::PeerAuthentication => {
            // The resource has no rules, so its layer is also a name for it.
            expected == layer.as_str() || names(expected, rule)
        }
        DecidedBy::Rule(rule) => names(expected, rule),
        DecidedBy::Default(_) => expected == layer.as_str(),
    }
}

/// Returns whether `expected` names `rule`, with or without its section and its number.
fn names(expected: &str, rule: &RuleId) -> bool {
    let Some(rest) = expected.strip_prefix(rule.policy.to_string().as_str()) else { return false };
    rest.is_empty()
        || rest == format!("#{}", rule.rule)
        || rest == format!("#{}[{}]", rule.section, rule.rule)
}

/// Returns whether the outcome is the expected one; `allow` means that the layer does not deny.
fn accepts(expected: Outcome, got: Outcome) -> bool {
    match expected {
        Outcome::Allow => matches!(got, Outcome::Allow | Outcome::NotSelected | Outcome::Outside),
        expected => expected == got,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade::{DefaultReason, PolicyRef, Verdict};

    fn policy(kind: &'static str, namespace: &str) -> PolicyRef {
        PolicyRef { kind, namespace: namespace.into(), name: "n".into() }
    }

    #[test]
    fn rule_matches_with_and_without_section_and_number() {
        let rule = RuleId::in_section(policy("CiliumNetworkPolicy", "foo"), "egress", 2);
        for (text, same) in [
            ("CiliumNetworkPolicy/foo/n#2", true),
            ("CiliumNetworkPolicy/foo/n#egress[2]", true),
            ("CiliumNetworkPolicy/foo/n", true),
            ("CiliumNetworkPolicy/foo/n#ingress[2]", false),
            ("CiliumNetworkPolicy/foo/n#1", false),
            ("CiliumNetworkPolicy/foo/nn#2", false),
            ("cilium-egress", false),
        ] {
            assert_eq!(is_by(text, Layer::CiliumEgress, &DecidedBy::Rule(rule.clone())), same, "{text}");
        }
    }

    #[test]
    fn default_reason_matches_name_of_layer() {
        let none = DecidedBy::Default(DefaultReason::NoAllowRuleMatched);
        assert!(is_by("authorization-policy", Layer::AuthorizationPolicy, &none));
        assert!(!is_by("cilium-egress", Layer::AuthorizationPolicy, &none));
        let rule = RuleId::new(policy("PeerAuthentication", "foo"), 0);
        let mode = DecidedBy::Rule(rule);
        assert!(is_by("peer-authentication", Layer::PeerAuthentication, &mode));
        assert!(is_by("PeerAuthentication/foo/n", Layer::PeerAuthentication, &mode));
    }

    #[test]
    fn status_is_compared_only_when_backend_reports_decider() {
        let bare = Answer::new(Verdict::Deny);
        let decided_by = Some((Layer::CiliumEgress, DecidedBy::Default(DefaultReason::NoAllowRuleMatched)));
        assert_eq!(known_status(&bare), None);
        assert_eq!(known_status(&Answer { status: Some(403), ..bare.clone() }), Some(Some(403)));
        assert_eq!(known_status(&Answer { decided_by, ..bare }), Some(None));
    }

    #[test]
    fn expected_allow_accepts_outcomes_that_do_not_deny() {
        assert!(accepts(Outcome::Allow, Outcome::NotSelected));
        assert!(accepts(Outcome::Allow, Outcome::Outside));
        assert!(!accepts(Outcome::NotSelected, Outcome::Allow));
        assert!(!accepts(Outcome::Allow, Outcome::NeedsRequest));
    }
}
