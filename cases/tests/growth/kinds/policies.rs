//! Many network policies, and long lists in one network policy.

use super::kind::{CNP, DNS, Kind, cnp, list, many, old, policy};

pub(super) const KINDS: &[Kind] = &[
    many(
        "policies with toFQDNs and DNS rules",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toEndpoints: [{matchLabels: {k8s-app: kube-dns}}], toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchName: n$i.io}]}}]}, {toFQDNs: [{matchName: n$i.io}], toPorts: [{ports: [{port: '443'}]}]}]}"
        ),
    ),
    many(
        "policies with toFQDNs that no policy allows to look up",
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
    list(
        "DNS patterns with an inner star",
        CNP,
        DNS,
        "        - {matchPattern: 'q$i.*.io'}\n        - {matchPattern: '**.q$i.*.io'}\n",
    ),
    list(
        "DNS patterns with a star at the end of a label",
        CNP,
        DNS,
        "        - {matchPattern: 'a$i*.io'}\n        - {matchPattern: 'x.b$i*.*c.io'}\n",
    ),
    list(
        "DNS patterns with several stars in a label",
        CNP,
        DNS,
        "        - {matchPattern: '*a$i*.io'}\n        - {matchPattern: 'x*b$i*y.io'}\n",
    ),
    many(
        "policies with patterns with an inner star",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toEndpoints: [{matchLabels: {k8s-app: kube-dns}}], toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: 'q$i.*.io'}]}}]}, {toFQDNs: [{matchPattern: 'n$i.*.io'}]}]}"
        ),
    ),
    many(
        "policies with patterns with several stars",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toEndpoints: [{matchLabels: {k8s-app: kube-dns}}], toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: '*q$i*.*.io'}]}}]}, {toFQDNs: [{matchPattern: '*n$i*.*.io'}]}]}"
        ),
    ),
    old(many(
        "policies with one requirement",
        cnp!(
            "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: c$i}}], fromRequires: [{matchLabels: {env: prod}}]}], egress: [{toEndpoints: [{matchLabels: {app: c$i}}], toRequires: [{matchLabels: {env: prod}}]}]}"
        ),
    )),
];
