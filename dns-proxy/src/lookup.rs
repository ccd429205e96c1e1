//! One lookup, whatever socket it came by: judged, forwarded, answered.

use crate::{
    guard::{Guard, decider},
    log::{Entry, Log},
    message::{self, Match, Received},
    names::Names,
    slots::{Permit, Slots},
};
use core::{net::SocketAddr, time::Duration};
use hickory_proto::op::{Message, ResponseCode};
use palisade::{
    Protocol,
    flow::{DnsVerdict, Opened},
};

/// What every lookup needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) guard: Guard,
    pub(crate) names: Names,
    pub(crate) log: Log,
    pub(crate) slots: Slots,
    pub(crate) upstream: SocketAddr,
    /// How long the upstream may take for an answer.
    pub(crate) timeout: Duration,
    /// How long a TCP client may take for a message, and for reading one.
    pub(crate) idle: Duration,
    /// Most TCP clients.
    pub(crate) connections: usize,
}

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It gets no answer.
    Dropped,
    /// It gets this answer at once.
    Answered(Vec<u8>),
    /// It goes to the upstream.
    Forwarded(Box<Lookup>),
}

/// A lookup that waits for the upstream.
#[derive(Debug)]
pub(crate) struct Lookup {
    query: Message,
    name: String,
    client: SocketAddr,
    protocol: Protocol,
    by: String,
    learns: bool,
    /// What goes to the upstream. Its id is that of the exchange, not the client's.
    pub(crate) sent: message::Forwarded,
    _permit: Permit,
}

impl Shared {
    pub(crate) fn entry(&self, event: &'static str, client: SocketAddr, protocol: Protocol) -> Entry<'_> {
        Entry {
            client: Some(client),
            protocol: Some(if protocol == Protocol::Tcp { "TCP" } else { "UDP" }),
            ..Entry::new(event, self.names.now())
        }
    }

    /// Decides about `bytes`. A lookup that is refused needs no slot.
    pub(crate) fn judge(&self, bytes: &[u8], client: SocketAddr, protocol: Protocol) -> Judged {
        match message::receive(bytes) {
            Received::Query(query) => self.judge_query(*query, client, protocol),
            Received::Wrong(answer) => {
                let code = answer.metadata.response_code;
                self.log.write(&self.entry("malformed", client, protocol).code(code));
                encoded(&answer)
            }
            Received::Noise => {
                self.log.write(&self.entry("dropped", client, protocol));
                Judged::Dropped
            }
        }
    }

    fn judge_query(&self, query: Message, client: SocketAddr, protocol: Protocol) -> Judged {
        let Some(question) = query.queries.first() else {
            let entry = self.entry("refused", client, protocol).code(ResponseCode::FormErr);
            self.log.write(&Entry { by: Some("reject"), ..entry });
            return encoded(&message::refusal(&query, ResponseCode::FormErr));
        };
        let name = message::text(question.name());
        let decision = self.guard.policy().decide(protocol, &name);
        let by = decider(&decision.layer);
        let refuse = |event, code, detail| {
            let entry = self.about(event, (client, protocol), (&query, &name, &by)).code(code);
            self.log.write(&Entry { detail, ..entry });
            encoded(&message::refusal(&query, code))
        };
        let learns = match decision.verdict {
            DnsVerdict::Refuse(code) => return refuse("refused", message::response_code(code), None),
            DnsVerdict::Forward { learns } => learns,
        };
        let Some(permit) = self.slots.acquire() else {
            let detail = Some("too many lookups are in flight".into());
            return refuse("failed", ResponseCode::ServFail, detail);
        };
        let Some(sent) = message::Forwarded::new(&query) else {
            let detail = Some("the question cannot be encoded".into());
            return refuse("failed", ResponseCode::ServFail, detail);
        };
        Judged::Forwarded(Box::new(Lookup {
            name,
            client,
            protocol,
            by,
            learns,
            sent,
            query,
            _permit: permit,
        }))
    }

    /// The answer of the upstream for the client. What it teaches is learned before.
    pub(crate) fn finish(&self, lookup: &Lookup, response: &[u8]) -> Option<Vec<u8>> {
        let parsed = match (lookup.sent.compare(response), Message::from_vec(response)) {
            (_, Err(error)) => return self.fail(lookup, &format!("unreadable answer: {error}")),
            (Match::Answer, Ok(parsed)) => parsed,
            _ => return self.fail(lookup, "the server answers something else"),
        };
        let code = parsed.metadata.response_code;
        let mut opened = Opened::default();
        if code == ResponseCode::NoError {
            match self.learn(lookup, &parsed) {
                Ok(learned) => opened = learned,
                Err(why) => return self.fail(lookup, &why),
            }
        }
        let entry = self.of(lookup, "answered").code(code);
        self.log.write(&entry.opened(self.guard.pod(), &opened));
        reply(lookup, response, parsed)
    }

    /// SERVFAIL for the client.
    pub(crate) fn fail(&self, lookup: &Lookup, why: &str) -> Option<Vec<u8>> {
        let entry = self.of(lookup, "failed").code(ResponseCode::ServFail);
        self.log.write(&Entry { detail: Some(why.into()), ..entry });
        message::refusal(&lookup.query, ResponseCode::ServFail).to_vec().ok()
    }

    /// What the answer opens, where its lookup teaches anything.
    fn learn(&self, lookup: &Lookup, response: &Message) -> Result<Opened, String> {
        let policy = self.guard.policy();
        let taught = message::learned(&lookup.name, response, policy.options().cilium.version)
            .map_err(|error| error.to_string())?;
        if !lookup.learns || taught.addresses.is_empty() {
            return Ok(Opened::default());
        }
        Ok(self.names.learn(policy, &taught))
    }

    fn of<'e>(&self, lookup: &'e Lookup, event: &'static str) -> Entry<'e> {
        let Lookup { query, name, client, protocol, by, .. } = lookup;
        self.about(event, (*client, *protocol), (query, name, by))
    }

    fn about<'e>(
        &self,
        event: &'static str,
        (client, protocol): (SocketAddr, Protocol),
        (query, name, by): (&Message, &'e str, &'e str),
    ) -> Entry<'e> {
        Entry {
            client: Some(client),
            protocol: Some(if protocol == Protocol::Tcp { "TCP" } else { "UDP" }),
            name: Some(name),
            query_type: query.queries.first().map(|question| question.query_type()),
            by: Some(by),
            ..Entry::new(event, self.names.now())
        }
    }
}

fn encoded(message: &Message) -> Judged {
    message.to_vec().map_or(Judged::Dropped, Judged::Answered)
}

/// The upstream's answer under the client's id; cut off where the client's datagrams are smaller.
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
