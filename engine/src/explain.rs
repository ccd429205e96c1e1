//! The long form of an answer: which rules were candidates, and what kept each from matching.
//!
//! Rules are evaluated by the same function that decides, with an observer that writes down every test.

use crate::{
    compile::{Context, FailedTest, Observer, Program},
    ir::{Attribute, Effect, Pattern, Section, Text},
    request::{Attributes, Read},
    rule_id::RuleId,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::ops::ControlFlow;

/// A test that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Part of the policy, such as `to[0]`.
    pub clause: String,
    /// What was looked at: the field of an AuthorizationPolicy, such as `methods` or `notPaths`, else the attribute.
    pub attribute: String,
    /// Whether this is a `notX` field, where a match is what fails.
    pub negated: bool,
    /// The values the policy wants (or, negated, refuses).
    pub wanted: Vec<String>,
    /// The values the request has; none means it has no such value.
    pub seen: Vec<String>,
}

/// One rule, looked at in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTrace {
    /// The rule.
    pub id: RuleId,
    /// What it would do.
    pub effect: Effect,
    /// Whether it holds.
    pub held: bool,
    /// What kept it from holding, in the order written; only of parts that failed.
    pub failures: Vec<Failure>,
    /// Parts (from, to, when, ...) that held, of how many.
    pub parts: (usize, usize),
}

impl RuleTrace {
    /// How far from a match the rule is: parts that failed, then tests that failed.
    pub fn distance(&self) -> (usize, usize) {
        (self.parts.1 - self.parts.0, self.failures.len())
    }
}

/// The rule that came nearest to matching: fewest failed parts, then fewest failed tests, then first.
pub fn nearest_miss(traces: &[RuleTrace]) -> Option<&RuleTrace> {
    traces.iter().filter(|t| !t.held).min_by_key(|t| t.distance())
}

struct Recorder<'a, A: ?Sized> {
    request: &'a A,
    pending: Vec<Failure>,
    failures: Vec<Failure>,
    parts: (usize, usize),
}

impl<A: Attributes + ?Sized> Observer for Recorder<'_, A> {
    const EXHAUSTIVE: bool = true;

    fn failed(&mut self, test: FailedTest<'_>) {
        self.pending.push(Failure {
            clause: match (test.section, test.attribute) {
                (Section::L7, Attribute::ServerDnsName) => Section::Ports.to_string(),
                (Section::L7, attribute) if attribute.is_http() => format!("rules.http[{}]", test.clause),
                (Section::Peer | Section::Ports | Section::L7, _) => test.section.to_string(),
                _ => format!("{}[{}]", test.section, test.clause),
            },
            attribute: match test.section {
                Section::From | Section::To => field(test.attribute, test.negated, &test.patterns),
                Section::L7 => proxied_field(test.attribute),
                _ => test.attribute.to_string(),
            },
            negated: test.negated,
            wanted: test.patterns.iter().map(ToString::to_string).collect(),
            seen: seen(test.attribute, self.request),
        });
    }

    fn group(&mut self, section: Section, held: bool) {
        self.parts.1 += 1;
        if held {
            self.parts.0 += 1;
            self.pending.clear();
        } else {
            if section == Section::L7 {
                keep_nearest(&mut self.pending);
            }
            self.failures.append(&mut self.pending);
        }
    }
}

/// Of several alternatives, each a rule of a proxy, keeps what the first of the nearest ones fails.
fn keep_nearest(failures: &mut Vec<Failure>) {
    let count = |clause: &str| failures.iter().filter(|f| f.clause == clause).count();
    let Some(nearest) = failures.iter().map(|f| f.clause.clone()).min_by_key(|c| count(c)) else { return };
    failures.retain(|f| f.clause == nearest);
}

/// The field that a test of a proxy's rule was written as.
fn proxied_field(attribute: &Attribute) -> String {
    match attribute {
        Attribute::PathAndQuery => "path".to_string(),
        Attribute::Authority => "host".to_string(),
        Attribute::ServerDnsName => "serverNames".to_string(),
        _ => attribute.to_string(),
    }
}

