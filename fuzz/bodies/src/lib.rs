//! The body of each fuzz target.
//!
//! No input may make a function panic or run forever. Where the engine guarantees more (two implementations agree, a second run
//! changes nothing), the functions assert it. `cargo xtask fuzz` generates inputs by coverage; the tests below use random
//! inputs.

#![expect(clippy::panic, reason = "a failed assertion must stop the fuzzer")]

mod istio;
mod naive;

pub use istio::{claims, compile, header_map, host, path_normalize, spiffe, template};

use core::net::IpAddr;
use palisade::{
    Cluster, FqdnPattern, Options, Severity,
    flow::{EndpointRef, Flow, FlowSource, History, Simulation},
    lint, manifest,
    resource::Resources,
};
use serde_json::{Value, json};

/// Returns the bytes before and after the first line feed, as text.
fn halves(data: &[u8]) -> Option<(&str, &str)> {
    let text = core::str::from_utf8(data).ok()?;
    Some(text.split_once('\n').unwrap_or((text, "")))
}

/// The input is YAML, which is parsed and validated.
pub fn yaml_load(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut resources = Resources::default();
    manifest::load("fuzz.yaml", text, &mut resources);
    let (cluster, _) = Cluster::new(resources);
    let mut findings = lint::check(&cluster, &Options::default());
    manifest::place(&mut findings, text);
}

/// The input is a JSON object, which is added to a cluster; then a flow is decided.
pub fn json_load(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let mut resources = Resources::default();
    if resources.add(value, Default::default()).is_err() {
        return;
    }
    let (cluster, _) = Cluster::new(resources);
    lint::check(&cluster, &Options::default());
    let flow = Flow { to: EndpointRef::Ip(IpAddr::from([192, 0, 2, 1])), ..Flow::new("default/a", "", 80) };
    // A missing workload is a valid result.
    let _ = Simulation::new(cluster, Options::default()).decide(&flow, &History::default());
}

/// Returns a cluster with the pod `shop/own`, whose egress rule is `entry`, or `None` if the policy is invalid.
fn egress(entry: &Value) -> Option<Cluster> {
    let mut resources = Resources::default();
    for object in [
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "own", "namespace": "shop"}}),
        json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "p", "namespace": "shop"}, "spec": {"endpointSelector": {}, "egress": [entry]}}),
    ] {
        resources.add(object, Default::default()).ok()?;
    }
    let (cluster, _) = Cluster::new(resources);
    let findings = lint::check(&cluster, &Options::default());
    findings.iter().all(|f| f.severity != Severity::Error).then_some(cluster)
}

/// The input is a block of `toCIDR` on the first line, and an address on the second. The policy decides as the bits do.
pub fn cidr(data: &[u8]) {
    let Some((block, address)) = halves(data) else { return };
    let read = naive::block(block);
    let cluster = egress(&json!({"toCIDR": [block]}));
    if cluster.is_some() != read.is_some() {
        panic!("`{block}` is read {read:?}, the policy is taken: {}", cluster.is_some());
    }
    let (Some(cluster), Some(block), Ok(address)) = (cluster, read, address.trim().parse::<IpAddr>()) else {
        return;
    };
    let from = FlowSource {
        endpoint: EndpointRef::Workload("shop/own".to_owned()),
        mtls: Some(false),
        certificate: None,
        mesh: None,
    };
    let flow = Flow { from, to: EndpointRef::Ip(address), ..Flow::new("", "", 80) };
    let simulation = Simulation::new(cluster, Options::default());
    if let Ok(answer) = simulation.decide(&flow, &History::default()) {
        let allowed = answer.verdict == palisade::Verdict::Allow;
        // The block of all addresses selects the entity `world`, which also contains IPv6 in a single-stack cluster.
        if block.1 > 0 && allowed != naive::inside(block, address) {
            panic!("{address} in {block:?}: {allowed}");
        }
    }
}

/// The input is a pattern on the first line, and a name on the second. The matcher agrees with one that tries every split.
pub fn fqdn_pattern(data: &[u8]) {
    let Some((pattern, name)) = halves(data) else { return };
    let Ok(compiled) = FqdnPattern::new(pattern, &Options::default()) else { return };
    let matches = compiled.matches(name);
    if matches != naive::fqdn(pattern, name) {
        panic!("`{pattern}` and `{name}`: {matches}");
    }
    if compiled.mismatch(name).is_none() != matches {
        panic!("`{pattern}` and `{name}`: the reason contradicts");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config() -> ProptestConfig {
        ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }
    }

    /// Generates text that resembles a policy.
    fn policy() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "apiVersion: cilium.io/v2\n",
            "kind: CiliumNetworkPolicy\n",
            "metadata: {name: a}\n",
            "spec:\n",
            "  endpointSelector: {}\n",
            "  ingress:\n",
            "  - {}\n",
            "  - fromEntities: [all]\n",
            "---\n",
            "- &a ",
            "*a",
            "apiVersion: security.istio.io/v1\n",
            "kind: AuthorizationPolicy\n",
            "  rules: [{}]\n",
            "\t",
            ": ",
            "[",
            "{",
            "'",
            "\u{0}",
            "null",
            "  action: DENY\n",
            "kind: List\n",
            "items: []\n",
        ]);
        prop::collection::vec(word, 0..14).prop_map(|words| words.concat())
    }

    fn name_pair() -> impl Strategy<Value = String> {
        ("[a-c*.]{0,10}", "[a-cA-C.]{0,12}").prop_map(|(pattern, name)| format!("{pattern}\n{name}"))
    }

    fn cidr_pair() -> impl Strategy<Value = String> {
        let block = prop_oneof![
            "[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}/[0-9]{1,2}",
            "(10|192)[.]0[.]0[.][0-9]{1,2}/(8|16|24|31|32)",
            "[0-9a-f:]{2,12}/[0-9]{1,3}",
            "\\PC{0,10}",
        ];
        (block, "(10|192)[.]0[.]0[.][0-9]{1,2}").prop_map(|(block, ip)| format!("{block}\n{ip}"))
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn any_bytes_are_taken_by_every_target(data in prop::collection::vec(any::<u8>(), 0..200)) {
            for body in [
                yaml_load, json_load, compile, path_normalize, host, header_map, cidr, spiffe, fqdn_pattern, claims,
                template,
            ] {
                body(&data);
            }
        }

        #[test]
        fn text_that_is_nearly_a_policy(text in policy()) {
            yaml_load(text.as_bytes());
        }

        #[test]
        fn names_and_patterns(text in name_pair()) {
            fqdn_pattern(text.as_bytes());
        }

        #[test]
        fn blocks_and_addresses(text in cidr_pair()) {
            cidr(text.as_bytes());
        }

        #[test]
        fn paths(text in "/[a-c/.%25;\\\\?#]{0,24}", mode in 0u8..4) {
            path_normalize(&[&[mode], text.as_bytes()].concat());
        }

        #[test]
        fn templates(text in "/([a-b]|[{][*][}]|[{][*][*][}]|[*]|/){0,6}\n/[a-b/]{0,10}") {
            template(text.as_bytes());
        }

        #[test]
        fn principals(text in "(cluster[.]local|td|[*])/ns/[a-b*]{0,3}/sa/[a-b*]{0,3}\n[a-z./*]{0,20}") {
            spiffe(text.as_bytes());
        }

        #[test]
        fn tokens(text in "request[.]auth[.]claims(\\[[a-c]{0,2}\\]){0,3}\n[{]\"a\":(\"b\"|\\[\"b\"\\]|1|[{]\"b\":\"c\"[}])[}]") {
            claims(text.as_bytes());
        }
    }
}
