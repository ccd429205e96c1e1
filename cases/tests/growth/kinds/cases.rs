//! Case files, with a case for each object.

use super::kind::{Kind, POLICY_OF_ALL, cnp_with, list, many, with_case};

const POLICY_OF_PRINCIPAL: &str = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\nspec: {rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/a1]}}]}]}\n";

pub(super) const KINDS: &[Kind] = &[
    with_case(
        many(
            "cases about pods of Services",
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: s$i, namespace: shop}\nspec: {clusterIP: 10.96.$hi.$lo, selector: {app: a$i}, ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n",
        ),
        "{name: c$i, from: {workload: shop/web}, to: {service: shop/s$i, port: 80}, http: {path: /}, expect: allow}",
    ),
    with_case(
        many(
            "cases about pods with policies",
            cnp_with!(
                "{endpointSelector: {matchLabels: {app: a$i}}, ingress: [{fromEndpoints: [{matchLabels: {app: web}}]}]}",
                "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n"
            ),
        ),
        "{name: c$i, from: {workload: shop/web}, to: {ip: 10.1.$hi.$lo, port: 80}, expect: allow}",
    ),
    with_case(
        list("cases about addresses outside", POLICY_OF_ALL, "", ""),
        "{name: c$i, from: {workload: shop/web}, to: {ip: 198.18.$hi.$lo, port: 80}, expect: deny}",
    ),
    with_case(
        list("cases with a name for each", POLICY_OF_ALL, "", ""),
        "{name: c$i, from: {workload: shop/web}, to: {fqdn: n$i.io, port: 80}, expect: deny}",
    ),
    with_case(
        list("cases with certificates", POLICY_OF_PRINCIPAL, "", ""),
        "{name: c$i, from: {workload: shop/web, principal: spiffe://cluster.local/ns/shop/sa/a$i}, to: {workload: shop/db, port: 80}, http: {path: /}, expect: allow}",
    ),
];
