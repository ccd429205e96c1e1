//! A kind of input, and texts that several kinds share.

/// The items of the smaller input. More would take longer under callgrind, fewer would hide loops over pairs.
const ITEMS: usize = 64;

/// A kind of input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The name in reports.
    pub(crate) name: &'static str,
    /// The items of the smaller input; the larger one has twice as many.
    pub(crate) items: usize,
    /// The manifests in addition to `BASE`: the text before the items, one item, the text after the items.
    parts: [&'static str; 3],
    /// Whether the manifests have fields that Cilium removed in 1.19.
    pub(crate) is_old: bool,
    /// The text of the case for one item, or an empty text if the kind has no cases.
    case: &'static str,
}

/// The pod `shop/web`, which the policies select, and the pod `shop/db`, which is in the mesh.
const BASE: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
status: {podIP: 10.0.0.2}
";

pub(super) const CNP: &str = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n";
pub(super) const DNS: &str = "  egress:\n  - toEndpoints: [{matchLabels: {k8s-app: kube-dns}}]\n    toPorts:\n    - ports: [{port: '53'}]\n      rules:\n        dns:\n";
pub(super) const AP: &str = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n";

macro_rules! policy {
    ($api:literal, $kind:literal, $metadata:literal, $spec:literal) => {
        concat!(
            "---\napiVersion: ",
            $api,
            "\nkind: ",
            $kind,
            "\nmetadata: {name: p$i",
            $metadata,
            "}\nspec: ",
            $spec,
            "\n"
        )
    };
}

macro_rules! cnp {
    ($spec:literal) => {
        policy!("cilium.io/v2", "CiliumNetworkPolicy", ", namespace: shop", $spec)
    };
}

macro_rules! cnp_with {
    ($spec:literal, $rest:literal) => {
        concat!(
            "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p$i, namespace: shop}\nspec: ",
            $spec,
            "\n",
            $rest
        )
    };
}

pub(super) use {cnp, cnp_with, policy};

pub(super) const POD: &str = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n";
pub(super) const POLICY_OF_ALL: &str = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {endpointSelector: {}, ingressDeny: [{fromCIDR: [198.51.100.1/32]}], egress: [{toFQDNs: [{matchName: a.io}]}]}\n";

pub(super) const fn many(name: &'static str, item: &'static str) -> Kind {
    list(name, "", "", item)
}

pub(super) const fn list(
    name: &'static str,
    before: &'static str,
    field: &'static str,
    item: &'static str,
) -> Kind {
    Kind { name, items: ITEMS, parts: [before, item, field], is_old: false, case: "" }
}

/// Returns `kind` with fields that Cilium removed in 1.19.
pub(super) const fn old(kind: Kind) -> Kind {
    Kind { is_old: true, ..kind }
}

/// Returns `kind` with a case file, in which each item has a case.
pub(super) const fn with_case(kind: Kind, case: &'static str) -> Kind {
    Kind { case, ..kind }
}

impl Kind {
    /// Returns the manifests with `count` items.
    pub(crate) fn manifests(&self, count: usize) -> String {
        let [before, item, field] = self.parts;
        let mut text = format!("{BASE}{before}{field}");
        (0..count).for_each(|i| text.push_str(&filled(item, i)));
        text
    }

    /// Returns a case file with a case for each of `count` items, if the kind has cases.
    pub(crate) fn cases(&self, count: usize) -> Option<String> {
        let mut text = String::from("manifests: all.yaml\ncases:\n");
        (0..count).for_each(|i| text.extend(["- ", &filled(self.case, i), "\n"]));
        (!self.case.is_empty()).then_some(text)
    }
}

/// Returns `item` with the numbers of item `i`.
fn filled(item: &str, i: usize) -> String {
    let [i, port, hi, lo] = [i, 1 + i % 60_000, i >> 8, i & 255].map(|n| n.to_string());
    item.replace("$i", &i).replace("$port", &port).replace("$hi", &hi).replace("$lo", &lo)
}
