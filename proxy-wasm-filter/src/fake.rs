//! A proxy of plain data for tests: what it is asked is counted, what it is told is kept.

use crate::{
    header_map::tests::serialize,
    host::{Host, HostError},
    policies::Policies,
    reply::Reply,
};
use core::cell::RefCell;
use palisade::{Attributes, DecidedBy, Decision, DefaultReason, Layer, Verdict};
use proxy_wasm::types::LogLevel;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) configuration: Vec<u8>,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    /// Every call answers this.
    pub(crate) broken: Option<HostError>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) logged: RefCell<Vec<(LogLevel, String)>>,
    pub(crate) counted: RefCell<BTreeMap<String, u64>>,
    pub(crate) replies: RefCell<Vec<Reply>>,
    pub(crate) closed: RefCell<u32>,
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

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.counted.borrow().get(name).copied().unwrap_or_default()
    }

    fn ask(&self, what: String) -> Result<(), HostError> {
        self.asked.borrow_mut().push(what);
        self.broken.map_or(Ok(()), Err)
    }
}

const COUNTERS: [&str; 3] = ["palisade.allowed", "palisade.denied", "palisade.errors"];

impl Host for Fake {
    fn configuration(&self) -> Result<Vec<u8>, HostError> {
        self.ask("configuration".to_owned())?;
        Ok(self.configuration.clone())
    }

    fn request_headers(&self) -> Result<Vec<u8>, HostError> {
        self.ask("headers".to_owned())?;
        let headers: Vec<(&[u8], &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        Ok(serialize(&headers))
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        let path = path.join(".");
        self.ask(path.clone())?;
        Ok(self.properties.get(&path).cloned())
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.logged.borrow_mut().push((level, message.to_owned()));
    }

    fn define_counter(&self, name: &str) -> Result<u32, HostError> {
        let index = COUNTERS.iter().position(|known| *known == name).ok_or(HostError(2))?;
        Ok(index as u32)
    }

    fn increment(&self, counter: u32) {
        *self.counted.borrow_mut().entry(COUNTERS[counter as usize].to_owned()).or_default() += 1;
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        self.replies.borrow_mut().push(reply.clone());
        self.broken.map_or(Ok(()), Err)
    }

    fn close(&self) -> Result<(), HostError> {
        *self.closed.borrow_mut() += 1;
        Ok(())
    }
}

/// Lets `GET` through, and says so when it cannot know.
#[derive(Debug)]
pub(crate) struct OnlyGet;

impl Policies for OnlyGet {
    fn http(&self, request: &dyn Attributes) -> Decision {
        match request.method() {
            Ok(Some(b"GET")) => decision(Verdict::Allow, DefaultReason::NoAllowPolicy),
            Ok(_) => decision(Verdict::Deny, DefaultReason::NoAllowRuleMatched),
            Err(_) => decision(Verdict::Deny, DefaultReason::Unavailable),
        }
    }

    fn tcp(&self, connection: &dyn Attributes) -> Decision {
        match connection.destination_port() {
            Ok(Some(9000)) => decision(Verdict::Allow, DefaultReason::NoAllowPolicy),
            Ok(_) => decision(Verdict::Deny, DefaultReason::NoAllowRuleMatched),
            Err(_) => decision(Verdict::Deny, DefaultReason::Unavailable),
        }
    }
}

/// Lets everything through.
#[derive(Debug)]
pub(crate) struct Everything;

impl Policies for Everything {
    fn http(&self, _: &dyn Attributes) -> Decision {
        decision(Verdict::Allow, DefaultReason::NoAllowPolicy)
    }

    fn tcp(&self, _: &dyn Attributes) -> Decision {
        decision(Verdict::Allow, DefaultReason::NoAllowPolicy)
    }
}

fn decision(verdict: Verdict, reason: DefaultReason) -> Decision {
    let by = DecidedBy::Default(reason);
    Decision { verdict, layer: Layer::AuthorizationPolicy, by, status: None, shadow: None }
}
