//! One test of a rule as a permission or a principal of Envoy's RBAC.

use super::string;
use crate::{
    cluster::IdentitySource,
    ir::{AddressAttribute, PortRange, Predicate, RequestPrincipalPattern, Test, Text, TextAttribute},
    request::{ClaimName, Shape},
};
use alloc::{boxed::Box, vec, vec::Vec};
use ipnet::IpNet;
use serde_json::{Value, json};

const JWT: &str = "envoy.filters.http.jwt_authn";

/// The part of an Envoy policy that contains a test. The two parts name their connectives differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The operation.
    Permission,
    /// The client.
    Principal,
}

impl Side {
    pub(super) fn and(self, items: Vec<Value>) -> Value {
        match self {
            Self::Permission => json!({"andRules": {"rules": items}}),
            Self::Principal => json!({"andIds": {"ids": items}}),
        }
    }

    fn or(self, items: Vec<Value>) -> Value {
        match self {
            Self::Permission => json!({"orRules": {"rules": items}}),
            Self::Principal => json!({"orIds": {"ids": items}}),
        }
    }

    pub(super) fn not(self, item: Value) -> Value {
        match self {
            Self::Permission => json!({"notRule": item}),
            Self::Principal => json!({"notId": item}),
        }
    }

    /// Returns `test` on this side.
    pub(super) fn test(self, test: &Test, identity: IdentitySource) -> Value {
        let any = self.predicate(&test.predicate, identity);
        if test.negated { self.not(any) } else { any }
    }

    fn predicate(self, predicate: &Predicate, identity: IdentitySource) -> Value {
        match predicate {
            Predicate::Text(TextAttribute::Claim(path), patterns) => claim(path, patterns),
            Predicate::Text(attribute, patterns) => {
                self.or(patterns.iter().map(|text| self.text(attribute, text, identity)).collect())
            }
            Predicate::RequestPrincipal(patterns) => {
                let mut pairs: Vec<Value> = patterns.iter().map(request_principal).collect();
                match pairs.len() {
                    1 => pairs.remove(0),
                    _ => self.or(pairs),
                }
            }
            Predicate::Port(ranges) => self.or(ranges.iter().map(|range| port(*range)).collect()),
            Predicate::Address(attribute, blocks) => {
                let name = match attribute {
                    AddressAttribute::SourceIp => "directRemoteIp",
                    AddressAttribute::RemoteIp => "remoteIp",
                    AddressAttribute::DestinationIp => "destinationIp",
                    AddressAttribute::Peer => return self.never(),
                };
                let range = |net: &IpNet| {
                    let range = json!({"addressPrefix": net.addr(), "prefixLen": net.prefix_len()});
                    Value::from_iter([(name, range)])
                };
                self.or(blocks.iter().map(range).collect())
            }
            Predicate::Regex(..)
            | Predicate::JoinedHeader(..)
            | Predicate::Transport(_)
            | Predicate::Labels(_)
            | Predicate::Name(..) => self.never(),
        }
    }

    /// Returns a matcher of nothing, for predicates of network policies, which RBAC cannot express.
    fn never(self) -> Value {
        self.not(json!({"any": true}))
    }

    fn text(self, attribute: &TextAttribute, text: &Text, identity: IdentitySource) -> Value {
        match attribute {
            TextAttribute::Path => path(text),
            TextAttribute::Host => header(":authority", text, true),
            TextAttribute::Method => header(":method", text, false),
            TextAttribute::PathAndQuery => header(":path", text, false),
            TextAttribute::Authority => header(":authority", text, false),
            TextAttribute::Header(name) => header(name.written(), text, false),
            TextAttribute::ServerName => json!({"requestedServerName": string::matcher(text)}),
            TextAttribute::Identity => {
                let matcher = string::matcher(text);
                match identity {
                    IdentitySource::Certificate => json!({"authenticated": {"principalName": matcher}}),
                    IdentitySource::FilterState => {
                        json!({"filterState": {"key": IdentitySource::PEER_PRINCIPAL, "stringMatch": matcher}})
                    }
                }
            }
            TextAttribute::Claim(path) => claim(path, core::slice::from_ref(text)),
            TextAttribute::Metadata { filter, key, shape } => {
                metadata_matcher(filter, &[key], metadata_value(*shape, text))
            }
            TextAttribute::PortName => self.never(),
        }
    }
}

