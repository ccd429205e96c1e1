//! One case of a case file.

use crate::schema::{CaseSpec, Expect, OptionsSpec, ProviderAnswer, events};
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
    /// The semantics to apply.
    pub options: Options,
    /// The flow to decide or the file to load.
    pub question: Question,
}

/// The flow to decide or the file to load.
#[derive(Clone, Debug)]
pub enum Question {
    /// A flow to decide.
    Flow(Box<FlowCase>),
    /// A file to load.
    Load(LoadCase),
}

/// A flow and its expected decision.
#[derive(Clone, Debug)]
pub struct FlowCase {
    /// The flow.
    pub flow: Flow,
    /// The events before it, in order.
    pub after: Vec<Event>,
    /// The verdict.
    pub expect: Verdict,
    /// The expected deciding rule, or the layer if no rule decides.
    pub by: Option<String>,
    /// The expected HTTP status of a denial, if the back end reports it.
    pub status: Option<u16>,
    /// The expected outcome of each layer.
    pub layers: BTreeMap<Layer, Outcome>,
}

/// A file and whether it must load.
#[derive(Clone, Debug)]
pub struct LoadCase {
    /// The file, relative to the case file's directory.
    pub file: String,
    /// Whether it must load.
    pub valid: bool,
    /// A part of an error's text.
    pub reason: Option<String>,
    /// Parts of the texts of findings; an empty list means no warning.
    pub warnings: Option<Vec<String>>,
}

impl Case {
    /// Returns the expectation, as case files write it.
    pub fn expected(&self) -> Expect {
        match &self.question {
            Question::Flow(case) => Expect::Verdict(case.expect),
            Question::Load(case) if case.valid => Expect::Valid,
            Question::Load(_) => Expect::Invalid,
        }
    }
}

/// The invalid field of a case, and the reason.
pub(crate) type CaseError = (&'static str, String);

/// Returns the case that `spec` describes, with the options of its file.
pub(crate) fn build(
    spec: CaseSpec,
    line: u32,
    file: &OptionsSpec,
    profile: Option<Profile>,
) -> Result<Case, CaseError> {
    let options = spec.options.over(file, spec.profile.or(profile));
    let options = options.map_err(|error| ("options", error.to_string()))?;
    let name = spec.name.clone();
    let question = match spec.load.clone() {
        Some(load) => Question::Load(load_case(spec, load)?),
        None => Question::Flow(Box::new(flow_case(spec)?)),
    };
    Ok(Case { name, line, options, question })
}

fn load_case(spec: CaseSpec, file: String) -> Result<LoadCase, CaseError> {
    if spec.from.is_some() || spec.to.is_some() || spec.http.is_some() || spec.dns.is_some() {
        return Err(("load", "a case with `load` cannot have a flow".to_owned()));
    }
    let valid = match spec.expect.0 {
        Expect::Valid => true,
        Expect::Invalid => false,
        Expect::Verdict(_) => {
            return Err(("expect", "must be `valid` or `invalid` in a case with `load`".to_owned()));
        }
    };
    if valid && spec.reason.is_some() {
        return Err(("reason", "`reason` must be with `expect: invalid`".to_owned()));
    }
    Ok(LoadCase { file, valid, reason: spec.reason, warnings: spec.warnings.map(|list| list.0) })
}

fn flow_case(spec: CaseSpec) -> Result<FlowCase, CaseError> {
    let missing = |field: &'static str| (field, format!("missing `{field}` (or `load`)"));
    let Expect::Verdict(expect) = spec.expect.0 else {
        return Err(("expect", "`valid` and `invalid` must be with `load`".to_owned()));
    };
    if spec.reason.is_some() || spec.warnings.is_some() {
        return Err(("load", "`reason` and `warnings` must be with `load`".to_owned()));
    }
    let requests = [spec.http.is_some(), spec.grpc.is_some(), spec.dns.is_some()];
    if requests.into_iter().filter(|given| *given).count() > 1 {
        return Err(("name", "must have only one of `http`, `grpc` and `dns`".to_owned()));
    }
    let from = spec.from.ok_or_else(|| missing("from"))?.end().map_err(|e| ("from", e))?;
    let to = spec.to.ok_or_else(|| missing("to"))?;
    let (to_mesh, port) = (to.mesh, to.port);
    let to = to.place().map_err(|e| ("to", e))?;
    let http = match (spec.http, spec.grpc) {
        (Some(http), _) => Some(http.request(&to).map_err(|e| ("http", e.to_owned()))?),
        (None, grpc) => grpc.map(|grpc| grpc.request(&to)),
    };
    let protocol = match (spec.protocol, &spec.dns) {
        (Some(protocol), _) => protocol.0,
        (None, Some(_)) => Protocol::Udp,
        (None, None) => Protocol::Tcp,
    };
    let icmp = matches!(protocol, Protocol::Icmp | Protocol::Icmpv6);
    if spec.icmp.is_some() && !icmp {
        return Err(("icmp", "`icmp` must be with `protocol: ICMP` or `ICMPv6`".to_owned()));
    }
    let after = events(spec.after).map_err(|e| ("after", e))?;
    Ok(FlowCase {
        flow: Flow {
            from,
            to,
            to_mesh,
            port: port.or(spec.dns.as_ref().map(|_| 53)).filter(|_| !icmp),
            protocol,
            icmp_type: spec.icmp.and_then(|icmp| icmp.message_type),
            http,
            dns: spec.dns.map(|dns| DnsLookup {
                query: dns.query,
                record_type: dns.record_type.unwrap_or_else(|| "A".to_owned()),
            }),
            tls: spec.tls.map(|tls| Tls { sni: tls.sni }),
            tokens: spec.jwt.0.into_iter().map(Token::from).collect(),
            ext_authz: spec
                .ext_authz
                .into_iter()
                .map(|(name, answer)| (name, matches!(answer, ProviderAnswer::Allow)))
                .collect(),
        },
        after,
        expect,
        by: spec.by,
        status: spec.status,
        layers: spec.layers.into_iter().map(|(layer, outcome)| (layer.0, outcome.0)).collect(),
    })
}
