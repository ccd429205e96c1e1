//! N policies of the shape "principal X may GET on path prefix /svcX/".

use crate::ask::{Ask, compile, policy};
use palisade::PolicySet;
use serde_json::{Value, json};

/// The rule of policy number `i`.
pub fn one_rule(i: usize) -> Value {
    json!({
        "from": [{"source": {"principals": [format!("cluster.local/ns/ns{i}/sa/sa{i}")]}}],
        "to": [{"operation": {"methods": ["GET"], "paths": [format!("/svc{i}/*")]}}],
    })
}

/// Policy number `i`.
pub fn one(i: usize) -> Value {
    policy("foo", &format!("allow-{i}"), "ALLOW", json!([one_rule(i)]))
}

/// `n` of them, compiled.
pub fn set(n: usize) -> PolicySet {
    compile((0..n).map(one))
}

/// The request that policy `i` allows.
pub fn hit(i: usize) -> Ask {
    Ask {
        method: "GET".into(),
        path: format!("/svc{i}/items/42"),
        host: "sample.foo".into(),
        identities: vec![format!("spiffe://cluster.local/ns/ns{i}/sa/sa{i}")],
        ..Ask::default()
    }
}

/// The request of somebody whom no policy names.
pub fn miss(i: usize) -> Ask {
    Ask { identities: vec!["spiffe://cluster.local/ns/none/sa/none".into()], ..hit(i) }
}

/// The requests that all who are compared have to decide alike: what a policy allows, and near misses.
pub fn checks(n: usize) -> Vec<(Ask, bool)> {
    let mut checks = Vec::new();
    for i in [0, n / 2, n - 1] {
        checks.push((hit(i), true));
        checks.push((miss(i), false));
        checks.push((Ask { method: "POST".into(), ..hit(i) }, false));
        checks.push((Ask { path: format!("/svc{i}"), ..hit(i) }, false));
        checks.push((Ask { path: format!("/svc{}/x", n + 1), ..hit(i) }, false));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Parts;
    use palisade::Verdict;

    #[test]
    fn every_check_is_decided_as_it_should() {
        for n in [1, 10, 100] {
            let set = set(n);
            for (ask, allowed) in checks(n) {
                assert_eq!(Parts::new(&ask).decide(&set) == Verdict::Allow, allowed, "{ask:?}");
            }
        }
    }
}
