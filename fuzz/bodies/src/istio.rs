//! Targets for the mesh: policies in both compilations, paths, hosts, header maps, identities, tokens, templates.

use crate::halves;
use palisade::{
    Cluster, CompileSwitches, Options, PolicySet, Request, Workload,
    http::{Downstream, HttpRequest, NormalizationVersion, Proxy, admit, normalize_path},
    resource::{Resources, istio::PathNormalization},
};
use palisade_filter::header_map::HeaderMap;
use serde_json::{Map, Value, json};

/// The policies of `foo/sample`, with the index and without.
fn both_ways(objects: &[Value]) -> Option<[PolicySet; 2]> {
    let mut resources = Resources::default();
    for object in objects {
        resources.add(object.clone(), Default::default()).ok()?;
    }
    let (cluster, _) = Cluster::new(resources);
    let workload = Workload::new("foo", [("app", "sample")], "sample");
    let switches =
        [CompileSwitches::default(), CompileSwitches { index: false, ..CompileSwitches::default() }];
    Some(switches.map(|switches| {
        let mut options = Options::default();
        options.switches = switches;
        PolicySet::compile(&cluster, &workload, &options)
    }))
}

/// Whether the policies allow `request`. Both compilations must agree.
fn decide(objects: &[Value], request: &Request<'_>) -> Option<bool> {
    let [with, without] = both_ways(objects)?;
    let (a, b) = (with.http().decide(request), without.http().decide(request));
    if a != b {
        panic!("with the index {a:?}, without {b:?}");
    }
    with.http().explain(request);
    Some(a.verdict == palisade::Verdict::Allow)
}

fn allow(rule: &Value) -> Value {
    json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "p", "namespace": "foo"}, "spec": {"rules": [rule]}})
}

/// The input is a rule of an AuthorizationPolicy as JSON on the first line, and a path on the second.
pub fn compile(data: &[u8]) {
    let Some((rule, path)) = halves(data) else { return };
    let Ok(rule) = serde_json::from_str::<Value>(rule) else { return };
    let request = Request {
        method: Some(b"GET"),
        path: Some(path.as_bytes()),
        authority: Some(b"a"),
        ..Request::default()
    };
    decide(&[allow(&rule)], &request);
}

/// The input is a byte for the mode, and a path. Normalization of a normalized path must not change it.
pub fn path_normalize(data: &[u8]) {
    // A zero byte, which every codec rejects, is escaped once and then rejected. A dot segment with a parameter that is escaped or
    // follows a backslash is unescaped once, and is a dot segment then.
    let stays = |path: &[u8]| {
        let has = |byte| path.contains(&byte);
        !(has(0) || (has(b'%') || has(b'\\')) && has(b';'))
    };
    let Some((mode, path)) = data.split_first().filter(|(_, path)| stays(path)) else { return };
    let mode = match mode % 4 {
        0 => PathNormalization::None,
        1 => PathNormalization::Base,
        2 => PathNormalization::MergeSlashes,
        _ => PathNormalization::DecodeAndMergeSlashes,
    };
    let Some(once) = normalize_path(path, mode, NormalizationVersion::default()) else { return };
    let twice = normalize_path(&once, mode, NormalizationVersion::default());
    if twice.as_ref() != Some(&once) {
        panic!("{path:?} becomes {once:?}, then {twice:?}");
    }
}

/// The input is a `Host` line. Every accepted host is decided.
pub fn host(data: &[u8]) {
    let Ok(host) = core::str::from_utf8(data) else { return };
    for strict in [false, true] {
        let proxy = Proxy { strict, ..Proxy::sidecar() };
        let sent = HttpRequest::new("GET", "/", host);
        let Ok(admitted) = admit(&sent, &Downstream::default(), &proxy) else { continue };
        let request = Request { authority: Some(&admitted.authority), ..Request::default() };
        decide(&[allow(&json!({"to": [{"operation": {"hosts": ["a.example.com", "*.b"]}}]}))], &request);
    }
}

/// The input is a serialized header map, as a host passes it to the filter.
pub fn header_map(data: &[u8]) {
    let Some(map) = HeaderMap::parse(data.to_vec()) else { return };
    let names: Vec<Vec<u8>> = map.iter().map(|(name, _)| name.to_vec()).collect();
    for name in names {
        if map.first(&name) != map.values(&name).next() {
            panic!("the first value is another");
        }
    }
}

/// The input is a principal on the first line, and the identity in a certificate on the second.
pub fn spiffe(data: &[u8]) {
    let Some((principal, identity)) = halves(data) else { return };
    let identity = format!("spiffe://{identity}");
    let identities = [identity.as_bytes()];
    let request = Request { identities: &identities, ..Request::default() };
    decide(
        &[allow(&json!({"from": [{"source": {"principals": [principal], "namespaces": ["a"]}}]}))],
        &request,
    );
    let alone = decide(&[allow(&json!({"from": [{"source": {"principals": [principal]}}]}))], &request);
    // A principal without a star that equals the identity, outside the trust domains that are rewritten.
    let literal =
        !principal.contains('*') && !principal.is_empty() && !principal.starts_with("cluster.local/");
    if literal && identity == format!("spiffe://{principal}") && alone == Some(false) {
        panic!("`{principal}` is not itself");
    }
}

/// The input is the key of a condition on the first line, and the payload of a token as JSON on the second.
pub fn claims(data: &[u8]) {
    let Some((key, payload)) = halves(data) else { return };
    let Ok(payload) = serde_json::from_str::<Map<String, Value>>(payload) else { return };
    let request = Request { claims: Some(&payload), ..Request::default() };
    decide(&[allow(&json!({"when": [{"key": key, "values": ["b", "*c"]}]}))], &request);
    decide(&[allow(&json!({"when": [{"key": key, "notValues": ["b"]}]}))], &request);
}

/// The input is a path or template of a policy on the first line, and the path of a request on the second.
pub fn template(data: &[u8]) {
    let Some((template, path)) = halves(data) else { return };
    let request = Request { path: Some(path.as_bytes()), ..Request::default() };
    let rule = json!({"to": [{"operation": {"paths": [template]}}]});
    let matches = decide(&[allow(&rule)], &request);
    let literal = !template.contains(['*', '{', '}']) && !template.is_empty() && !path.contains(['?', '#']);
    if literal && matches.is_some_and(|matches| matches != (template == path)) {
        panic!("`{template}` and `{path}`: {matches:?}");
    }
}
