//! One rule as an Envoy RBAC policy: one of its permissions and one of its principals must match.

use super::test::{Side, metadata};
use crate::{
    cluster::IdentitySource,
    ir::{AddressAttribute, Clause, Group, Predicate, Rule, Section, Test, TextAttribute},
};
use alloc::{vec, vec::Vec};
use serde_json::{Value, json};

/// Returns `rule` as `envoy.config.rbac.v3.Policy`.
pub(super) fn policy(rule: &Rule, identity: IdentitySource) -> Value {
    if rule.is_never() {
        let never = |side: Side| vec![side.not(json!({"any": true}))];
        return json!({"permissions": never(Side::Permission), "principals": never(Side::Principal)});
    }
    let side = |section, side| {
        // A condition restricts every alternative of the rule, so each alternative contains a copy.
        let conditions = rule.groups.iter().filter(|g| g.section == Section::When);
        let conditions: Vec<Value> =
            conditions.filter(|g| side_of(g) == side).flat_map(|g| condition(g, side, identity)).collect();
        let group = rule.groups.iter().find(|g| g.section == section);
        let always = [Clause::default()];
        let clauses = group.map_or(&always[..], |g| &g.clauses);
        let alternative = |clause: &Clause| {
            let mut all: Vec<Value> = clause.tests.iter().map(|test| side.test(test, identity)).collect();
            all.extend(conditions.iter().cloned());
            if all.is_empty() {
                all.push(json!({"any": true}));
            }
            side.and(all)
        };
        clauses.iter().map(alternative).collect::<Vec<Value>>()
    };
    json!({
        "permissions": side(Section::To, Side::Permission),
        "principals": side(Section::From, Side::Principal),
    })
}

/// Returns permissions for conditions on the destination of the connection, and principals for all others.
fn side_of(condition: &Group) -> Side {
    match condition.clauses.first().and_then(|c| c.tests.first()).map(|t| &t.predicate) {
        Some(
            Predicate::Address(AddressAttribute::DestinationIp, _)
            | Predicate::Port(_)
            | Predicate::Text(TextAttribute::ServerName | TextAttribute::Metadata { .. }, _),
        ) => Side::Permission,
        _ => Side::Principal,
    }
}

/// Returns the parts of one condition. Lowering splits a condition on metadata by value; the result has one matcher for
/// all values.
fn condition(group: &Group, side: Side, identity: IdentitySource) -> Vec<Value> {
    let tests: Vec<&Test> = group.clauses.iter().flat_map(|c| &c.tests).collect();
    match metadata(&tests) {
        Some(any) if tests.iter().all(|t| t.negated) => vec![side.not(any)],
        Some(any) => vec![any],
        None => tests.into_iter().map(|test| side.test(test, identity)).collect(),
    }
}
