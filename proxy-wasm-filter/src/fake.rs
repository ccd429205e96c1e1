//! A proxy of plain data for tests. It records every call.

use crate::{
    bytes::Bytes,
    header_map::serialize,
    host::{Call, Host},
    policies::Policies,
    reply::Reply,
    types::{HostError, LogLevel, MetricKind},
};
use core::cell::{Cell, RefCell};
use palisade::{Attributes, DecidedBy, Decision, DefaultReason, Layer, PolicyRef, Read, RuleId, Verdict};
use std::{collections::BTreeMap, sync::Arc};

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) configuration: Vec<u8>,
    pub(crate) headers: Headers,
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    /// The error of every call.
    pub(crate) broken: Option<HostError>,
    /// The headers and the body of the answer in the current callback.
    pub(crate) answer: (Headers, Vec<u8>),
    pub(crate) reads: RefCell<Vec<String>>,
    pub(crate) logged: RefCell<Vec<(LogLevel, String)>>,
    pub(crate) states: RefCell<BTreeMap<String, String>>,
    pub(crate) metrics: RefCell<Vec<(String, u64)>>,
    pub(crate) recorded: RefCell<Vec<u64>>,
    pub(crate) replies: RefCell<Vec<Reply>>,
    pub(crate) calls: RefCell<Vec<(String, Vec<u8>, u32)>>,
    pub(crate) closed: Cell<u32>,
    pub(crate) resumed: Cell<u32>,
    pub(crate) selected: Cell<u32>,
    pub(crate) clock: Cell<u64>,
}

impl Fake {
    pub(crate) fn header(mut self, name: &[u8], value: &[u8]) -> Self {
        self.headers.push((name.to_vec(), value.to_vec()));
        self
    }

    pub(crate) fn property(mut self, path: &str, value: impl AsRef<[u8]>) -> Self {
        self.properties.insert(path.to_owned(), value.as_ref().to_vec());
        self
    }

    pub(crate) fn answering(mut self, status: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let headers =
            headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        self.answer.0 = vec![(b":status".to_vec(), status.as_bytes().to_vec())];
        self.answer.0.extend(headers);
        self.answer.1 = body.as_bytes().to_vec();
        self
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        let metrics = self.metrics.borrow();
        metrics.iter().filter(|(known, _)| known == name).map(|(_, value)| value).sum()
    }

    pub(crate) fn metric_names(&self) -> Vec<String> {
        self.metrics.borrow().iter().map(|(name, _)| name.clone()).collect()
    }

    fn read(&self, name: String) -> Result<(), HostError> {
        self.reads.borrow_mut().push(name);
        self.broken.map_or(Ok(()), Err)
    }
}

fn header_map(headers: &[(Vec<u8>, Vec<u8>)]) -> Bytes {
    let headers: Vec<(&[u8], &[u8])> =
        headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    serialize(&headers).into()
}

impl Host for Fake {
    fn configuration(&self) -> Result<Bytes, HostError> {
        self.read("configuration".to_owned())?;
        Ok(self.configuration.clone().into())
    }

    fn request_headers(&self) -> Result<Bytes, HostError> {
        self.read("headers".to_owned())?;
        Ok(header_map(&self.headers))
    }

    fn request_header(&self, name: &str) -> Result<Option<Bytes>, HostError> {
        self.read(name.to_owned())?;
        let first = self.headers.iter().find(|(known, _)| known == name.as_bytes());
        Ok(first.map(|(_, value)| value.clone().into()))
    }

    fn property(&self, path: &str) -> Result<Option<Bytes>, HostError> {
        let path = path.replace('\0', ".");
        self.read(path.clone())?;
        Ok(self.properties.get(&path).cloned().map(Bytes::from))
    }

    fn set_filter_state(&self, name: &str, value: &str) {
        self.states.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.logged.borrow_mut().push((level, message.to_owned()));
    }

    fn is_logged(&self, _: LogLevel) -> bool {
        true
    }

    fn now(&self) -> u64 {
        self.clock.replace(self.clock.get() + 1000)
    }

    fn define_metric(&self, _: MetricKind, name: &str) -> Result<u32, HostError> {
        self.metrics.borrow_mut().push((name.to_owned(), 0));
        Ok(self.metrics.borrow().len() as u32 - 1)
    }

