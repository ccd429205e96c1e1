//! DNS messages on the wire, and their values for the engine.

use hickory_proto::{
    op::{Edns, Message, OpCode, ResponseCode},
    rr::{DNSClass, Name, RData, Record},
};
use palisade::{AnswerError, CiliumVersion, DnsAnswer, DnsData, DnsRecord, flow::DnsCode, resolve_answer};

/// The number of bytes of a DNS header.
pub(crate) const HEADER: usize = 12;

/// A message from a client.
#[derive(Debug)]
pub(crate) enum Received {
    Query(Box<Message>),
    /// The error response to an invalid message.
    Invalid(Box<Message>),
    /// Not a query. The proxy sends no response, which would help senders with forged addresses.
    Noise,
}

/// Parses the message of a client.
pub(crate) fn receive(bytes: &[u8]) -> Received {
    let [id0, id1, flags, ..] = bytes else { return Received::Noise };
    if bytes.len() < HEADER || flags & 0x80 != 0 {
        return Received::Noise;
    }
    let answer = |op_code, code| {
        let message = Message::error_msg(u16::from_be_bytes([*id0, *id1]), op_code, code);
        Received::Invalid(Box::new(message))
    };
    let op_code = OpCode::from_u8((flags >> 3) & 0x0f);
    match Message::from_vec(bytes) {
        _ if op_code != OpCode::Query => answer(op_code, ResponseCode::NotImp),
        Ok(message) => Received::Query(Box::new(message)),
        Err(_) => answer(op_code, ResponseCode::FormErr),
    }
}

/// The message to the upstream server: the first question, which policies decided, and no bytes that were not parsed.
#[derive(Clone, Debug)]
pub(crate) struct Forwarded {
    bytes: Vec<u8>,
    /// The end of the name in the question, before type and class.
    name_end: usize,
}

/// The relation of a message to a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMatch {
    /// It belongs to another lookup.
    Other,
    /// It is the response.
    Answer,
    /// It has the ID of the lookup, and is invalid or has no question.
    Broken,
}

impl Forwarded {
    pub(crate) fn new(query: &Message) -> Option<Self> {
        let mut message = Message::query();
        message.metadata.recursion_desired = query.metadata.recursion_desired;
        message.metadata.checking_disabled = query.metadata.checking_disabled;
        message.metadata.authentic_data = query.metadata.authentic_data;
        message.add_queries(query.queries.first().cloned());
        message.edns = query.edns.clone();
        let bytes = message.to_vec().ok()?;
        let name_end = name_end(&bytes)?;
        Some(Self { bytes, name_end })
    }

    pub(crate) fn set_id(&mut self, id: u16) {
        if let Some(first) = self.bytes.first_chunk_mut() {
            *first = id.to_be_bytes();
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Compares `response` with this message. The case of the name can differ.
    pub(crate) fn compare(&self, response: &[u8]) -> ResponseMatch {
        if response_id(response).is_none_or(|id| !self.bytes.starts_with(&id.to_be_bytes())) {
            return ResponseMatch::Other;
        }
        match (response.get(4..6), response.get(3).map(|flags| flags & 0x0f)) {
            (Some([0, 1]), _) => {}
            // Some servers omit the question in an error response.
            (Some([0, 0]), Some(code)) if code != 0 => return ResponseMatch::Answer,
            _ => return ResponseMatch::Broken,
        }
        let (name, kind) = (HEADER..self.name_end, self.name_end..self.name_end + 4);
        let is_same = |range: core::ops::Range<usize>, same: fn(&[u8], &[u8]) -> bool| matches!((self.bytes.get(range.clone()), response.get(range)), (Some(a), Some(b)) if same(a, b));
        if is_same(name, <[u8]>::eq_ignore_ascii_case) && is_same(kind, |a, b| a == b) {
            return ResponseMatch::Answer;
        }
        match name_end(response).filter(|end| end + 4 <= response.len()) {
            Some(_) => ResponseMatch::Other,
            None => ResponseMatch::Broken,
        }
    }
}

/// Returns the ID of a response, or `None` for other messages.
pub(crate) fn response_id(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [id0, id1, flags, ..] if bytes.len() >= HEADER && flags & 0x80 != 0 => {
            Some(u16::from_be_bytes([*id0, *id1]))
        }
        _ => None,
    }
}

/// Returns the end of the name in the first question. No name precedes it, so it contains no pointer.
fn name_end(bytes: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + length,
            _ => return None,
        }
    }
}

/// Returns the proxy's own error response.
pub(crate) fn refusal(query: &Message, code: ResponseCode) -> Message {
    let mut message = Message::error_msg(query.metadata.id, query.metadata.op_code, code);
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_queries(query.queries.iter().cloned());
    message.edns = query.edns.as_ref().map(|_| Edns::new());
    message
}

pub(crate) fn response_code(code: DnsCode) -> ResponseCode {
    match code {
        DnsCode::FormErr => ResponseCode::FormErr,
        DnsCode::ServFail => ResponseCode::ServFail,
        DnsCode::NxDomain => ResponseCode::NXDomain,
        DnsCode::Refused => ResponseCode::Refused,
    }
}

