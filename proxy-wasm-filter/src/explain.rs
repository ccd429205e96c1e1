//! The log line for a denial: the rule that came nearest to a match, and its failed tests.

use core::fmt::Write;
use palisade::{Decision, RuleTrace, visible};

/// The number of values that are listed; the others are counted.
const VALUES_SHOWN: usize = 5;

/// Returns the log line of a denial. It contains values of sensitive attributes only if `show_sensitive`.
pub(crate) fn denial(decision: &Decision, miss: Option<&RuleTrace>, show_sensitive: bool) -> String {
    let mut line = format!("palisade: denied by {} ({})", decision.by, decision.layer);
    let Some(miss) = miss else { return line };
    // Writing to a string cannot fail.
    let _ = write!(line, "; nearest miss {}", miss.id);
    for test in &miss.failures {
        let required = if test.negated { "excluded" } else { "required" };
        let actual = match test.actual.as_slice() {
            [] => "none".to_owned(),
            _ if !show_sensitive && test.attribute.is_sensitive() => "a value".to_owned(),
            values => list(values),
        };
        let _ = write!(line, "; {}: {required} {}, actual {actual}", test.place(), list(&test.required));
    }
    line
}

fn list(values: &[String]) -> String {
    // A claim can contain a line break, after which the client could forge a log line.
    let shown = values.iter().take(VALUES_SHOWN).map(|value| visible(value)).collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(VALUES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade::{
        DecidedBy, DefaultReason, Layer, PolicyRef, RuleId, TestTrace, Verdict,
        ir::{Attribute, Effect, Field, Section, TextAttribute},
    };

    fn line(attribute: Attribute, show_sensitive: bool) -> String {
        line_of("s3cret", attribute, show_sensitive)
    }

    fn line_of(value: &str, attribute: Attribute, show_sensitive: bool) -> String {
        let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "x".into() };
        let decision = Decision {
            verdict: Verdict::Deny,
            layer: Layer::AuthorizationPolicy,
            by: DecidedBy::Default(DefaultReason::NoAllowRuleMatched),
            status: None,
            shadow: None,
        };
        let failure = TestTrace {
            section: Section::To,
            clause: 0,
            field: Field::new("to[#].operation.methods").index(0u32),
            attribute,
            negated: false,
            required: vec!["GET".into()],
            actual: vec![value.into()],
        };
        let miss = RuleTrace {
            id: RuleId::new(policy, 0),
            effect: Effect::Allow,
            matched: false,
            failures: vec![failure],
            matches: Vec::new(),
            matched_groups: 0,
            groups: 1,
            is_near_miss: false,
        };
        denial(&decision, Some(&miss), show_sensitive)
    }

    #[test]
    fn line_contains_field_with_required_and_actual_values() {
        assert_eq!(
            line(Attribute::Text(TextAttribute::Method), false),
            "palisade: denied by no ALLOW rule matched (authorization-policy); nearest miss \
             AuthorizationPolicy/foo/x#0; to[0].operation.methods: required GET, actual s3cret"
        );
    }

    #[test]
    fn control_characters_are_escaped() {
        let claim = TextAttribute::Claim([].into());
        let line = line_of("a\n[critical] b\u{202e}\u{1b}[1m\"c\" é", Attribute::Text(claim), true);
        assert!(line.ends_with(r#"actual a\n[critical] b\u{202e}\u{1b}[1m"c" é"#), "{line}");
    }

    #[test]
    fn sensitive_values_are_hidden() {
        let shape = palisade::Shape::Text;
        for attribute in [
            Attribute::Text(TextAttribute::Header("authorization".into())),
            Attribute::Text(TextAttribute::Claim([].into())),
            Attribute::Text(TextAttribute::Metadata { filter: "f".into(), key: "k".into(), shape }),
            Attribute::Text(TextAttribute::PathAndQuery),
            Attribute::JoinedHeader("cookie".into()),
            Attribute::RequestPrincipal,
        ] {
            assert!(!line(attribute.clone(), false).contains("s3cret"), "{attribute}");
            assert!(line(attribute.clone(), true).contains("s3cret"), "{attribute}");
        }
    }
}