/// The field of an AuthorizationPolicy's source or operation that a test was written as.
fn field(attribute: &Attribute, negated: bool, patterns: &[Pattern]) -> String {
    let name = match (attribute, patterns.first()) {
        (Attribute::Method, _) => "methods",
        (Attribute::Path, _) => "paths",
        (Attribute::Host, _) => "hosts",
        (Attribute::DestinationPort, _) => "ports",
        (Attribute::SourceIp, _) => "ipBlocks",
        (Attribute::RemoteIp, _) => "remoteIpBlocks",
        (Attribute::RequestPrincipal, _) => "requestPrincipals",
        (Attribute::Identity, Some(Pattern::Text(Text::ServiceAccount { .. }))) => "serviceAccounts",
        (Attribute::Identity, Some(Pattern::Text(Text::Glob(glob)))) if glob.head.is_empty() => "namespaces",
        (Attribute::Identity, _) => "principals",
        _ => return attribute.to_string(),
    };
    let mut letters = name.chars();
    match (negated, letters.next()) {
        (true, Some(first)) => format!("not{}{}", first.to_ascii_uppercase(), letters.as_str()),
        _ => name.to_string(),
    }
}

impl Program {
    /// Rule number `rule`, looked at in full.
    pub(crate) fn trace<A: Attributes + ?Sized>(&self, rule: u32, request: &A) -> Read<Option<RuleTrace>> {
        let Some((id, effect)) = self.rule(rule) else { return Ok(None) };
        let mut recorder = Recorder { request, pending: Vec::new(), failures: Vec::new(), parts: (0, 0) };
        let held = self.holds(rule, request, &mut recorder)?;
        let Recorder { failures, parts, .. } = recorder;
        Ok(Some(RuleTrace { id: id.clone(), effect: effect.clone(), held, failures, parts }))
    }

    /// Every rule, looked at in full. Rules whose attributes cannot be read are left out.
    pub(crate) fn traces<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        (0..self.len()).filter_map(|rule| self.trace(rule, request).ok().flatten()).collect()
    }
}

/// The values of `attribute`, for a reader.
fn seen<A: Attributes + ?Sized>(attribute: &Attribute, request: &A) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let one = |value: Read<Option<String>>| value.ok().flatten().into_iter().collect();
    match attribute {
        Attribute::DestinationPort => one(request.destination_port().map(|p| p.map(|p| p.to_string()))),
        Attribute::Transport => one(request.transport().map(|t| Some(t.to_string()))),
        Attribute::SourceIp => one(request.source_ip().map(|ip| ip.map(|ip| ip.to_string()))),
        Attribute::RemoteIp => one(request.remote_ip().map(|ip| ip.map(|ip| ip.to_string()))),
        Attribute::DestinationIp => one(request.destination_ip().map(|ip| ip.map(|ip| ip.to_string()))),
        Attribute::PeerAddress => {
            request.peer().map(|p| p.addresses.iter().map(ToString::to_string).collect()).unwrap_or_default()
        }
        Attribute::PeerLabels => {
            request.peer().map(|p| p.labels.iter().map(ToString::to_string).collect()).unwrap_or_default()
        }
        Attribute::ServerDnsName => one(request.server_name().map(|name| name.map(text))),
        Attribute::DnsQuery => one(request.dns_query().map(|name| name.map(text))),
        Attribute::RequestPrincipal => {
            let mut values = Vec::new();
            for name in ["iss", "sub"] {
                let mut value = String::new();
                let _ = request.claim(&[name.into()], crate::request::Shape::Text, &mut |v| {
                    value = text(v);
                    ControlFlow::Break(())
                });
                values.push(value);
            }
            if values.iter().all(String::is_empty) { Vec::new() } else { alloc::vec![values.join("/")] }
        }
        _ => {
            let mut values = Vec::new();
            let mut push = |value: &[u8]| {
                values.push(text(value));
                ControlFlow::Continue(())
            };
            let _ = match attribute {
                Attribute::PeerName => request.peer_names(&mut push),
                _ => Context::new(request).texts(attribute, &mut push),
            };
            values
        }
    }
}