/// Returns the addresses and the time to live of `name` in `response`.
pub(crate) fn answer(
    name: &str,
    response: &Message,
    version: CiliumVersion,
) -> Result<DnsAnswer, AnswerError> {
    let owned: Vec<(String, Option<String>)> =
        response.answers.iter().map(|record| (text(&record.name), alias(record))).collect();
    let records: Vec<DnsRecord<'_>> = response
        .answers
        .iter()
        .zip(&owned)
        .map(|(record, (owner, alias))| {
            let data = match (&record.data, alias) {
                (_, Some(target)) => DnsData::Alias(target),
                (RData::A(a), _) if is_internet(record) => DnsData::Address(a.0.into()),
                (RData::AAAA(a), _) if is_internet(record) => DnsData::Address(a.0.into()),
                _ => DnsData::Other,
            };
            DnsRecord { owner, ttl: record.ttl, data }
        })
        .collect();
    resolve_answer(name, &records, version)
}

fn alias(record: &Record) -> Option<String> {
    match &record.data {
        RData::CNAME(target) if is_internet(record) => Some(text(&target.0)),
        _ => None,
    }
}

fn is_internet(record: &Record) -> bool {
    record.dns_class == DNSClass::IN
}

/// Returns a name as text, with a dot after each label. A byte other than a letter, digit, `-`, `_` or `*` becomes `\DDD`,
/// so that different names have different texts: a label can contain a dot.
pub(crate) fn text(name: &Name) -> String {
    let mut text = String::new();
    for label in name.iter() {
        for byte in label {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*') {
                text.push(char::from(*byte));
            } else {
                text.push_str(&format!("\\{byte:03}"));
            }
        }
        text.push('.');
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::{
        op::Query,
        rr::{RecordType, rdata::A},
    };

    fn query(name: &str) -> Message {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        message
    }

    #[test]
    fn names_with_different_bytes_have_different_texts() {
        let name = |labels: &[&[u8]]| text(&Name::from_labels(labels.iter().copied()).unwrap());
        assert_eq!(name(&[b"www", b"x", b"io"]), "www.x.io.");
        assert_eq!(name(&[b"www.x", b"io"]), "www\\046x.io.");
        assert_eq!(name(&[b"a b\\", b"\xff"]), "a\\032b\\092.\\255.");
        assert_eq!(text(&Name::root()), ".");
    }

    #[test]
    fn noise_has_no_response_and_invalid_query_has_error() {
        assert!(matches!(receive(b""), Received::Noise));
        assert!(matches!(receive(&[0; 11]), Received::Noise));
        let mut bytes = query("a.io.").to_vec().unwrap();
        assert!(matches!(receive(&bytes), Received::Query(_)));
        let Received::Invalid(wrong) = receive(&bytes[..20]) else {
            panic!("a truncated query must be invalid")
        };
        assert_eq!(wrong.metadata.response_code, ResponseCode::FormErr);
        assert_eq!(wrong.metadata.id.to_be_bytes(), bytes[..2]);
        bytes[2] |= 0x80;
        assert!(matches!(receive(&bytes), Received::Noise));
        bytes[2] = 0x28;
        let Received::Invalid(wrong) = receive(&bytes) else { panic!("an update must be invalid") };
        assert_eq!(wrong.metadata.response_code, ResponseCode::NotImp);
    }

    #[test]
    fn only_the_decided_question_is_forwarded() {
        let mut message = query("a.io.");
        message.add_query(Query::query(Name::from_ascii("evil.io.").unwrap(), RecordType::A));
        let record = Record::from_rdata(Name::from_ascii("x.io.").unwrap(), 1, RData::A(A::new(1, 2, 3, 4)));
        message.add_additional(record);
        let sent = Message::from_vec(Forwarded::new(&message).unwrap().bytes()).unwrap();
        assert_eq!(sent.queries, query("a.io.").queries);
        assert!(sent.additionals.is_empty() && sent.answers.is_empty());
    }

    #[test]
    fn only_response_with_sent_id_and_question_matches() {
        let mut sent = Forwarded::new(&query("a.io.")).unwrap();
        sent.set_id(7);
        let response = |name: &str, id| {
            let mut message = query(name).into_response();
            message.metadata.id = id;
            message
        };
        let compare = |message: &Message| sent.compare(&message.to_vec().unwrap());
        assert_eq!(compare(&response("A.io.", 7)), ResponseMatch::Answer);
        assert_eq!(compare(&response("a.io.", 8)), ResponseMatch::Other);
        assert_eq!(compare(&response("b.io.", 7)), ResponseMatch::Other);
        assert_eq!(sent.compare(sent.bytes()), ResponseMatch::Other, "a query is not an answer");
        let mut other = response("a.io.", 7);
        other.queries[0].set_query_type(RecordType::AAAA);
        assert_eq!(compare(&other), ResponseMatch::Other);
        other.queries.clear();
        assert_eq!(compare(&other), ResponseMatch::Broken);
        other.metadata.response_code = ResponseCode::ServFail;
        assert_eq!(compare(&other), ResponseMatch::Answer);
        let whole = response("b.io.", 7).to_vec().unwrap();
        for length in HEADER..whole.len() {
            assert_eq!(sent.compare(&whole[..length]), ResponseMatch::Broken, "{length}");
        }
        let mut two = response("a.io.", 7);
        two.add_query(query("b.io.").queries.remove(0));
        assert_eq!(compare(&two), ResponseMatch::Broken);
    }

    #[test]
    fn address_of_another_class_is_not_recorded() {
        let mut response = query("a.io.").into_response();
        let name = Name::from_ascii("a.io.").unwrap();
        let mut record = Record::from_rdata(name, 7, RData::A(A::new(192, 0, 2, 1)));
        response.add_answer(record.clone());
        let addresses =
            |response: &Message| answer("a.io.", response, CiliumVersion::default()).unwrap().addresses.len();
        assert_eq!(addresses(&response), 1);
        record.dns_class = DNSClass::CH;
        response.answers = vec![record];
        assert_eq!(addresses(&response), 0);
    }
}
