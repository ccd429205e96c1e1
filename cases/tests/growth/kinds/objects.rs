//! Objects other than policies, and documents with findings.

use super::kind::{CNP, Kind, POD, POLICY_OF_ALL, cnp, list, many, policy};

pub(super) const KINDS: &[Kind] = &[
    list("pods that differ", POLICY_OF_ALL, "", POD),
    list(
        "pods that are alike",
        POLICY_OF_ALL,
        "",
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a}}\nstatus: {podIP: 10.1.$hi.$lo}\n",
    ),
    many(
        "pods of one name",
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: same, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n",
    ),
    many(
        "controllers",
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d$i, namespace: shop}\nspec: {template: {metadata: {labels: {app: d$i}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}}}\n",
    ),
    many(
        "services",
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: s$i, namespace: shop}\nspec: {clusterIP: 10.96.$hi.$lo, selector: {app: web}, ports: [{port: 80}]}\n",
    ),
    many(
        "services that policies name",
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: s$i, namespace: shop}\nspec: {clusterIP: None, ports: [{port: 80}]}\n",
    ),
    many("namespaces", "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n$i, labels: {team: t$i}}\n"),
    many(
        "nodes",
        "---\napiVersion: v1\nkind: Node\nmetadata: {name: n$i}\nspec: {podCIDRs: [10.$hi.$lo.0/24]}\nstatus: {addresses: [{type: InternalIP, address: 172.16.$hi.$lo}]}\n",
    ),
    list(
        "groups of blocks",
        "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {endpointSelector: {matchLabels: {app: web}}, egress: [{toCIDRSet: [{cidrGroupSelector: {matchLabels: {g: a}}}]}]}\n",
        "",
        "---\napiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g$i, labels: {g: a}}\nspec: {externalCIDRs: [198.18.$hi.$lo/32]}\n",
    ),
    many("documents with unknown fields", cnp!("{endpointSelectr: {matchLabels: {app: a$i}}}")),
    many("documents with an error", cnp!("{endpointSelector: {}, egress: [{toCIDR: [10.0.0.$i]}]}")),
    list("errors of one document", CNP, "  egress:\n", "  - {toCIDR: [10.0.$i]}\n"),
    many(
        "documents with a warning",
        cnp!(
            "{endpointSelector: {}, egress: [{toCIDR: [10.0.0.0/8]}, {toFQDNs: []}], ingress: [{fromEndpoints: []}]}"
        ),
    ),
    list(
        "items of a List",
        "---\napiVersion: v1\nkind: List\nitems:\n",
        "",
        "- {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p$i, namespace: shop}, spec: {endpointSelector: {}, egress: [{toCIDR: [10.0.0.$i]}]}}\n",
    ),
    many("kinds that no layer reads", "---\napiVersion: example.io/v1\nkind: Kind$i\nmetadata: {name: x}\n"),
    list(
        "refusals of one document",
        CNP,
        "  egress:\n",
        "  - {toCIDR: [10.0.0.0/40], toPorts: [{ports: [{port: '70000'}]}]}\n",
    ),
];
