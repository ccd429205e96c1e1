//! Policies and settings of Istio.

use super::kind::{AP, Kind, list, many, policy};

pub(super) const KINDS: &[Kind] = &[
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
    many(
        "service entries",
        policy!(
            "networking.istio.io/v1",
            "ServiceEntry",
            ", namespace: shop",
            "{hosts: [e$i.io], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}"
        ),
    ),
    many(
        "AuthorizationPolicies and pods that they select",
        policy!(
            "security.istio.io/v1",
            "AuthorizationPolicy",
            ", namespace: shop",
            "{selector: {matchLabels: {app: a$i}}, rules: [{to: [{operation: {ports: ['$port']}}]}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}\nspec: {containers: [{name: c, ports: [{containerPort: $port}]}]}"
        ),
    ),
    many(
        "PeerAuthentications and pods that they select",
        policy!(
            "security.istio.io/v1",
            "PeerAuthentication",
            ", namespace: shop",
            "{selector: {matchLabels: {app: a$i}}, mtls: {mode: STRICT}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p$i, namespace: shop, labels: {app: a$i}}"
        ),
    ),
    list(
        "hosts of an operation",
        AP,
        "  rules:\n  - to:\n    - operation:\n        hosts:\n",
        "        - h$i.io\n        - '*.h$i.io'\n        - 'h$i.*'\n",
    ),
    list(
        "header conditions of a rule",
        AP,
        "  rules:\n  - when:\n",
        "    - {key: 'request.headers[x-$i]', values: [v$i, 'w$i*']}\n",
    ),
    list(
        "issuers of one RequestAuthentication",
        "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: p, namespace: shop}\nspec:\n",
        "  jwtRules:\n",
        "  - {issuer: 'https://i$i.io', jwksUri: 'https://i$i.io/k', audiences: [a$i], fromHeaders: [{name: x-$i}], outputClaimToHeaders: [{header: y-$i, claim: c$i}]}\n",
    ),
    many(
        "mesh settings",
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: '{extensionProviders: [{name: p$i, envoyExtAuthzHttp: {service: a$i.b, port: 80}}]}'}\n",
    ),
    list(
        "extension providers",
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    extensionProviders:\n",
        "",
        "    - {name: p$i, envoyExtAuthzHttp: {service: a$i.b, port: 80}}\n",
    ),
];
