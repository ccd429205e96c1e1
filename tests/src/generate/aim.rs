//! Requests that match: a sample with changes that probably satisfy a given rule.

use crate::sample::Sample;
use palisade::{
    Label, Shape, Transport,
    ir::{
        AddressAttribute, HeaderPattern, NameAttribute, NamePattern, Operator, Predicate, Rule, Test, Text,
        TextAttribute,
    },
};
use serde_json::{Value, json};

/// Returns `sample` with changes that probably satisfy the positive tests of one clause of each group of `rule`.
pub fn aim(sample: &Sample, rule: &Rule, choice: usize) -> Sample {
    let mut aimed = sample.clone();
    for group in &rule.groups {
        if let Some(clause) = group.clauses.get(choice % group.clauses.len().max(1)) {
            for test in clause.tests.iter().filter(|test| !test.negated) {
                satisfy(&mut aimed, test, choice);
            }
        }
    }
    aimed
}

fn satisfy(sample: &mut Sample, test: &Test, choice: usize) {
    fn chosen<P>(patterns: &[P], choice: usize) -> Option<&P> {
        patterns.get(choice % patterns.len().max(1))
    }
    let is_even = choice.is_multiple_of(2);
    match &test.predicate {
        Predicate::Port(ranges) => {
            let Some(range) = chosen(ranges, choice) else { return };
            sample.destination_port = Some(if is_even { range.first } else { range.last });
        }
        Predicate::Transport(ranges) => {
            let Some(range) = chosen(ranges, choice) else { return };
            sample.transport = Transport { protocol: range.protocol, port: range.ports.first };
        }
        Predicate::Address(attribute, blocks) => {
            let Some(block) = chosen(blocks, choice) else { return };
            let ip = if is_even { block.network() } else { block.broadcast() };
            match attribute {
                AddressAttribute::SourceIp => sample.source_ip = Some(ip),
                AddressAttribute::RemoteIp => sample.remote_ip = Some(ip),
                AddressAttribute::DestinationIp => sample.destination_ip = Some(ip),
                AddressAttribute::Peer => sample.addresses = vec![ip],
            }
        }
        Predicate::RequestPrincipal(patterns) => {
            let Some(pattern) = chosen(patterns, choice) else { return };
            sample.claims["iss"] = Value::String(witness(&pattern.issuer));
            sample.claims["sub"] = Value::String(witness(&pattern.subject));
        }
        Predicate::Labels(selectors) => {
            for requirement in chosen(selectors, choice).into_iter().flat_map(|s| &s.requirements) {
                let source = requirement.source.as_deref().unwrap_or("k8s");
                match &requirement.operator {
                    Operator::In(values) => {
                        sample.labels.insert(Label::new(source, &*requirement.key, &*values[0]));
                    }
                    Operator::Exists => sample.labels.insert(Label::new(source, &*requirement.key, "")),
                    Operator::NotIn(_) | Operator::DoesNotExist => {}
                }
            }
        }
        Predicate::Name(attribute, names) => {
            let Some(pattern) = chosen(names, choice) else { return };
            let mut name = dns_name(pattern);
            match attribute {
                NameAttribute::Peer => sample.names.push(name),
                NameAttribute::DnsQuery => sample.query = Some(name),
                NameAttribute::ServerName => {
                    name.pop();
                    sample.server_name = Some(name.to_ascii_uppercase());
                }
            }
        }
        Predicate::Regex(attribute, expressions) => {
            let Some(expression) = chosen(expressions, choice) else { return };
            // The expression without its operators often matches itself.
            let plain: String = expression.chars().filter(|c| matches!(c, 'a' | 'b' | '/')).collect();
            let first = expression.split('|').next().unwrap_or_default();
            let branch: String = first.chars().filter(|c| matches!(c, 'a' | 'b' | '/')).collect();
            set(sample, attribute, if is_even { plain } else { branch });
        }
        Predicate::JoinedHeader(name, patterns) => {
            let whole = match chosen(patterns, choice) {
                None => return,
                Some(HeaderPattern::Present) => "",
                Some(HeaderPattern::Exact(text)) => text,
            };
            sample.headers.retain(|(n, _)| *n != **name);
            let lines: Vec<&str> = if is_even { whole.split(',').collect() } else { vec![whole] };
            sample.headers.extend(lines.into_iter().map(|line| (name.to_string(), line.into())));
        }
        Predicate::Text(attribute, patterns) => {
            let Some(text) = chosen(patterns, choice) else { return };
            set(sample, attribute, witness(text));
        }
    }
}

fn set(sample: &mut Sample, attribute: &TextAttribute, value: String) {
    match attribute {
        TextAttribute::Method => sample.method = Some(value.into()),
        TextAttribute::Host => sample.authority = Some(value.to_ascii_uppercase().into()),
        TextAttribute::Authority => sample.authority = Some(value.into()),
        TextAttribute::Path => sample.path = Some(format!("{value}?q").into()),
        TextAttribute::PathAndQuery => sample.path = Some(value.into()),
        TextAttribute::Header(name) => sample.headers.push((name.to_string(), value.into())),
        TextAttribute::ServerName => sample.server_name = Some(value.into()),
        TextAttribute::PortName => sample.port_names.push(value.into()),
        TextAttribute::Identity => sample.identities.push(value.into()),
        TextAttribute::Claim(path) => {
            let mut found = &mut sample.claims;
            for name in path {
                found = &mut found[&**name];
            }
            *found = json!([0, value]);
        }
        TextAttribute::Metadata { filter, key, shape } => {
            sample.metadata[&**filter][&**key] =
                if *shape == Shape::List { json!([value]) } else { json!(value) };
        }
    }
}

/// Returns a text that the pattern matches.
fn witness(text: &Text) -> String {
    match text {
        Text::Present => String::new(),
        Text::NonEmpty => "a".into(),
        Text::Exact(text) => text.to_string(),
        Text::Prefix(text) => format!("{text}b"),
        Text::Suffix(text) => format!("a{text}"),
        Text::ServiceAccount { namespace, account } => format!("spiffe://td/ns/{namespace}/sa/{account}"),
        Text::Glob(glob) => {
            let mut value = glob.head.to_string();
            for piece in &glob.pieces {
                value.push_str(&"a".repeat(piece.gap.min.into()));
                value.push_str(&piece.literal);
            }
            value
        }
    }
}

fn dns_name(pattern: &NamePattern) -> Vec<u8> {
    match pattern {
        NamePattern::Name(name) => name.bytes().collect(),
        NamePattern::Wildcard { pattern, .. } => pattern.replace("**", "a").replace('*', "b").into(),
    }
}
