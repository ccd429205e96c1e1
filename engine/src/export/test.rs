//! One test of a rule as a permission or a principal of Envoy's RBAC.

use super::string;
use crate::{
    cluster::IdentitySource,
    ir::{Attribute, Pattern, Test, Text},
    request::{ClaimName, Shape},
};
use alloc::{boxed::Box, vec, vec::Vec};
use serde_json::{Value, json};

const JWT: &str = "envoy.filters.http.jwt_authn";

/// Where a test stands in a policy of Envoy; the two sides differ in the names of their connectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// What is done.
    Permission,
    /// Who does it.
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

    /// `test` on this side.
    pub(super) fn test(self, test: &Test, identity: IdentitySource) -> Value {
        let any = match &test.attribute {
            Attribute::Claim(path) => claim(path, &test.patterns),
            Attribute::RequestPrincipal => {
                let mut pairs: Vec<Value> = test.patterns.iter().map(request_principal).collect();
                match pairs.len() {
                    1 => pairs.remove(0),
                    _ => self.or(pairs),
                }
            }
            attribute => {
                let one = |pattern| self.pattern(attribute, pattern, identity);
                self.or(test.patterns.iter().map(one).collect())
            }
        };
        if test.negated { self.not(any) } else { any }
    }

    fn pattern(self, attribute: &Attribute, pattern: &Pattern, identity: IdentitySource) -> Value {
        match (attribute, pattern) {
            (Attribute::Path, Pattern::Text(text)) => path(text),
            (Attribute::Host, Pattern::Text(text)) => header(":authority", text, true),
            (Attribute::Method, Pattern::Text(text)) => header(":method", text, false),
            (Attribute::PathAndQuery, Pattern::Text(text)) => header(":path", text, false),
            (Attribute::Authority, Pattern::Text(text)) => header(":authority", text, false),
            (Attribute::Header(name), Pattern::Text(text)) => header(name.written(), text, false),
            (Attribute::ServerName, Pattern::Text(text)) => {
                json!({"requestedServerName": string::matcher(text)})
            }
            (Attribute::Identity, Pattern::Text(text)) => {
                let matcher = string::matcher(text);
                match identity {
                    IdentitySource::Certificate => json!({"authenticated": {"principalName": matcher}}),
                    IdentitySource::FilterState => {
                        json!({"filterState": {"key": IdentitySource::PEER_PRINCIPAL, "stringMatch": matcher}})
                    }
                }
            }
            (_, Pattern::Ports(first, last)) if first == last => json!({"destinationPort": first}),
            (_, Pattern::Ports(first, last)) => {
                json!({"destinationPortRange": {"start": first, "end": u32::from(*last) + 1}})
            }
            (_, Pattern::Cidr(net)) => {
                let range = json!({"addressPrefix": net.addr(), "prefixLen": net.prefix_len()});
                match attribute {
                    Attribute::SourceIp => json!({"directRemoteIp": range}),
                    Attribute::RemoteIp => json!({"remoteIp": range}),
                    _ => json!({"destinationIp": range}),
                }
            }
            // Lowering makes no other pair; one that it made by mistake must not match.
            _ => self.not(json!({"any": true})),
        }
    }
}

/// The tests on `filter` and `key` that one `when` holds, as one matcher of any of their values.
pub(super) fn metadata(tests: &[&Test]) -> Option<Value> {
    let Attribute::Metadata { filter, key, .. } = &tests.first()?.attribute else { return None };
    let values = tests.iter().flat_map(|test| {
        let list = matches!(&test.attribute, Attribute::Metadata { shape: Shape::List, .. });
        texts(&test.patterns).map(move |text| {
            let value = json!({"stringMatch": string::matcher(text)});
            if list { json!({"listMatch": {"oneOf": value}}) } else { value }
        })
    });
    Some(metadata_matcher(filter, &[key], any_value(values.collect())))
}

fn texts(patterns: &[Pattern]) -> impl Iterator<Item = &Text> {
    patterns.iter().filter_map(|pattern| match pattern {
        Pattern::Text(text) => Some(text),
        _ => None,
    })
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

/// A claim matches as a string, or as a list with such a string.
fn claim(path: &[ClaimName], patterns: &[Pattern]) -> Value {
    let value =
        any_value(texts(patterns).map(|text| json!({"stringMatch": string::matcher(text)})).collect());
    let either = json!({"orMatch": {"valueMatchers": [{"listMatch": {"oneOf": value}}, value]}});
    let mut keys = vec!["payload"];
    keys.extend(path.iter().map(|name| &**name));
    metadata_matcher(JWT, &keys, either)
}

fn request_principal(pattern: &Pattern) -> Value {
    let Pattern::RequestPrincipal { issuer, subject } = pattern else {
        return Side::Principal.not(json!({"any": true}));
    };
    let is = |name: &str, text: &Text| {
        metadata_matcher(JWT, &["payload", name], json!({"stringMatch": string::matcher(text)}))
    };
    Side::Principal.and(vec![is("iss", issuer), is("sub", subject)])
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
