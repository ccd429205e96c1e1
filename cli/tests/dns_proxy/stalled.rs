//! The proxy continues, and ends on a signal, if the reader of its log stops or the log is not writable.

use crate::{
    proxy::{Proxy, command, folder},
    upstream::Upstream,
};
use core::time::Duration;
use hickory_resolver::proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};
use std::{fs, net::UdpSocket, process::Command};

/// A number of lines that exceeds the capacity of a pipe.
const LINES: usize = 1_000;

fn query(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_reader_of_the_log_stops_nothing() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    for signal in ["-TERM", "-INT"] {
        let proxy = Proxy::start_stalled(folder.path(), upstream.address, &["--state", "names"]);
        let refused = query("www.example.org.");
        for n in 0..LINES {
            let answer = proxy.datagram(&refused, Duration::from_secs(20)).await;
            assert!(answer.is_some(), "lookup {n}");
        }
        assert!(proxy.resolve("www.example.com.", false).await.is_ok());
        assert!(proxy.resolve("www.example.com.", true).await.is_ok());
        assert_eq!(proxy.connect("203.0.113.10", 443).await, "allow");
        proxy.terminate(signal);
        let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &["--state", "names"]);
        assert_eq!(proxy.connect("203.0.113.10", 443).await, "allow", "the cache is saved");
        proxy.terminate("-TERM");
        fs::remove_file(folder.path().join("names")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_cannot_be_written_stops_nothing() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let more = ["--listen", &address.to_string(), "--http", "127.0.0.1:0", "--state", "names"];
    let mut child =
        command(folder.path(), "foo/sleep", upstream.address, &more).stdout(full).spawn().unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = [0; 512];
    let has_answered = (0..300).any(|_| {
        client.send_to(&query("www.example.com."), address).is_ok() && client.recv(&mut buffer).is_ok()
    });
    assert!(has_answered, "the proxy answers");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(fs::metadata(folder.path().join("names")).unwrap().len() > 100, "the cache is saved");
}
