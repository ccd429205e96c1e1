//! One lookup from its bytes to those of its answer.

use crate::{
    guard::{Guard, told},
    log::{Entry, Log},
    message::{self, Received},
    upstream::{self, Response},
};
use core::{cell::RefCell, net::SocketAddr, time::Duration};
use hickory_proto::op::{Message, ResponseCode};
use palisade::{Protocol, flow::DnsVerdict};

/// What every lookup needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) guard: RefCell<Guard>,
    pub(crate) log: Log,
    pub(crate) upstream: SocketAddr,
    pub(crate) timeout: Duration,
}

/// The answer to `bytes`; none where there is to be none.
pub(crate) async fn answer(
    shared: &Shared,
    bytes: &[u8],
    client: SocketAddr,
    protocol: Protocol,
) -> Option<Vec<u8>> {
    match message::receive(bytes) {
        Received::Query(query) => lookup(shared, &query, client, protocol).await,
        Received::Wrong(answer) => {
            let code = answer.metadata.response_code;
            shared.log.write(&shared.entry("malformed", client, protocol).code(code));
            answer.to_vec().ok()
        }
        Received::Noise => {
            shared.log.write(&shared.entry("dropped", client, protocol));
            None
        }
    }
}

impl Shared {
    pub(crate) fn entry(&self, event: &'static str, client: SocketAddr, protocol: Protocol) -> Entry {
        let protocol = protocol.to_string();
        let at = self.guard.borrow().now();
        Entry { client: Some(client), protocol: Some(protocol), ..Entry::new(event, at) }
    }
}

async fn lookup(shared: &Shared, query: &Message, client: SocketAddr, protocol: Protocol) -> Option<Vec<u8>> {
    let questions = message::questions(query);
    let name = questions.first().cloned().unwrap_or_default();
    let decision = shared.guard.borrow().may_ask(protocol, questions);
    let asked = |event| {
        let entry = shared.entry(event, client, protocol);
        Entry {
            name: Some(name.clone()),
            query_type: query.queries.first().map(|question| question.query_type().to_string()),
            by: Some(told(&decision.layer)),
            ..entry
        }
    };
    let fail = |entry: Entry, code: ResponseCode| {
        shared.log.write(&entry.code(code));
        message::refusal(query, code).to_vec().ok()
    };
    let learns = match decision.verdict {
        DnsVerdict::Refuse(code) => return fail(asked("refused"), message::response_code(code)),
        DnsVerdict::Forward { learns } => learns,
    };
    let sent = message::forwarded(query);
    let response = match upstream::exchange(shared.upstream, &sent, protocol, shared.timeout).await {
        Ok(response) => response,
        Err(error) => return fail(asked("failed").detail(error.to_string()), ResponseCode::ServFail),
    };
    let mut entry = asked("answered").code(response.message.metadata.response_code);
    if response.message.metadata.response_code == ResponseCode::NoError {
        // Whoever would connect to what the answer says may do so from here on: it is learned before it is sent.
        match learn(shared, &name, &response.message, protocol, learns) {
            Ok(opened) => entry = entry.opened(shared.guard.borrow().pod(), opened),
            Err(why) => return fail(asked("failed").detail(why), ResponseCode::ServFail),
        }
    }
    shared.log.write(&entry);
    reply(query, response, protocol)
}

/// What the answer opened, where its lookup teaches anything.
fn learn(
    shared: &Shared,
    name: &str,
    response: &Message,
    protocol: Protocol,
    learns: bool,
) -> Result<palisade::flow::Opened, String> {
    let taught = message::learned(name, response).map_err(|error| error.to_string())?;
    if !learns || taught.addresses.is_empty() {
        return Ok(palisade::flow::Opened { name: taught.name, ..Default::default() });
    }
    shared.guard.borrow_mut().answered(protocol, &taught).map_err(|error| error.to_string())
}

/// The server's answer under the client's number; cut off where the client's datagrams are smaller.
fn reply(query: &Message, response: Response, protocol: Protocol) -> Option<Vec<u8>> {
    let Response { mut bytes, mut message } = response;
    if protocol != Protocol::Tcp && bytes.len() > usize::from(query.max_payload()) {
        message.metadata.id = query.metadata.id;
        return message.truncate().to_vec().ok();
    }
    bytes.get_mut(..2)?.copy_from_slice(&query.metadata.id.to_be_bytes());
    Some(bytes)
}
