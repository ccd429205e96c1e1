//! Inputs that grow: for each kind of input a folder of manifests in which that kind has `n` items.

use core::fmt::Write;

/// The items of the smaller input. More would take longer under callgrind, fewer would hide loops over pairs.
const ITEMS: usize = 64;

/// A kind of input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// The items of the smaller input; the larger one has twice as many.
    pub(crate) items: usize,
    /// The manifests, beside those of [`BASE`]: what stands before the items, one item, what stands behind.
    parts: [&'static str; 3],
}

/// A pod `shop/web`, whom the policies select, and a pod `shop/db` in the mesh.
pub(crate) const BASE: &str = "
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

const CNP: &str = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n";
const DNS: &str = "  egress:\n  - toEndpoints: [{matchLabels: {k8s-app: kube-dns}}]\n    toPorts:\n    - ports: [{port: '53'}]\n      rules:\n        dns:\n";
const AP: &str = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n";

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

/// Every kind of input.
pub(crate) const KINDS: &[Kind] = &[
    many(
        "policies with toFQDNs and DNS rules",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toEndpoints: [{matchLabels: {k8s-app: kube-dns}}], toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchName: n$i.io}]}}]}, {toFQDNs: [{matchName: n$i.io}], toPorts: [{ports: [{port: '443'}]}]}]}"
        ),
    ),
    many(
        "policies with toFQDNs that nobody may look up",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toEndpoints: [{matchLabels: {k8s-app: kube-dns}}], toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchName: q$i.io}]}}]}, {toFQDNs: [{matchPattern: '*.n$i.io'}]}]}"
        ),
    ),
    many(
        "policies with toFQDNs that select nothing",
        cnp!("{endpointSelector: {matchLabels: {app: x$i}}, egress: [{toFQDNs: [{matchName: n$i.io}]}]}"),
    ),
    list("DNS rules of one policy", CNP, DNS, "        - {matchName: n$i.io}\n"),
    list(
        "DNS patterns of one policy",
        CNP,
        DNS,
        "        - {matchPattern: '*.*.d$i.io'}\n        - {matchPattern: '*.d$i.io'}\n",
    ),
    list(
        "toFQDNs names of one policy",
        CNP,
        "  egress:\n  - toFQDNs:\n",
        "    - {matchName: n$i.io}\n    - {matchPattern: '*.n$i.io'}\n",
    ),
    many(
        "policies with fromEndpoints",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: c$i}}], toPorts: [{ports: [{port: '$port', protocol: TCP}]}]}]}"
        ),
    ),
    many(
        "policies that only deny",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: c$i}}]}], egressDeny: [{toCIDR: [198.51.$hi.$lo/32]}]}"
        ),
    ),
    many(
        "policies with an empty entry",
        cnp!("{endpointSelector: {matchLabels: {app: web}}, ingress: [{}], egress: [{}]}"),
    ),
    many(
        "policies with HTTP rules",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: c$i}}], toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET, path: '/a$i/.*'}]}}]}]}"
        ),
    ),
    many(
        "policies with server names",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toCIDR: [198.51.$hi.$lo/32], toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [n$i.io]}]}]}"
        ),
    ),
    many(
        "policies with clashing parsers",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, ingress: [{authentication: {mode: required}, fromEndpoints: [{matchLabels: {app: c$i}}], toPorts: [{ports: [{port: '80', protocol: TCP}]}]}]}"
        ),
    ),
    many(
        "policies of one name",
        "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: same, namespace: shop}\nspec: {endpointSelector: {matchLabels: {app: web}}, egress: [{toFQDNs: [{matchName: n$i.io}]}]}\n",
    ),
    many(
        "policies of the whole cluster",
        policy!(
            "cilium.io/v2",
            "CiliumClusterwideNetworkPolicy",
            "",
            "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEntities: [world]}], egress: [{toEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': n$i}}]}]}"
        ),
    ),
    list(
        "blocks with exceptions",
        CNP,
        "  egress:\n",
        "  - {toCIDRSet: [{cidr: 10.$hi.$lo.0/24, except: [10.$hi.$lo.1/32, 10.$hi.$lo.2/32]}, {cidr: 0.0.0.0/0, except: [10.$hi.$lo.0/25]}]}\n",
    ),
    list(
        "copies of a block with exceptions",
        CNP,
        "  egress:\n",
        "  - {toCIDRSet: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}], toPorts: [{ports: [{port: '$port', protocol: TCP}]}]}\n",
    ),
    list(
        "exceptions of one block",
        CNP,
        "  egress:\n  - toCIDR: [10.0.0.0/24]\n  - toCIDRSet:\n    - cidr: 10.0.0.0/8\n      except:\n",
        "      - 10.$hi.$lo.0/24\n",
    ),
    list("blocks of one entry", CNP, "  egress:\n  - toCIDR:\n", "    - 198.18.$hi.$lo/32\n"),
    list(
        "entries of one policy",
        CNP,
        "  ingress:\n",
        "  - {fromEndpoints: [{matchLabels: {app: c$i}}], toPorts: [{ports: [{port: '$port', protocol: TCP}]}]}\n",
    ),
    list(
        "rules in specs",
        "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspecs:\n",
        "",
        "- {endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: c$i}}]}]}\n",
    ),
    list(
        "labels of a selector",
        CNP,
        "  ingress:\n  - fromEndpoints:\n    - matchLabels:\n",
        "        k$i: v$i\n",
    ),
    list(
        "expressions of a selector",
        CNP,
        "  ingress:\n  - fromEndpoints:\n    - matchExpressions:\n",
        "      - {key: k$i, operator: In, values: [a$i, b$i]}\n",
    ),
    list(
        "values of an expression",
        CNP,
        "  ingress:\n  - fromEndpoints:\n    - matchExpressions:\n      - key: k\n        operator: In\n        values:\n",
        "        - v$i\n",
    ),
    many(
        "NetworkPolicies",
        policy!(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            ", namespace: shop",
            "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {app: c$i}}}, {ipBlock: {cidr: 10.$hi.0.0/16, except: [10.$hi.$lo.0/24]}}], ports: [{port: $port}]}]}"
        ),
    ),
    many(
        "ClusterNetworkPolicies",
        policy!(
            "policy.networking.k8s.io/v1alpha2",
            "ClusterNetworkPolicy",
            "",
            "{tier: Admin, priority: $i, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {matchLabels: {n: n$i}}}]}]}"
        ),
    ),
    many(
        "AuthorizationPolicies",
        policy!(
            "security.istio.io/v1",
            "AuthorizationPolicy",
            ", namespace: shop",
            "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/a$i]}}], to: [{operation: {methods: [GET], paths: ['/p$i/*']}}]}]}"
        ),
    ),
    many(
        "DENY policies",
        policy!(
            "security.istio.io/v1",
            "AuthorizationPolicy",
            ", namespace: shop",
            "{action: DENY, selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {hosts: [h$i.io], ports: ['$port']}}], when: [{key: 'request.headers[x-$i]', values: [v$i]}]}]}"
        ),
    ),
    list(
        "rules of an AuthorizationPolicy",
        AP,
        "  rules:\n",
        "  - {from: [{source: {namespaces: [n$i]}}], to: [{operation: {paths: ['/p$i']}}]}\n",
    ),
    list(
        "principals of a rule",
        AP,
        "  rules:\n  - from:\n    - source:\n        principals:\n",
        "        - cluster.local/ns/n$i/sa/a\n",
    ),
    list(
        "conditions of a rule",
        AP,
        "  rules:\n  - when:\n",
        "    - {key: 'request.auth.claims[c$i]', values: [v$i]}\n",
    ),
    many(
        "PeerAuthentications",
        policy!(
            "security.istio.io/v1",
            "PeerAuthentication",
            ", namespace: shop",
            "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {'$port': {mode: PERMISSIVE}}}"
        ),
    ),
    many(
        "RequestAuthentications",
        policy!(
            "security.istio.io/v1",
            "RequestAuthentication",
            ", namespace: shop",
            "{selector: {matchLabels: {app: db}}, jwtRules: [{issuer: 'https://i$i.io', jwksUri: 'https://i$i.io/k'}]}"
        ),
    ),
    Kind {
        name: "pods that differ",
        items: ITEMS,
        parts: [
            POLICY_OF_ALL,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n",
            "",
        ],
    },
    Kind {
        name: "pods that are alike",
        items: ITEMS,
        parts: [
            POLICY_OF_ALL,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a}}\nstatus: {podIP: 10.1.$hi.$lo}\n",
            "",
        ],
    },
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
    many(
        "service entries",
        policy!(
            "networking.istio.io/v1",
            "ServiceEntry",
            ", namespace: shop",
            "{hosts: [e$i.io], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}"
        ),
    ),
    Kind {
        name: "groups of blocks",
        items: ITEMS,
        parts: [
            "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {endpointSelector: {matchLabels: {app: web}}, egress: [{toCIDRSet: [{cidrGroupSelector: {matchLabels: {g: a}}}]}]}\n",
            "---\napiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g$i, labels: {g: a}}\nspec: {externalCIDRs: [198.18.$hi.$lo/32]}\n",
            "",
        ],
    },
    many("documents that cannot be read", cnp!("{endpointSelectr: {matchLabels: {app: a$i}}}")),
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
];

const POLICY_OF_ALL: &str = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {endpointSelector: {}, ingressDeny: [{fromCIDR: [198.51.100.1/32]}], egress: [{toFQDNs: [{matchName: a.io}]}]}\n";

const fn many(name: &'static str, item: &'static str) -> Kind {
    Kind { name, items: ITEMS, parts: ["", item, ""] }
}

const fn list(name: &'static str, before: &'static str, field: &'static str, item: &'static str) -> Kind {
    Kind { name, items: ITEMS, parts: [before, item, field] }
}

impl Kind {
    /// Returns the manifests with `count` items.
    pub(crate) fn manifests(&self, count: usize) -> String {
        let [before, item, field] = self.parts;
        let mut text = format!("{BASE}{before}{field}");
        for i in 0..count {
            let [i, port, hi, lo] = [i, 1 + i % 60_000, i >> 8, i & 255].map(|n| n.to_string());
            let item = item.replace("$i", &i).replace("$port", &port).replace("$hi", &hi).replace("$lo", &lo);
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{item}");
        }
        text
    }
}
