//! The processing of one DNS lookup over UDP or TCP: decision, forwarding and response.

use crate::{
    log::{Log, LogEntry},
    message::{self, Received, ResponseMatch},
    names::Names,
    pod_policy::{PodPolicy, describe_reason},
    slots::{Permit, Slots},
};
use core::{net::SocketAddr, time::Duration};
use hickory_proto::op::{Message, ResponseCode};
use palisade::{
    Protocol,
    flow::{DnsVerdict, LearnedAddresses},
};

/// The state that all lookups share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) policy: PodPolicy,
    pub(crate) names: Names,
    pub(crate) log: Log,
    pub(crate) slots: Slots,
    pub(crate) upstream: SocketAddr,
    /// The time limit for a response of the upstream server.
    pub(crate) timeout: Duration,
    /// The time limit of a TCP client to send a message, and to read one.
    pub(crate) idle: Duration,
    /// The limit of TCP connections.
    pub(crate) connections: usize,
}

/// The decision about a message.
#[derive(Debug)]
pub(crate) enum LookupDecision {
    /// The client receives no response.
    Dropped,
    /// The client receives this response.
    Answered(Vec<u8>),
    /// The upstream server receives the lookup.
    Forwarded(Box<Lookup>),
}

/// A lookup that waits for the upstream server.
#[derive(Debug)]
pub(crate) struct Lookup {
    query: Message,
    name: String,
    client: SocketAddr,
    protocol: Protocol,
    by: String,
    observed: bool,
    /// The message to the upstream server, with an ID other than the client's.
    pub(crate) sent: message::Forwarded,
    _permit: Permit,
}

impl Shared {
    pub(crate) fn entry(&self, event: &'static str, client: SocketAddr, protocol: Protocol) -> LogEntry<'_> {
        LogEntry {
            client: Some(client),
            protocol: Some(if protocol == Protocol::Tcp { "TCP" } else { "UDP" }),
            ..LogEntry::new(event, self.names.now())
        }
    }

    /// Decides about the message `bytes` of a client. A refused lookup needs no slot.
    pub(crate) fn decide(&self, bytes: &[u8], client: SocketAddr, protocol: Protocol) -> LookupDecision {
        match message::receive(bytes) {
            Received::Query(query) => self.decide_query(*query, client, protocol),
            Received::Invalid(answer) => {
                let code = answer.metadata.response_code;
                self.log.write(&self.entry("malformed", client, protocol).code(code));
                encoded(&answer)
            }
            Received::Noise => {
                self.log.write(&self.entry("dropped", client, protocol));
                LookupDecision::Dropped
            }
        }
    }

    fn decide_query(&self, query: Message, client: SocketAddr, protocol: Protocol) -> LookupDecision {
        let Some(question) = query.queries.first() else {
            let entry = self.entry("refused", client, protocol).code(ResponseCode::FormErr);
            self.log.write(&LogEntry { by: Some("reject"), ..entry });
            return encoded(&message::refusal(&query, ResponseCode::FormErr));
        };
        let name = message::text(question.name());
        let decision = self.policy.lookups().decide(protocol, &name);
        let by = describe_reason(&decision.layer);
        let refuse = |event, code, detail| {
            let entry = self.about(event, (client, protocol), (&query, &name, &by)).code(code);
            self.log.write(&LogEntry { detail, ..entry });
            encoded(&message::refusal(&query, code))
        };
        let observed = match decision.verdict {
            DnsVerdict::Refuse(code) => return refuse("refused", message::response_code(code), None),
            DnsVerdict::Forward { observed } => observed,
        };
        let Some(permit) = self.slots.acquire() else {
            let detail = Some("too many lookups are in flight".into());
            return refuse("failed", ResponseCode::ServFail, detail);
        };
        let Some(sent) = message::Forwarded::new(&query) else {
            let detail = Some("the question cannot be encoded".into());
            return refuse("failed", ResponseCode::ServFail, detail);
        };
        LookupDecision::Forwarded(Box::new(Lookup {
            name,
            client,
            protocol,
            by,
            observed,
            sent,
            query,
            _permit: permit,
        }))
    }

    /// Records the addresses in a response of the upstream server, and returns the response to the client.
    pub(crate) fn finish(&self, lookup: &Lookup, response: &[u8]) -> Option<Vec<u8>> {
        let parsed = match (lookup.sent.compare(response), Message::from_vec(response)) {
            (_, Err(error)) => return self.fail(lookup, &format!("invalid response: {error}")),
            (ResponseMatch::Answer, Ok(parsed)) => parsed,
            _ => return self.fail(lookup, "the server sent a response to another query"),
        };
        let code = parsed.metadata.response_code;
        let mut learned = LearnedAddresses::default();
        if code == ResponseCode::NoError {
            match self.record(lookup, &parsed) {
                Ok(addresses) => learned = addresses,
                Err(why) => return self.fail(lookup, &why),
            }
        }
        let entry = self.of(lookup, "answered").code(code);
        self.log.write(&entry.learned(self.policy.pod(), &learned));
        reply(lookup, response, parsed)
    }

    /// Returns a SERVFAIL response to the client.
    pub(crate) fn fail(&self, lookup: &Lookup, why: &str) -> Option<Vec<u8>> {
        let entry = self.of(lookup, "failed").code(ResponseCode::ServFail);
        self.log.write(&LogEntry { detail: Some(why.into()), ..entry });
        message::refusal(&lookup.query, ResponseCode::ServFail).to_vec().ok()
    }

    /// Adds the addresses in `response` to the DNS cache, if the DNS proxy observes the lookup.
    fn record(&self, lookup: &Lookup, response: &Message) -> Result<LearnedAddresses, String> {
        let policy = self.policy.lookups();
        let answer = message::answer(&lookup.name, response, policy.options().cilium.version)
            .map_err(|error| error.to_string())?;
        if !lookup.observed || answer.addresses.is_empty() {
            return Ok(LearnedAddresses::default());
        }
        Ok(self.names.record_answer(policy, &answer))
    }

    fn of<'e>(&self, lookup: &'e Lookup, event: &'static str) -> LogEntry<'e> {
        let Lookup { query, name, client, protocol, by, .. } = lookup;
        self.about(event, (*client, *protocol), (query, name, by))
    }

    fn about<'e>(
        &self,
        event: &'static str,
        (client, protocol): (SocketAddr, Protocol),
        (query, name, by): (&Message, &'e str, &'e str),
    ) -> LogEntry<'e> {
        LogEntry {
            client: Some(client),
            protocol: Some(if protocol == Protocol::Tcp { "TCP" } else { "UDP" }),
            name: Some(name),
            query_type: query.queries.first().map(|question| question.query_type()),
            by: Some(by),
            ..LogEntry::new(event, self.names.now())
        }
    }
}

fn encoded(message: &Message) -> LookupDecision {
    message.to_vec().map_or(LookupDecision::Dropped, LookupDecision::Answered)
}

/// Returns the response with the client's ID, truncated if it exceeds the client's maximum datagram size.
fn reply(lookup: &Lookup, response: &[u8], mut parsed: Message) -> Option<Vec<u8>> {
    let query = &lookup.query;
    if lookup.protocol != Protocol::Tcp && response.len() > usize::from(query.max_payload()) {
        parsed.metadata.id = query.metadata.id;
        return parsed.truncate().to_vec().ok();
    }
    let mut bytes = response.to_vec();
    bytes.get_mut(..2)?.copy_from_slice(&query.metadata.id.to_be_bytes());
    Some(bytes)
}
