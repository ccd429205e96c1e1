//! Policy sets of known shape and size for the benchmarks, and the requests that go with them.

use palisade::{Cluster, Options, PolicySet, Request, Verdict, Workload, resource::Resources};
use serde_json::json;

/// N policies of the shape "principal X may GET on path prefix /svcX/", compiled for one workload.
#[derive(Debug)]
pub struct PrincipalMethodPath {
    /// The compiled set.
    pub set: PolicySet,
    principals: Vec<String>,
    paths: Vec<String>,
}

impl PrincipalMethodPath {
    /// A set of `n` policies, whose answers are checked before it is handed out.
    ///
    /// # Panics
    ///
    /// Some answer is wrong.
    pub fn new(n: usize) -> Self {
        let mut resources = Resources::default();
        for i in 0..n {
            let policy = json!({
                "apiVersion": "security.istio.io/v1",
                "kind": "AuthorizationPolicy",
                "metadata": {"name": format!("allow-{i}"), "namespace": "foo"},
                "spec": {"rules": [{
                    "from": [{"source": {"principals": [format!("cluster.local/ns/ns{i}/sa/sa{i}")]}}],
                    "to": [{"operation": {"methods": ["GET"], "paths": [format!("/svc{i}/*")]}}],
                }]},
            });
            resources.add(policy, Default::default()).expect("a valid policy");
        }
        let (cluster, _) = Cluster::new(resources);
        let workload = Workload::new("foo", [("app", "sample")], "sample");
        let set = PolicySet::compile(&cluster, &workload, &Options::default());
        let principals = (0..n).map(|i| format!("spiffe://cluster.local/ns/ns{i}/sa/sa{i}")).collect();
        let paths = (0..n).map(|i| format!("/svc{i}/items/42")).collect();
        let built = Self { set, principals, paths };
        for i in [0, n / 2, n - 1] {
            assert_eq!(built.hit(i), Verdict::Allow);
            assert_eq!(built.wrong_method(i), Verdict::Deny);
            assert_eq!(built.ask("GET", "spiffe://cluster.local/ns/x/sa/y", &built.paths[i]), Verdict::Deny);
        }
        built
    }

    /// Decides the request that rule `i` allows.
    pub fn hit(&self, i: usize) -> Verdict {
        self.ask("GET", &self.principals[i], &self.paths[i])
    }

    /// Decides a request that fails on the method of rule `i`.
    pub fn wrong_method(&self, i: usize) -> Verdict {
        self.ask("POST", &self.principals[i], &self.paths[i])
    }

    /// Decides a request of a principal that no rule names.
    pub fn miss(&self, i: usize) -> Verdict {
        self.ask("GET", "spiffe://cluster.local/ns/none/sa/none", &self.paths[i])
    }

    fn ask(&self, method: &str, principal: &str, path: &str) -> Verdict {
        let identities = [principal.as_bytes()];
        let request = Request {
            method: Some(method.as_bytes()),
            path: Some(path.as_bytes()),
            identities: &identities,
            ..Request::default()
        };
        self.set.decide(&request).verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_decide_as_they_should() {
        let shape = PrincipalMethodPath::new(100);
        assert_eq!(shape.miss(7), Verdict::Deny);
    }
}
