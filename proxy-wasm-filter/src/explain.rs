//! The line that explains a denial to a person: which rule came nearest, and what kept it from matching.

use core::fmt::Write;
use palisade::{Decision, Failure, RuleTrace, visible};

/// Values beyond this many are counted.
const VALUES_SHOWN: usize = 5;

/// The line. Values of headers, claims and metadata, which can be secrets, are only in it where `show` says so.
pub(crate) fn denial(decision: &Decision, miss: Option<&RuleTrace>, show: bool) -> String {
    let mut line = format!("palisade: denied by {} ({})", decision.by, decision.layer);
    let Some(miss) = miss else { return line };
    // Writing to a string cannot fail.
    let _ = write!(line, "; nearest miss {}", miss.id);
    for failure in &miss.failures {
        let Failure { clause, attribute, negated, wanted, seen } = failure;
        let not = if *negated { "not " } else { "" };
        let wanted = list(wanted);
        let seen = match seen.as_slice() {
            [] => "nothing".to_owned(),
            _ if !show && is_secret(attribute) => "a value".to_owned(),
            values => list(values),
        };
        let _ = write!(line, "; {clause} {attribute}: wanted {not}{wanted}, seen {seen}");
    }
    line
}

fn is_secret(attribute: &str) -> bool {
    ["header", "claim", "metadata", "request"].iter().any(|kind| attribute.starts_with(kind))
}

fn list(values: &[String]) -> String {
    // A claim can hold a line break, which would begin a log line of the client's choice.
    let shown = values.iter().take(VALUES_SHOWN).map(|value| visible(value)).collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(VALUES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade::{DecidedBy, DefaultReason, Layer, PolicyRef, RuleId, Verdict, ir::Effect};

    fn line(attribute: &str, show: bool) -> String {
        line_of("s3cret", attribute, show)
    }

    fn line_of(value: &str, attribute: &str, show: bool) -> String {
        let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "x".into() };
        let decision = Decision {
            verdict: Verdict::Deny,
            layer: Layer::AuthorizationPolicy,
            by: DecidedBy::Default(DefaultReason::NoAllowRuleMatched),
            status: None,
            shadow: None,
        };
        let failure = Failure {
            clause: "to[0]".into(),
            attribute: attribute.into(),
            negated: false,
            wanted: vec!["GET".into()],
            seen: vec![value.into()],
        };
        let miss = RuleTrace {
            id: RuleId::new(policy, 0),
            effect: Effect::Allow,
            held: false,
            failures: vec![failure],
            parts: (0, 1),
        };
        denial(&decision, Some(&miss), show)
    }

    #[test]
    fn what_was_wanted_and_seen_is_told() {
        assert_eq!(
            line("methods", false),
            "palisade: denied by no ALLOW rule matched (authorization-policy); nearest miss \
             AuthorizationPolicy/foo/x#0; to[0] methods: wanted GET, seen s3cret"
        );
    }

    #[test]
    fn value_cannot_begin_a_line_or_turn_the_writing() {
        let line = line_of("a\n[critical] b\u{202e}\u{1b}[1m\"c\" é", "claim `sub`", true);
        assert!(line.ends_with(r#"seen a\n[critical] b\u{202e}\u{1b}[1m"c" é"#), "{line}");
    }

    #[test]
    fn what_may_be_a_secret_is_not() {
        for attribute in ["header `authorization`", "claim `sub`", "metadata `f`[k]", "requestPrincipals"] {
            assert!(!line(attribute, false).contains("s3cret"), "{attribute}");
            assert!(line(attribute, true).contains("s3cret"), "{attribute}");
        }
    }
}
