//! Numbers beyond the limits of their fields: the message of every numeric field contains the field and its limits.

use crate::folder::Folder;

/// The kind of input that contains a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A manifest.
    Manifest,
    /// A case file.
    Cases,
    /// A recorded series of answers.
    Answers,
    /// The arguments of a command.
    Arguments,
}

/// A field whose value is a number.
struct Field {
    place: Place,
    /// The text around the field; `$n` is the number.
    text: &'static str,
    /// Texts that the message must contain: the field and its limits.
    expected: [&'static str; 2],
    /// The numbers beyond the limits; `$big` is one of 400 digits.
    values: &'static [&'static str],
}

const NOT_U16: &[&str] =
    &["65536", "4294967296", "9223372036854775808", "18446744073709551616", "-1", "1.5", "$big"];
const NOT_U32: &[&str] = &["4294967296", "9223372036854775808", "18446744073709551616", "-1", "1.5", "$big"];
const NOT_TIMEOUT: &[&str] = &["9223372036854775808", "18446744073709551616", "-1", "$big"];
const NOT_SPAN: &[&str] = &["9223372036854775808", "18446744073709551616", "$big"];

const fn manifest(text: &'static str, field: &'static str, limits: &'static str) -> Field {
    Field { place: Place::Manifest, text, expected: [field, limits], values: NOT_U16 }
}

