//! N policies of the form "principal X may GET paths below /svcX/".

use crate::requests::{OwnedRequest, compile, policy};
use palisade::PolicySet;
use serde_json::{Value, json};

/// Returns the rule of policy `i`.
pub fn one_rule(i: usize) -> Value {
    json!({
        "from": [{"source": {"principals": [format!("cluster.local/ns/ns{i}/sa/sa{i}")]}}],
        "to": [{"operation": {"methods": ["GET"], "paths": [format!("/svc{i}/*")]}}],
    })
}

/// Returns policy `i`.
pub fn one(i: usize) -> Value {
    policy("foo", &format!("allow-{i}"), "ALLOW", json!([one_rule(i)]))
}

/// Compiles the first `n` policies.
pub fn set(n: usize) -> PolicySet {
    compile((0..n).map(one))
}

/// Returns the request that policy `i` allows.
pub fn hit(i: usize) -> OwnedRequest {
    OwnedRequest {
        method: "GET".into(),
        path: format!("/svc{i}/items/42"),
        host: "sample.foo".into(),
        identities: vec![format!("spiffe://cluster.local/ns/ns{i}/sa/sa{i}")],
        ..OwnedRequest::default()
    }
}

/// Returns the request of a client that no policy names.
pub fn miss(i: usize) -> OwnedRequest {
    OwnedRequest { identities: vec!["spiffe://cluster.local/ns/none/sa/none".into()], ..hit(i) }
}

/// Returns requests with their expected verdict: allowed requests and near misses. Every compared engine must decide them so.
pub fn checks(n: usize) -> Vec<(OwnedRequest, bool)> {
    let mut checks = Vec::new();
    for i in [0, n / 2, n - 1] {
        checks.push((hit(i), true));
        checks.push((miss(i), false));
        checks.push((OwnedRequest { method: "POST".into(), ..hit(i) }, false));
        checks.push((OwnedRequest { path: format!("/svc{i}"), ..hit(i) }, false));
        checks.push((OwnedRequest { path: format!("/svc{}/x", n + 1), ..hit(i) }, false));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::RequestParts;
    use palisade::Verdict;

    #[test]
    fn palisade_decides_every_check_as_expected() {
        for n in [1, 10, 100] {
            let set = set(n);
            for (request, allowed) in checks(n) {
                assert_eq!(
                    RequestParts::new(&request).decide(&set) == Verdict::Allow,
                    allowed,
                    "{request:?}"
                );
            }
        }
    }
}
