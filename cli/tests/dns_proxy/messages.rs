//! Messages that no resolver sends, and answers that no server should give.

use crate::{
    proxy::{Proxy, folder},
    upstream::Upstream,
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

async fn ask(proxy: &Proxy, query: &Message) -> Message {
    let bytes = proxy.datagram(&query.to_vec().unwrap(), SOON).await.expect("an answer");
    let answer = Message::from_vec(&bytes).unwrap();
    assert_eq!(answer.metadata.id, query.metadata.id);
    answer
}

async fn ask_by_tcp(proxy: &Proxy, query: &Message) -> Message {
    let mut stream = TcpStream::connect(proxy.dns).await.unwrap();
    let bytes = query.to_vec().unwrap();
    stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let length = stream.read_u16().await.unwrap();
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await.unwrap();
    Message::from_vec(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_dropped_and_a_broken_query_is_told() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let bytes = query(&["www.example.com."]).to_vec().unwrap();
    let mut response = bytes.clone();
    response[2] |= 0x80;
    for noise in [&b"hello"[..], &[], &response] {
        assert_eq!(proxy.datagram(noise, Duration::from_millis(100)).await, None);
    }
    let told = proxy.datagram(&bytes[..20], SOON).await.unwrap();
    assert_eq!(Message::from_vec(&told).unwrap().metadata.response_code, ResponseCode::FormErr);
    let empty = ask(&proxy, &query(&[])).await;
    assert_eq!(empty.metadata.response_code, ResponseCode::FormErr);
    assert_eq!(upstream.asked(), [""; 0]);
    assert_eq!(ask(&proxy, &query(&["www.example.com."])).await.answers.len(), 1, "it is still well");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_question_counts_and_goes_on() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let answer = ask(&proxy, &query(&["www.example.com.", "www.example.org."])).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 1));
    assert_eq!(upstream.asked(), ["www.example.com."]);
    let answer = ask(&proxy, &query(&["www.example.org.", "www.example.com."])).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    assert_eq!(upstream.asked(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_somebody_else_is_a_failure_and_teaches_nothing() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let answer = ask(&proxy, &query(&["poison.example.com."])).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::ServFail, 0));
    assert_eq!(proxy.connect("203.0.113.40", 443).await, "deny");
    assert!(proxy.event("failed")["detail"].as_str().unwrap().contains("`www.bank.example.`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_is_a_failure_and_holds_up_nobody_else() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &["--max-lookups", "2"]);
    let silent = query(&["silent.example.com."]);
    let (one, other) = tokio::join!(ask(&proxy, &silent), async {
        while upstream.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ask(&proxy, &query(&["www.example.com."])).await
    });
    assert_eq!(one.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(other.answers.len(), 1);
    let by_tcp = ask_by_tcp(&proxy, &silent).await;
    assert_eq!(by_tcp.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_lookups_are_dropped() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &["--max-lookups", "1"]);
    let silent = query(&["silent.example.com."]);
    let (one, other) = tokio::join!(ask(&proxy, &silent), async {
        while upstream.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let bytes = query(&["www.example.com."]).to_vec().unwrap();
        proxy.datagram(&bytes, Duration::from_millis(100)).await
    });
    assert_eq!((one.metadata.response_code, other), (ResponseCode::ServFail, None));
    assert_eq!(ask(&proxy, &query(&["www.example.com."])).await.answers.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_cut_off_and_comes_whole_by_tcp() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &[]);
    let mut many = query(&["many.example.com."]);
    let cut = ask(&proxy, &many).await;
    assert!(cut.metadata.truncation && cut.answers.len() < 120, "{cut:?}");
    assert!(cut.to_vec().unwrap().len() <= 512);
    let whole = ask_by_tcp(&proxy, &many).await;
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 120);
    assert_eq!(proxy.connect("198.51.100.119", 443).await, "allow");
    many.set_edns(Edns::new());
    many.edns.as_mut().unwrap().set_max_payload(4096);
    let whole = ask(&proxy, &many).await;
    assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 120));
}
