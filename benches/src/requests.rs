//! Requests that own their parts, and the decisions of a policy set about them.

use palisade::{Cluster, Decision, Options, PolicySet, Request, Verdict, Workload, resource::Resources};
use serde_json::{Value, json};
use std::net::IpAddr;

/// A request that owns its parts.
#[derive(Clone, Debug, Default)]
pub struct OwnedRequest {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The authority.
    pub host: String,
    /// The identities of the client.
    pub identities: Vec<String>,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The address of the connection.
    pub source: Option<IpAddr>,
    /// The payload of the token.
    pub claims: Option<Value>,
}

/// The parts of an [`OwnedRequest`] as borrowed by a request, built before the measurement.
#[derive(Debug)]
pub struct RequestParts<'a> {
    request: &'a OwnedRequest,
    identities: Vec<&'a [u8]>,
    headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> RequestParts<'a> {
    /// Borrows the parts of `request`.
    pub fn new(request: &'a OwnedRequest) -> Self {
        Self {
            request,
            identities: request.identities.iter().map(|id| id.as_bytes()).collect(),
            headers: request.headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect(),
        }
    }

    /// Returns the request. It allocates nothing.
    #[inline]
    pub fn request(&self) -> Request<'_> {
        Request {
            method: Some(self.request.method.as_bytes()),
            path: Some(self.request.path.as_bytes()),
            authority: Some(self.request.host.as_bytes()),
            headers: &self.headers,
            identities: &self.identities,
            source_ip: self.request.source,
            remote_ip: Ok(self.request.source),
            destination_port: Some(8080),
            claims: self.request.claims.as_ref().and_then(Value::as_object),
            ..Request::default()
        }
    }

    /// Returns the verdict of `set`.
    #[inline]
    pub fn decide(&self, set: &PolicySet) -> Verdict {
        set.http().verdict(&self.request())
    }

    /// Returns the decision of `set`: the verdict and the deciding rule or reason.
    #[inline]
    pub fn decide_with_reasons(&self, set: &PolicySet) -> Decision {
        set.http().decide(&self.request())
    }
}

/// Returns an AuthorizationPolicy.
pub fn policy(namespace: &str, name: &str, action: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"action": action, "rules": rules},
    })
}

/// Compiles `policies` for the workload `foo/sample`.
///
/// # Panics
///
/// If a policy is invalid.
pub fn compile(policies: impl IntoIterator<Item = Value>) -> PolicySet {
    let mut resources = Resources::default();
    for policy in policies {
        resources.add(policy, Default::default()).expect("a valid policy");
    }
    let (cluster, findings) = Cluster::new(resources);
    assert!(findings.is_empty(), "{findings:?}");
    let workload = Workload::new("foo", [("app", "sample")], "sample");
    PolicySet::compile(&cluster, &workload, &Options::default())
}
