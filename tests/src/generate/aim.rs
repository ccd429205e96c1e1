//! Requests that match: a sample with changes that probably satisfy a given rule.

use crate::sample::Sample;
use palisade::{
    Label, Shape, Transport,
    ir::{Attribute, NamePattern, Operator, Pattern, Rule, Test, Text},
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
    let Some(pattern) = test.patterns.get(choice % test.patterns.len().max(1)) else { return };
    match (&test.attribute, pattern) {
        (_, Pattern::Ports(first, last)) => {
            sample.destination_port = Some(if choice.is_multiple_of(2) { *first } else { *last });
        }
        (_, Pattern::Transport(protocol, first, _)) => {
            sample.transport = Transport { protocol: *protocol, port: *first };
        }
        (attribute, Pattern::Cidr(block)) => {
            let ip = if choice.is_multiple_of(2) { block.network() } else { block.broadcast() };
            match attribute {
                Attribute::SourceIp => sample.source_ip = Some(ip),
                Attribute::RemoteIp => sample.remote_ip = Some(ip),
                Attribute::DestinationIp => sample.destination_ip = Some(ip),
                _ => sample.addresses = vec![ip],
            }
        }
        (_, Pattern::RequestPrincipal { issuer, subject }) => {
            sample.claims["iss"] = Value::String(witness(issuer));
            sample.claims["sub"] = Value::String(witness(subject));
        }
        (_, Pattern::Labels(selector)) => {
            for requirement in &selector.requirements {
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
        (Attribute::PeerName, Pattern::Name(name)) => sample.names.push(dns_name(name)),
        (Attribute::ServerDnsName, Pattern::Name(name)) => {
            let mut name = dns_name(name);
            name.pop();
            sample.server_name = Some(name.to_ascii_uppercase());
        }
        (attribute, Pattern::Regex(expression)) => {
            // The expression without its operators often matches itself.
            let plain: String = expression.chars().filter(|c| matches!(c, 'a' | 'b' | '/')).collect();
            let first = expression.split('|').next().unwrap_or_default();
            let branch: String = first.chars().filter(|c| matches!(c, 'a' | 'b' | '/')).collect();
            set(sample, attribute, if choice.is_multiple_of(2) { plain } else { branch });
        }
        (Attribute::JoinedHeader(name), Pattern::Text(text)) => {
            let whole = witness(text);
            sample.headers.retain(|(n, _)| *n != **name);
            let lines: Vec<&str> =
                if choice.is_multiple_of(2) { whole.split(',').collect() } else { vec![&whole] };
            sample.headers.extend(lines.into_iter().map(|line| (name.to_string(), line.into())));
        }
        (_, Pattern::Name(name)) => sample.query = Some(dns_name(name)),
        (attribute, Pattern::Text(text)) => set(sample, attribute, witness(text)),
    }
}

fn set(sample: &mut Sample, attribute: &Attribute, value: String) {
    match attribute {
        Attribute::Method => sample.method = Some(value.into()),
        Attribute::Host => sample.authority = Some(value.to_ascii_uppercase().into()),
        Attribute::Authority => sample.authority = Some(value.into()),
        Attribute::Path => sample.path = Some(format!("{value}?q").into()),
        Attribute::PathAndQuery => sample.path = Some(value.into()),
        Attribute::Header(name) => sample.headers.push((name.to_string(), value.into())),
        Attribute::ServerName => sample.server_name = Some(value.into()),
        Attribute::PortName => sample.port_names.push(value.into()),
        Attribute::Identity => sample.identities.push(value.into()),
        Attribute::Claim(path) => {
            let mut found = &mut sample.claims;
            for name in path {
                found = &mut found[&**name];
            }
            *found = json!([0, value]);
        }
        Attribute::Metadata { filter, key, shape } => {
            sample.metadata[&**filter][&**key] =
                if *shape == Shape::List { json!([value]) } else { json!(value) };
        }
        _ => {}
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
