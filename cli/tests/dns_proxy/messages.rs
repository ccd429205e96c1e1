//! Messages that no resolver sends, and answers that no correct server sends.

use crate::{
    proxy::{Proxy, folder},
    upstream::{RawUpstream, Upstream},
};
use core::time::Duration;
use hickory_resolver::proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const SOON: Duration = Duration::from_secs(20);

fn query(names: &[&str]) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    for name in names {
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    }
    message
}

async fn look_up(proxy: &Proxy, query: &Message) -> Message {
    let bytes = proxy.datagram(&query.to_vec().unwrap(), SOON).await.expect("an answer");
    let answer = Message::from_vec(&bytes).unwrap();
    assert_eq!(answer.metadata.id, query.metadata.id);
    answer
}

async fn look_up_by_tcp(proxy: &Proxy, query: &Message) -> Message {
    let mut stream = TcpStream::connect(proxy.dns).await.unwrap();
    send_by_tcp(&mut stream, query).await;
    receive_by_tcp(&mut stream).await
}

async fn send_by_tcp(stream: &mut TcpStream, query: &Message) {
    let bytes = query.to_vec().unwrap();
    stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
}

async fn receive_by_tcp(stream: &mut TcpStream) -> Message {
    let length = stream.read_u16().await.unwrap();
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await.unwrap();
    Message::from_vec(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_dropped_and_invalid_query_gets_error() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let bytes = query(&["www.example.com."]).to_vec().unwrap();
    let mut response = bytes.clone();
    response[2] |= 0x80;
    for noise in [&b"hello"[..], &[], &response] {
        assert_eq!(proxy.datagram(noise, Duration::from_millis(100)).await, None);
    }
    let refused = proxy.datagram(&bytes[..20], SOON).await.unwrap();
    assert_eq!(Message::from_vec(&refused).unwrap().metadata.response_code, ResponseCode::FormErr);
    let empty = look_up(&proxy, &query(&[])).await;
    assert_eq!(empty.metadata.response_code, ResponseCode::FormErr);
    assert_eq!(upstream.take_names(), [""; 0]);
    assert_eq!(
        look_up(&proxy, &query(&["www.example.com."])).await.answers.len(),
        1,
        "the proxy still answers"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_question_is_decided_and_forwarded() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let answer = look_up(&proxy, &query(&["www.example.com.", "www.example.org."])).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 1));
    assert_eq!(upstream.take_names(), ["www.example.com."]);
    let answer = look_up(&proxy, &query(&["www.example.org.", "www.example.com."])).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    assert_eq!(upstream.take_names(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_outside_the_chain_are_forwarded_and_recorded_since_1_18() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let answer = look_up(&proxy, &query(&["poison.example.com."])).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 2));
    assert_eq!(proxy.connect("203.0.113.40", 443).await, "allow");
    assert_eq!(proxy.connect("203.0.113.41", 443).await, "allow");
    let answer = look_up(&proxy, &query(&["below.example.com."])).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 3));
    assert_eq!(proxy.connect("203.0.113.80", 443).await, "allow");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_outside_the_chain_are_refused_up_to_1_17() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let more = ["--option", "ciliumVersion=1.17"];
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &more);
    let answer = look_up(&proxy, &query(&["poison.example.com."])).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::ServFail, 0));
    assert_eq!(proxy.connect("203.0.113.40", 443).await, "deny");
    assert!(proxy.event("failed")["detail"].as_str().unwrap().contains("`www.bank.example.`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_server_fails_only_its_own_lookup() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &["--max-lookups", "2"]);
    let silent = query(&["silent.example.com."]);
    let (one, other) = tokio::join!(look_up(&proxy, &silent), async {
        while upstream.take_names().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        look_up(&proxy, &query(&["www.example.com."])).await
    });
    assert_eq!(one.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(other.answers.len(), 1);
    let by_tcp = look_up_by_tcp(&proxy, &silent).await;
    assert_eq!(by_tcp.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test(flavor = "multi_thread")]
async fn lookup_beyond_limit_fails_and_refusal_needs_no_slot() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start_patient(folder.path(), upstream.address, &["--max-lookups", "1"]);
    let bytes = query(&["silent.example.com."]).to_vec().unwrap();
    assert_eq!(proxy.datagram(&bytes, Duration::from_millis(1)).await, None);
    while upstream.take_names().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let code = async |name: &str| {
        let (by_udp, by_tcp) =
            (look_up(&proxy, &query(&[name])).await, look_up_by_tcp(&proxy, &query(&[name])).await);
        assert_eq!(by_udp.metadata.response_code, by_tcp.metadata.response_code);
        by_udp.metadata.response_code
    };
    assert_eq!(code("www.example.com.").await, ResponseCode::ServFail);
    assert_eq!(proxy.event("failed")["detail"], "too many lookups are in flight");
    assert_eq!(code("www.example.org.").await, ResponseCode::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_lookup_does_not_wait_for_a_slow_one() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start_patient(folder.path(), upstream.address, &[]);
    let mut stream = TcpStream::connect(proxy.dns).await.unwrap();
    let fast = query(&["www.example.com."]);
    for query in [&query(&["silent.example.com."]), &fast] {
        send_by_tcp(&mut stream, query).await;
    }
    assert_eq!(receive_by_tcp(&mut stream).await.metadata.id, fast.metadata.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answer_is_truncated_over_udp_and_complete_over_tcp() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let mut many = query(&["many.example.com."]);
    let cut = look_up(&proxy, &many).await;
    assert!(cut.metadata.truncation && cut.answers.len() < 120, "{cut:?}");
    assert!(cut.to_vec().unwrap().len() <= 512);
    let whole = look_up_by_tcp(&proxy, &many).await;
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 120);
    assert_eq!(proxy.connect("198.51.100.119", 443).await, "allow");
    many.set_edns(Edns::new());
    many.edns.as_mut().unwrap().set_max_payload(4096);
    let whole = look_up(&proxy, &many).await;
    assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 120));
}

/// Returns the response to `query` with these flags and counts, and `rest` after the question.
fn response(query: &[u8], flags: [u8; 2], counts: [u8; 8], rest: &[u8]) -> Vec<u8> {
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
    let question = &query[12..12 + name + 5];
    [&query[..2], &flags, &counts, question, rest].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_answer_of_the_server_fails_at_once() {
    let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c";
    /// A function that creates an answer from a query and the fixed part of an address record.
    type MakeAnswer = fn(&[u8], &[u8]) -> Vec<u8>;
    let cases: [MakeAnswer; 7] = [
        // An address of three bytes.
        |query, record| {
            response(query, [0x81, 0x80], [0, 1, 0, 1, 0, 0, 0, 0], &[record, b"\0\x03\x01\x02\x03"].concat())
        },
        // A name whose pointer refers to itself.
        |query, _| {
            response(query, [0x81, 0x80], [0, 1, 0, 1, 0, 0, 0, 0], b"\xc0\x21\0\x01\0\x01\0\0\0\x3c\0\0")
        },
        // A count that exceeds the number of records.
        |query, _| response(query, [0x81, 0x80], [0, 1, 0xff, 0xff, 0, 0, 0, 0], b""),
        // A count of two questions with one question.
        |query, _| response(query, [0x81, 0x80], [0, 2, 0, 0, 0, 0, 0, 0], b""),
        // A success without a question.
        |query, _| [&query[..2], b"\x81\x80\0\0\0\0\0\0\0\0"].concat(),
        // A header alone.
        |query, _| [&query[..2], b"\x81\x80\0\x01\0\0\0\0\0\0"].concat(),
        // Two OPT records.
        |query, _| {
            let opt = b"\0\0\x29\x10\0\0\0\0\0\0\0";
            response(query, [0x81, 0x80], [0, 1, 0, 0, 0, 0, 0, 2], &[&opt[..], opt].concat())
        },
    ];
    for (n, case) in cases.into_iter().enumerate() {
        let upstream = RawUpstream::start(move |query| vec![case(query, record)]);
        let folder = folder();
        let proxy = Proxy::start_patient(folder.path(), upstream.address, &[]);
        let answer = look_up(&proxy, &query(&["www.example.com."])).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "case {n}");
        proxy.event("failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_other_queries_are_ignored() {
    let upstream = RawUpstream::start(|query| {
        let right = response(query, [0x81, 0x83], [0, 1, 0, 0, 0, 0, 0, 0], b"");
        let changed = |at: usize, by: u8| {
            let mut other = response(query, [0x81, 0x80], [0, 1, 0, 0, 0, 0, 0, 0], b"");
            other[at] ^= by;
            other
        };
        // Another ID, a query, another name, another type, and a truncated message, whose ID is ignored.
        vec![changed(0, 1), changed(2, 0x80), changed(13, 1), changed(30, 1), right[..11].to_vec(), right]
    });
    let folder = folder();
    let proxy = Proxy::start_patient(folder.path(), upstream.address, &[]);
    let answer = look_up(&proxy, &query(&["www.example.com."])).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test(flavor = "multi_thread")]
async fn separate_lookups_have_their_own_ports_and_ids() {
    let upstream =
        RawUpstream::start(|query| vec![response(query, [0x81, 0x83], [0, 1, 0, 0, 0, 0, 0, 0], b"")]);
    let folder = folder();
    let proxy = Proxy::start_patient(folder.path(), upstream.address, &[]);
    for _ in 0..50 {
        look_up(&proxy, &query(&["www.example.com."])).await;
    }
    let mut ports = upstream.ports.lock().unwrap().clone();
    ports.sort_unstable();
    ports.dedup();
    // The system selects ports at random, so some ports repeat.
    assert!(ports.len() >= 45, "{ports:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn burst_of_lookups_is_answered_to_each_client() {
    let upstream =
        RawUpstream::start(|query| vec![response(query, [0x81, 0x83], [0, 1, 0, 0, 0, 0, 0, 0], b"")]);
    let folder = folder();
    let proxy = Proxy::start_patient(folder.path(), upstream.address, &[]);
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(proxy.dns).await.unwrap();
    for round in 0..10u16 {
        let mut ids: Vec<u16> = (0..64).map(|n| round * 64 + n).collect();
        for id in &ids {
            let mut query = query(&[&format!("n{id}.example.com.")]);
            query.metadata.id = *id;
            socket.send(&query.to_vec().unwrap()).await.unwrap();
        }
        let mut buffer = [0; 512];
        while !ids.is_empty() {
            let length = tokio::time::timeout(SOON, socket.recv(&mut buffer)).await.unwrap().unwrap();
            let answer = Message::from_vec(&buffer[..length]).unwrap();
            let id = answer.metadata.id;
            assert_eq!(answer.queries[0].name().to_string(), format!("n{id}.example.com."));
            ids.retain(|waiting| *waiting != id);
        }
    }
}