    fn increment(&self, counter: u32) {
        // The plugin may have counters of another fake proxy.
        if let Some((_, value)) = self.metrics.borrow_mut().get_mut(counter as usize) {
            *value += 1;
        }
    }

    fn record(&self, _: u32, value: u64) {
        self.recorded.borrow_mut().push(value);
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        self.replies.borrow_mut().push(reply.clone());
        self.broken.map_or(Ok(()), Err)
    }

    fn close(&self) -> Result<(), HostError> {
        self.closed.set(self.closed.get() + 1);
        Ok(())
    }

    fn call(&self, call: &Call<'_>) -> Result<u32, HostError> {
        self.calls.borrow_mut().push((call.cluster.to_owned(), call.headers.to_vec(), call.timeout_ms));
        if call.cluster == "nowhere" { Err(HostError(2)) } else { Ok(self.calls.borrow().len() as u32) }
    }

    fn answer_headers(&self) -> Result<Bytes, HostError> {
        Ok(header_map(&self.answer.0))
    }

    fn answer_body(&self, max: usize) -> Result<Bytes, HostError> {
        Ok(self.answer.1.iter().copied().take(max).collect::<Vec<_>>().into())
    }

    fn select(&self, context: u32) -> Result<(), HostError> {
        self.selected.set(context);
        Ok(())
    }

    fn resume(&self) -> Result<(), HostError> {
        self.resumed.set(self.resumed.get() + 1);
        Ok(())
    }
}

/// Policies that allow `GET` and port 9000.
#[derive(Debug)]
pub(crate) struct OnlyGet;

impl Policies for OnlyGet {
    fn request(&self, request: &dyn Attributes) -> Decision {
        match request.method() {
            Ok(Some(b"GET")) => decision(Verdict::Allow, DefaultReason::NoAllowPolicy),
            Ok(_) => decision(Verdict::Deny, DefaultReason::NoAllowRuleMatched),
            Err(_) => decision(Verdict::Deny, DefaultReason::Unavailable),
        }
    }

    fn connection(&self, connection: &dyn Attributes) -> Decision {
        match connection.destination_port() {
            Ok(Some(9000)) => decision(Verdict::Allow, DefaultReason::NoAllowPolicy),
            Ok(_) => decision(Verdict::Deny, DefaultReason::NoAllowRuleMatched),
            Err(_) => decision(Verdict::Deny, DefaultReason::Unavailable),
        }
    }
}

/// Policies that allow every stream.
#[derive(Debug)]
pub(crate) struct AllowAll;

impl Policies for AllowAll {
    fn request(&self, _: &dyn Attributes) -> Decision {
        decision(Verdict::Allow, DefaultReason::NoAllowPolicy)
    }

    fn connection(&self, _: &dyn Attributes) -> Decision {
        decision(Verdict::Allow, DefaultReason::NoAllowPolicy)
    }
}

/// Policies with a CUSTOM rule for these providers, which then allow `GET`.
#[derive(Debug)]
pub(crate) struct Custom(pub(crate) &'static [&'static str]);

pub(crate) fn custom_rule() -> RuleId {
    let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "ask".into() };
    RuleId::new(policy, 0)
}

impl Policies for Custom {
    fn request(&self, request: &dyn Attributes) -> Decision {
        let by = DecidedBy::Rule(custom_rule());
        Decision { verdict: Verdict::Ask, by, ..self.after_providers(request) }
    }

    fn connection(&self, connection: &dyn Attributes) -> Decision {
        self.request(connection)
    }

    fn after_providers(&self, request: &dyn Attributes) -> Decision {
        OnlyGet.request(request)
    }

    fn providers(&self, _: &dyn Attributes) -> Read<Vec<(Arc<str>, RuleId)>> {
        Ok(self.0.iter().map(|name| (Arc::from(*name), custom_rule())).collect())
    }
}

fn decision(verdict: Verdict, reason: DefaultReason) -> Decision {
    let by = DecidedBy::Default(reason);
    Decision { verdict, layer: Layer::AuthorizationPolicy, by, status: None, shadow: None }
}
