//! Messages on the wire, and what the engine needs of them.

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, ResponseCode},
    rr::{DNSClass, Name, RData, Record},
};
use palisade::{AnswerError, DnsData, DnsRecord, Taught, flow::DnsCode, taught};

/// Bytes of a header: what is shorter is no message.
pub(crate) const HEADER: usize = 12;

/// A query that was read, or what is to be said instead.
#[derive(Debug)]
pub(crate) enum Received {
    Query(Box<Message>),
    /// An answer for somebody whose message is wrong.
    Wrong(Box<Message>),
    /// Nothing: an answer would only help those who send noise or forge addresses.
    Noise,
}

/// Reads what a client sent.
pub(crate) fn receive(bytes: &[u8]) -> Received {
    let [id0, id1, flags, ..] = bytes else { return Received::Noise };
    if bytes.len() < HEADER || flags & 0x80 != 0 {
        return Received::Noise;
    }
    let answer = |op_code, code| {
        let message = Message::error_msg(u16::from_be_bytes([*id0, *id1]), op_code, code);
        Received::Wrong(Box::new(message))
    };
    let op_code = OpCode::from_u8((flags >> 3) & 0x0f);
    match Message::from_vec(bytes) {
        _ if op_code != OpCode::Query => answer(op_code, ResponseCode::NotImp),
        Ok(message) => Received::Query(Box::new(message)),
        Err(_) => answer(op_code, ResponseCode::FormErr),
    }
}

/// The names of the questions.
pub(crate) fn questions(query: &Message) -> Vec<String> {
    query.queries.iter().map(|question| text(question.name())).collect()
}

/// What goes to the server: the first question, which is the one that was judged, and nothing that was not read.
pub(crate) fn forwarded(query: &Message) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.checking_disabled = query.metadata.checking_disabled;
    message.metadata.authentic_data = query.metadata.authentic_data;
    message.add_queries(query.queries.first().cloned());
    message.edns = query.edns.clone();
    message
}

/// Whether `response` answers `sent`.
pub(crate) fn answers(response: &Message, sent: &Message) -> bool {
    response.metadata.message_type == MessageType::Response
        && response.metadata.id == sent.metadata.id
        && match (response.queries.as_slice(), sent.queries.first()) {
            ([one], Some(asked)) => {
                one.query_type() == asked.query_type()
                    && one.query_class() == asked.query_class()
                    && text(one.name()).eq_ignore_ascii_case(&text(asked.name()))
            }
            // Some servers leave the question out where they answer with an error.
            ([], _) => response.metadata.response_code != ResponseCode::NoError,
            _ => false,
        }
}

/// What the proxy says itself.
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

/// What `response` teaches about `name`.
pub(crate) fn learned(name: &str, response: &Message) -> Result<Taught, AnswerError> {
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
    taught(name, &records)
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

/// A name as text, each label with its dot. A byte that is no letter, digit, `-`, `_` or `*` is written `\DDD`, so that
/// no two names have the same text: a label may contain a dot.
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
    fn names_of_other_bytes_have_a_text_of_their_own() {
        let name = |labels: &[&[u8]]| text(&Name::from_labels(labels.iter().copied()).unwrap());
        assert_eq!(name(&[b"www", b"x", b"io"]), "www.x.io.");
        assert_eq!(name(&[b"www.x", b"io"]), "www\\046x.io.");
        assert_eq!(name(&[b"a b\\", b"\xff"]), "a\\032b\\092.\\255.");
        assert_eq!(text(&Name::root()), ".");
    }

    #[test]
    fn noise_gets_nothing_and_a_broken_query_is_told() {
        assert!(matches!(receive(b""), Received::Noise));
        assert!(matches!(receive(&[0; 11]), Received::Noise));
        let mut bytes = query("a.io.").to_vec().unwrap();
        assert!(matches!(receive(&bytes), Received::Query(_)));
        let Received::Wrong(wrong) = receive(&bytes[..20]) else { panic!("it was cut off") };
        assert_eq!(wrong.metadata.response_code, ResponseCode::FormErr);
        assert_eq!(wrong.metadata.id.to_be_bytes(), bytes[..2]);
        bytes[2] |= 0x80;
        assert!(matches!(receive(&bytes), Received::Noise));
        bytes[2] = 0x28;
        let Received::Wrong(wrong) = receive(&bytes) else { panic!("an update is no query") };
        assert_eq!(wrong.metadata.response_code, ResponseCode::NotImp);
    }

    #[test]
    fn only_the_question_that_was_judged_goes_on() {
        let mut message = query("a.io.");
        message.add_query(Query::query(Name::from_ascii("evil.io.").unwrap(), RecordType::A));
        let record = Record::from_rdata(Name::from_ascii("x.io.").unwrap(), 1, RData::A(A::new(1, 2, 3, 4)));
        message.add_additional(record);
        let sent = forwarded(&message);
        assert_eq!(questions(&message), ["a.io.", "evil.io."]);
        assert_eq!(questions(&sent), ["a.io."]);
        assert!(sent.additionals.is_empty() && sent.answers.is_empty());
    }

    #[test]
    fn an_answer_is_one_to_what_was_sent() {
        let sent = query("a.io.");
        let mut response = sent.clone().into_response();
        assert!(answers(&response, &sent));
        assert!(!answers(&sent, &sent), "a query is no answer");
        response.metadata.id ^= 1;
        assert!(!answers(&response, &sent));
        let mut other = query("b.io.").into_response();
        other.metadata.id = sent.metadata.id;
        assert!(!answers(&other, &sent));
        other.queries.clear();
        assert!(!answers(&other, &sent));
        other.metadata.response_code = ResponseCode::ServFail;
        assert!(answers(&other, &sent));
    }

    #[test]
    fn addresses_of_another_class_teach_nothing() {
        let mut response = query("a.io.").into_response();
        let name = Name::from_ascii("a.io.").unwrap();
        let mut record = Record::from_rdata(name, 7, RData::A(A::new(192, 0, 2, 1)));
        response.add_answer(record.clone());
        assert_eq!(learned("a.io.", &response).unwrap().addresses.len(), 1);
        record.dns_class = DNSClass::CH;
        response.answers = vec![record];
        assert!(learned("a.io.", &response).unwrap().addresses.is_empty());
    }
}
