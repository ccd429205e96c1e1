//! Manifests with an equal number of objects of two kinds.

use super::kind::{Kind, cnp_with, many};

pub(super) const KINDS: &[Kind] = &[
    many(
        "policies and pods that they select",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: a$i}}, ingressDeny: [{fromCIDR: [198.51.100.1/32]}], egress: [{toFQDNs: [{matchName: n$i.io}]}]}",
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n"
        ),
    ),
    many(
        "policies of all pods, and pods",
        cnp_with!(
            "{endpointSelector: {}, ingressDeny: [{fromCIDR: [198.51.100.1/32]}], egress: [{toFQDNs: [{matchName: n$i.io}]}]}",
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n"
        ),
    ),
    many(
        "policies that select nothing, and pods with named ports",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: x$i}}, egress: [{toFQDNs: [{matchName: n$i.io}], toPorts: [{ports: [{port: n$i}]}]}]}",
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a}}\nspec: {containers: [{name: c, ports: [{name: n$i, containerPort: $port}]}]}\n"
        ),
    ),
    many(
        "policies with blocks, and pods",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toCIDR: [10.2.$hi.$lo/32]}, {toCIDRSet: [{cidr: 10.3.$hi.$lo/32}]}]}",
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a}}\nstatus: {podIP: 10.1.$hi.$lo}\n"
        ),
    ),
    many(
        "policies with blocks, and nodes",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toCIDR: [198.18.$hi.$lo/32]}]}",
            "---\napiVersion: v1\nkind: Node\nmetadata: {name: n$i}\nspec: {podCIDRs: [10.$hi.$lo.0/24]}\nstatus: {addresses: [{type: InternalIP, address: 172.16.$hi.$lo}]}\n"
        ),
    ),
    many(
        "policies with blocks, and Services",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toCIDR: [198.18.$hi.$lo/32]}]}",
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: s$i, namespace: shop}\nspec: {clusterIP: 10.96.$hi.$lo, ports: [{port: 80}]}\n"
        ),
    ),
    many(
        "policies and Services that they name",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toServices: [{k8sService: {serviceName: s$i, namespace: shop}}]}, {toServices: [{k8sService: {serviceName: s$i}}]}]}",
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: s$i, namespace: shop}\nspec: {clusterIP: None, ports: [{port: 80}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s$i-x, namespace: shop, labels: {kubernetes.io/service-name: s$i}}\naddressType: IPv4\nendpoints: [{addresses: [10.1.$hi.$lo]}]\n"
        ),
    ),
    many(
        "policies and Services that they select",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toServices: [{k8sServiceSelector: {selector: {matchLabels: {s: s$i}}}}]}]}",
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: s$i, namespace: shop, labels: {s: s$i}}\nspec: {selector: {app: s$i}, ports: [{port: 80}]}\n"
        ),
    ),
    many(
        "policies and groups of blocks that they name",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: web}}, egress: [{toCIDRSet: [{cidrGroupRef: g$i}, {cidrGroupSelector: {matchLabels: {g: g$i}}}]}]}",
            "---\napiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g$i, labels: {g: g$i}}\nspec: {externalCIDRs: [198.18.$hi.$lo/32]}\n"
        ),
    ),
    many(
        "policies and Secrets that they name",
        cnp_with!(
            "{endpointSelector: {matchLabels: {app: web}}, ingress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{headerMatches: [{name: x-$i, secret: {name: s$i, namespace: shop}}]}]}}]}]}",
            "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s$i, namespace: shop}\nstringData: {value: a$i}\n"
        ),
    ),
    many(
        "gateways and their pods",
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g$i, namespace: shop}\nspec: {gatewayClassName: istio-waypoint}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: g$i}}\n",
    ),
    many(
        "Services and pods that they select",
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: s$i, namespace: shop}\nspec: {clusterIP: 10.96.$hi.$lo, selector: {app: a$i}, ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nstatus: {podIP: 10.1.$hi.$lo}\n",
    ),
];
