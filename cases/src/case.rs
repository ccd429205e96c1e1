//! A case, ready to run.

use crate::written::{CaseText, Expect, OptionsText, events};
use palisade::{
    Layer, Options, Outcome, Profile, Protocol, Verdict,
    flow::{DnsLookup, Event, Flow, Tls, Token},
};
use std::collections::BTreeMap;

/// One case of a file.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Line of its first field, from 1.
    pub line: u32,
    /// The semantics that are meant.
    pub options: Options,
    /// What it asks.
    pub question: Question,
}

/// What a case asks.
#[derive(Clone, Debug)]
pub enum Question {
    /// May this flow pass?
    Flow(Box<FlowCase>),
    /// Does this file load?
    Load(LoadCase),
}

/// A flow, and what it should get.
#[derive(Clone, Debug)]
pub struct FlowCase {
    /// The flow.
    pub flow: Flow,
    /// What happened before, in order.
    pub after: Vec<Event>,
    /// The verdict.
    pub expect: Verdict,
    /// The rule that decided, or the layer where a default did.
    pub by: Option<String>,
    /// The HTTP status of a refusal, where a back end sees one.
    pub status: Option<u16>,
    /// The outcome of layers taken by themselves.
    pub layers: BTreeMap<Layer, Outcome>,
}

/// A file, and whether it must load.
#[derive(Clone, Debug)]
pub struct LoadCase {
    /// The file, relative to the case file's directory.
    pub file: String,
    /// Whether it must load.
    pub valid: bool,
    /// A part of an error's text.
    pub reason: Option<String>,
    /// Parts of findings' texts, each of which must be there; an empty list means no warning at all.
    pub warnings: Option<Vec<String>>,
}

impl Case {
    /// What is expected, as case files write it.
    pub fn expected(&self) -> Expect {
        match &self.question {
            Question::Flow(case) => Expect::Verdict(case.expect),
            Question::Load(case) if case.valid => Expect::Valid,
            Question::Load(_) => Expect::Invalid,
        }
    }
}

/// What is wrong with a case: the field, and why.
pub(crate) type Wrong = (&'static str, String);

/// Reads `text` under the options of its file.
pub(crate) fn build(
    text: CaseText,
    line: u32,
    file: &OptionsText,
    profile: Option<Profile>,
) -> Result<Case, Wrong> {
    let options = text.options.over(file, text.profile.or(profile));
    let options = options.map_err(|error| ("options", error.to_string()))?;
    let name = text.name.clone();
    let question = match text.load.clone() {
        Some(load) => Question::Load(load_case(text, load)?),
        None => Question::Flow(Box::new(flow_case(text)?)),
    };
    Ok(Case { name, line, options, question })
}

fn load_case(text: CaseText, file: String) -> Result<LoadCase, Wrong> {
    if text.from.is_some() || text.to.is_some() || text.http.is_some() || text.dns.is_some() {
        return Err(("load", "`load` is a case of its own: it has no flow".to_owned()));
    }
    let valid = match text.expect.0 {
        Expect::Valid => true,
        Expect::Invalid => false,
        Expect::Verdict(_) => {
            return Err(("expect", "a `load` case expects `valid` or `invalid`".to_owned()));
        }
    };
    if valid && text.reason.is_some() {
        return Err(("reason", "`reason` is the reason for `invalid`".to_owned()));
    }
    Ok(LoadCase { file, valid, reason: text.reason, warnings: text.warnings.map(|list| list.0) })
}

fn flow_case(text: CaseText) -> Result<FlowCase, Wrong> {
    let missing = |field: &'static str| (field, format!("a case needs `{field}` (or `load`)"));
    let Expect::Verdict(expect) = text.expect.0 else {
        return Err(("expect", "`valid` and `invalid` go with `load`".to_owned()));
    };
    if text.reason.is_some() || text.warnings.is_some() {
        return Err(("load", "`reason` and `warnings` go with `load`".to_owned()));
    }
    let requests = [text.http.is_some(), text.grpc.is_some(), text.dns.is_some()];
    if requests.into_iter().filter(|given| *given).count() > 1 {
        return Err(("name", "`http`, `grpc` and `dns` exclude each other".to_owned()));
    }
    let from = text.from.ok_or_else(|| missing("from"))?.end().map_err(|e| ("from", e))?;
    let to = text.to.ok_or_else(|| missing("to"))?;
    let (to_mesh, port) = (to.mesh, to.port);
    let to = to.place().map_err(|e| ("to", e))?;
    let http = match (text.http, text.grpc) {
        (Some(http), _) => Some(http.request(&to).map_err(|e| ("http", e.to_owned()))?),
        (None, grpc) => grpc.map(|grpc| grpc.request(&to)),
    };
    let protocol = match (text.protocol, &text.dns) {
        (Some(protocol), _) => protocol.0,
        (None, Some(_)) => Protocol::Udp,
        (None, None) => Protocol::Tcp,
    };
    let icmp = matches!(protocol, Protocol::Icmp | Protocol::Icmpv6);
    if text.icmp.is_some() && !icmp {
        return Err(("icmp", "`icmp` goes with `protocol: ICMP` or `ICMPv6`".to_owned()));
    }
    let after = events(text.after).map_err(|e| ("after", e))?;
    Ok(FlowCase {
        flow: Flow {
            from,
            to,
            to_mesh,
            port: port.or(text.dns.as_ref().map(|_| 53)).filter(|_| !icmp),
            protocol,
            icmp_type: text.icmp.and_then(|icmp| icmp.message_type),
            http,
            dns: text.dns.map(|dns| DnsLookup {
                query: dns.query,
                record_type: dns.record_type.unwrap_or_else(|| "A".to_owned()),
            }),
            tls: text.tls.map(|tls| Tls { sni: tls.sni }),
            tokens: text.jwt.0.into_iter().map(Token::from).collect(),
            ext_authz: text
                .ext_authz
                .into_iter()
                .map(|(name, answer)| (name, matches!(answer, crate::written::ProviderAnswer::Allow)))
                .collect(),
        },
        after,
        expect,
        by: text.by,
        status: text.status,
        layers: text.layers.into_iter().map(|(layer, outcome)| (layer.0, outcome.0)).collect(),
    })
}