fn port(range: PortRange) -> Value {
    match range {
        PortRange { first, last } if first == last => json!({"destinationPort": first}),
        PortRange { first, last } => {
            json!({"destinationPortRange": {"start": first, "end": u32::from(last) + 1}})
        }
    }
}

/// Returns one matcher for all values of `tests`, which are on one key of one filter's metadata.
pub(super) fn metadata(tests: &[&Test]) -> Option<Value> {
    let Predicate::Text(TextAttribute::Metadata { filter, key, .. }, _) = &tests.first()?.predicate else {
        return None;
    };
    let values = tests.iter().filter_map(|test| match &test.predicate {
        Predicate::Text(TextAttribute::Metadata { shape, .. }, patterns) => Some((*shape, patterns)),
        _ => None,
    });
    let values =
        values.flat_map(|(shape, patterns)| patterns.iter().map(move |text| metadata_value(shape, text)));
    Some(metadata_matcher(filter, &[key], any_value(values.collect())))
}

fn metadata_value(shape: Shape, text: &Text) -> Value {
    let value = json!({"stringMatch": string::matcher(text)});
    if shape == Shape::List { json!({"listMatch": {"oneOf": value}}) } else { value }
}

fn header(name: &str, text: &Text, ignore_case: bool) -> Value {
    if *text == Text::Present {
        return json!({"header": {"name": name, "presentMatch": true}});
    }
    let mut matcher = string::matcher(text);
    if ignore_case && let Value::Object(fields) = &mut matcher {
        fields.insert("ignoreCase".into(), Value::Bool(true));
    }
    json!({"header": {"name": name, "stringMatch": matcher}})
}

fn path(text: &Text) -> Value {
    let template = match text {
        Text::Glob(pattern) => string::path_template(pattern),
        _ => None,
    };
    match template {
        Some(template) => json!({"uriTemplate": {"name": "uri-template", "typedConfig": {
            "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
            "pathTemplate": template,
        }}}),
        None => json!({"urlPath": {"path": string::matcher(text)}}),
    }
}

/// Returns a matcher of a claim, as a string or as a list with such a string.
fn claim(path: &[ClaimName], patterns: &[Text]) -> Value {
    let value =
        any_value(patterns.iter().map(|text| json!({"stringMatch": string::matcher(text)})).collect());
    let either = json!({"orMatch": {"valueMatchers": [{"listMatch": {"oneOf": value}}, value]}});
    let mut keys = vec!["payload"];
    keys.extend(path.iter().map(|name| &**name));
    metadata_matcher(JWT, &keys, either)
}

fn request_principal(pattern: &RequestPrincipalPattern) -> Value {
    let is = |name: &str, text: &Text| {
        metadata_matcher(JWT, &["payload", name], json!({"stringMatch": string::matcher(text)}))
    };
    Side::Principal.and(vec![is("iss", &pattern.issuer), is("sub", &pattern.subject)])
}

fn metadata_matcher(filter: &str, keys: &[impl AsRef<str>], value: Value) -> Value {
    let path: Box<[Value]> = keys.iter().map(|key| json!({"key": key.as_ref()})).collect();
    json!({"metadata": {"filter": filter, "path": path, "value": value}})
}

fn any_value(mut values: Vec<Value>) -> Value {
    match values.len() {
        1 => values.remove(0),
        _ => json!({"orMatch": {"valueMatchers": values}}),
    }
}