const FIELDS: &[Field] = &[
    manifest(
        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, ports: [{containerPort: $n}]}]}}",
        "containerPort",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: v1, kind: Service, metadata: {name: p}, spec: {ports: [{port: $n}]}}",
        "spec.ports[0].port",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: v1, kind: Service, metadata: {name: p}, spec: {ports: [{port: 1, targetPort: $n}]}}",
        "spec.ports[0].targetPort",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}, ingress: [{ports: [{port: $n}]}]}}",
        "spec.ingress[0].ports[0].port",
        "from 1 to 65535",
    ),
    manifest(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}, ingress: [{ports: [{port: 1, endPort: $n}]}]}}",
        "spec.ingress[0].ports[0].endPort",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p}, spec: {endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '$n'}]}]}]}}",
        "spec.ingress[0].toPorts[0].ports[0].port",
        "up to 65535",
    ),
    manifest(
        "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p}, spec: {endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '1', endPort: $n}]}]}]}}",
        "spec.ingress[0].toPorts[0].ports[0].endPort",
        "write a number ",
    ),
    manifest(
        "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p}, spec: {endpointSelector: {}, ingress: [{icmps: [{fields: [{type: $n}]}]}]}}",
        "spec.ingress[0].icmps[0].fields[0].type",
        "up to 255",
    ),
    manifest(
        "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p}, spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '1', protocol: TCP}], listener: {envoyConfig: {name: e}, name: l, priority: $n}}]}]}}",
        "spec.egress[0].toPorts[0].listener.priority",
        "",
    ),
    manifest(
        "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}, spec: {tier: Admin, priority: $n, subject: {namespaces: {}}}}",
        "spec.priority",
        "",
    ),
    manifest(
        "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}, spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: $n}}}]}]}}",
        "destinationPort.number",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}, spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: $n}}}}]}]}}",
        "destinationPort.range.end",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: p}, spec: {servers: [{port: {number: $n}}]}}",
        "spec.servers[0].port.number",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: p}, spec: {listeners: [{port: $n}]}}",
        "spec.listeners[0].port",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p}, spec: {rules: [{to: [{operation: {ports: ['$n']}}]}]}}",
        "spec.rules[0].to[0].operation.ports[0]",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p}, spec: {rules: [{when: [{key: destination.port, values: ['$n']}]}]}}",
        "spec.rules[0].when[0].values[0]",
        "from 0 to 65535",
    ),
    manifest(
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: p}, spec: {selector: {matchLabels: {a: b}}, portLevelMtls: {'$n': {mode: STRICT}}}}",
        "spec.portLevelMtls.",
        "from 1 to 65535",
    ),
    Field {
        place: Place::Manifest,
        text: "{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: p}, spec: {jwtRules: [{issuer: i, jwksUri: 'https://k/', timeout: '$ns'}]}}",
        expected: ["spec.jwtRules[0].timeout", "315576000000s"],
        values: NOT_TIMEOUT,
    },
    Field {
        place: Place::Manifest,
        text: "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: '{defaultConfig: {gatewayTopology: {numTrustedProxies: $n}}}'}}",
        expected: ["numTrustedProxies", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Manifest,
        text: "{apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {proxy.istio.io/config: '{gatewayTopology: {numTrustedProxies: $n}}'}}}",
        expected: ["numTrustedProxies", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Manifest,
        text: "{apiVersion: apps/v1, kind: Deployment, metadata: {name: p}, spec: {template: {metadata: {annotations: {proxy.istio.io/config: '{gatewayTopology: {numTrustedProxies: $n}}'}}}}}",
        expected: ["spec.template.metadata.annotations.proxy.istio.io/config", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    manifest(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: '{extensionProviders: [{name: p, envoyExtAuthzHttp: {service: a.b, port: $n}}]}'}}",
        "port",
        "from ",
    ),
    Field {
        place: Place::Manifest,
        text: "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: '{extensionProviders: [{name: p, envoyExtAuthzHttp: {service: a.b, port: 1, timeout: $ns}}]}'}}",
        expected: ["timeout", "315576000000s"],
        values: NOT_TIMEOUT,
    },
    Field {
        place: Place::Manifest,
        text: "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: '{extensionProviders: [{name: p, envoyExtAuthzHttp: {service: a.b, port: 1, includeRequestBodyInCheck: {maxRequestBytes: $n}}}]}'}}",
        expected: ["maxRequestBytes", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2, port: $n}, expect: allow}",
        expected: ["cases[0].to.port", "from 0 to 65535"],
        values: NOT_U16,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2}, protocol: ICMP, icmp: {type: $n}, expect: allow}",
        expected: ["cases[0].icmp.type", "from 0 to 255"],
        values: NOT_U16,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2, port: 1}, expect: deny, status: $n}",
        expected: ["cases[0].status", "from 0 to 65535"],
        values: NOT_U16,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2, port: 1}, expect: deny, options: {tofqdnsMinTtl: $n}}",
        expected: ["tofqdnsMinTtl: ", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2, port: 1}, expect: deny, after: [{wait: $n}]}",
        expected: ["cases[0].after[0].wait", "9007199254740991ms"],
        values: NOT_SPAN,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2, port: 1}, expect: deny, after: [{at: $ns}]}",
        expected: ["cases[0].after[0].at", "9007199254740991ms"],
        values: NOT_SPAN,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2, port: 1}, expect: deny, after: [{dns: {query: a, ttl: $n}}]}",
        expected: ["cases[0].after[0].dns.ttl", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Cases,
        text: "{name: a, from: {ip: 10.0.0.1}, to: {ip: 10.0.0.2, port: 1}, expect: deny, after: [{dns: {query: a, server: {ip: 10.0.0.3, port: $n}}}]}",
        expected: ["cases[0].after[0].dns.server.port", "from 0 to 65535"],
        values: NOT_U16,
    },
    Field {
        place: Place::Answers,
        text: "- dns: {query: a, ttl: $n}\n",
        expected: ["ttl", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Answers,
        text: "{\"dns\": {\"query\": \"a\", \"ttl\": $n}}\n",
        expected: ["ttl", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Answers,
        text: "- wait: $n\n",
        expected: ["wait", "9007199254740991ms"],
        values: NOT_SPAN,
    },
    Field {
        place: Place::Arguments,
        text: "check -f ok.yaml --from 10.0.0.1 --to 10.0.0.2:$n",
        expected: ["--to 10.0.0.2:", "up to 65535"],
        values: NOT_U16,
    },
    Field {
        place: Place::Arguments,
        text: "bundle -f ok.yaml --workload a/b --port=$n",
        expected: ["--port", "0..=65535"],
        values: &["65536", "4294967296", "9223372036854775807", "-1"],
    },
    Field {
        place: Place::Arguments,
        text: "lint -f ok.yaml --option tofqdnsMinTtl=$n",
        expected: ["tofqdnsMinTtl", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Arguments,
        text: "lint -f ok.yaml --option tofqdnsEndpointMaxIpPerHostname=$n",
        expected: ["tofqdnsEndpointMaxIpPerHostname", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Arguments,
        text: "lint -f ok.yaml --option tofqdnsMaxDeferredConnectionDeletes=$n",
        expected: ["tofqdnsMaxDeferredConnectionDeletes", "from 0 to 4294967295"],
        values: NOT_U32,
    },
    Field {
        place: Place::Arguments,
        text: "lint -f ok.yaml --option tofqdnsIdleConnectionGracePeriod=$n",
        expected: ["tofqdnsIdleConnectionGracePeriod", "from 0 to 4294967295"],
        values: NOT_U32,
    },
];

impl Field {
    /// Returns the defect of the answer to this field with `value`, if there is one.
    fn wrong(&self, value: &str) -> Option<String> {
        let number = if value == "$big" { "7".repeat(400) } else { value.to_owned() };
        let text = self.text.replace("$n", &number);
        let ok: &[u8] = b"{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n";
        let cases = format!("manifests: ok.yaml\ncases:\n- {text}\n");
        let file = if self.place == Place::Cases { &cases } else { &text };
        let folder = Folder::new(&[("ok.yaml", ok), ("input.yaml", file.as_bytes())]);
        let ran = folder.run(match self.place {
            Place::Manifest => "lint -f input.yaml",
            Place::Cases => "test input.yaml",
            Place::Answers => {
                "check -f ok.yaml --from 10.0.0.1 --to 10.0.0.2:80 --timeline --answers input.yaml"
            }
            Place::Arguments => &text,
        });
        let all = format!("{}{}", ran.out, ran.err);
        // `lint` exits with 1 if the file is readable and a policy in it is refused.
        let is_refused = ran.code == 2 || (self.place == Place::Manifest && ran.code == 1);
        // For a number beyond every type, the parsers of YAML and JSON report only the line.
        let is_too_long =
            value == "$big" && (all.contains("non-finite float") || all.contains("number out of range"));
        let missing: Vec<_> =
            self.expected.iter().filter(|part| !is_too_long && !all.contains(**part)).collect();
        (!is_refused || !missing.is_empty())
            .then(|| format!("{text:.300}\n    lacks {missing:?}, code {}: {all:.600}", ran.code))
    }
}

#[test]
fn number_beyond_limits_is_refused_with_field_and_limits() {
    let wrong: Vec<String> =
        FIELDS.iter().flat_map(|field| field.values.iter().filter_map(|value| field.wrong(value))).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
