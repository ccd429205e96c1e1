//! The upstream server of the proxy: hickory with a zone of records for the tests.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use hickory_server::{
    net::runtime::Time,
    proto::{
        op::{Edns, Metadata, ResponseCode},
        rr::{
            LowerName, Name, RData, Record, RecordType,
            rdata::{CNAME, NULL},
        },
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo, Server},
    zone_handler::MessageResponseBuilder,
};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, UdpSocket};

/// A server over UDP whose answers are bytes from the test.
pub(crate) struct RawUpstream {
    pub(crate) address: SocketAddr,
    /// The source ports of the queries, in order.
    pub(crate) ports: Arc<Mutex<Vec<u16>>>,
}

impl RawUpstream {
    /// Starts a server that sends the datagrams which `answers` returns for each query.
    pub(crate) fn start(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let ports = Arc::new(Mutex::new(Vec::new()));
        let of_thread = Arc::clone(&ports);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                of_thread.lock().unwrap().push(client.port());
                for answer in answers(&buffer[..length]) {
                    socket.send_to(&answer, client).unwrap();
                }
            }
        });
        Self { address, ports }
    }
}

/// A server on its own port, with the names of its queries.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    names: Arc<Mutex<Vec<String>>>,
    _server: Server<Zone>,
}

#[derive(Clone)]
struct Zone(Arc<Mutex<Vec<String>>>);

impl Upstream {
    pub(crate) async fn start() -> Self {
        let names = Arc::new(Mutex::new(Vec::new()));
        let mut server = Server::new(Zone(Arc::clone(&names)));
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, udp);
            }
        };
        let address = udp.local_addr().unwrap();
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 64);
        Self { address, names, _server: server }
    }

    /// Returns the names of the queries since the last call.
    pub(crate) fn take_names(&self) -> Vec<String> {
        core::mem::take(&mut *self.names.lock().unwrap())
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn address(owner: &str, ttl: u32, ip: &str) -> Record {
    let data = match ip.parse::<IpAddr>().unwrap() {
        IpAddr::V4(ip) => RData::A(ip.into()),
        IpAddr::V6(ip) => RData::AAAA(ip.into()),
    };
    Record::from_rdata(name(owner), ttl, data)
}

/// Returns a DNAME record. hickory supports it only by its number, 39.
fn dname(target: &str) -> RData {
    let mut bytes = Vec::new();
    for label in name(target).iter() {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label);
    }
    bytes.push(0);
    RData::Unknown { code: RecordType::from(39), rdata: NULL::with(bytes) }
}

/// Returns the records of `queried` or an error; `None` if the server sends no response.
fn records(queried: &LowerName, kind: RecordType) -> Option<Result<Vec<Record>, ResponseCode>> {
    let text = queried.to_string();
    if kind != RecordType::A && !text.starts_with("six") {
        return Some(Ok(Vec::new()));
    }
    Some(Ok(match text.as_str() {
        "www.example.com." => vec![address("www.example.com.", 300, "203.0.113.10")],
        "short.example.com." => vec![address("short.example.com.", 1, "203.0.113.20")],
        "six.example.com." if kind == RecordType::AAAA => {
            vec![address("six.example.com.", 300, "2001:db8::10")]
        }
        "alias.example.com." => vec![
            Record::from_rdata(
                name("alias.example.com."),
                300,
                RData::CNAME(CNAME(name("edge.example.net."))),
            ),
            address("edge.example.net.", 300, "203.0.113.30"),
        ],
        "poison.example.com." => vec![
            address("poison.example.com.", 300, "203.0.113.40"),
            address("www.bank.example.", 300, "203.0.113.41"),
        ],
        "many.example.com." => {
            (0..120).map(|n| address("many.example.com.", 300, &format!("198.51.100.{n}"))).collect()
        }
        "zero.example.com." => vec![address("zero.example.com.", 0, "203.0.113.60")],
        "sixmapped.example.com." => {
            vec![address(&text, 300, "::ffff:203.0.113.70")]
        }
        // The answer for a name below a DNAME: the DNAME, the alias that follows from it, the address.
        "below.example.com." => vec![
            Record::from_rdata(name("example.com."), 300, dname("example.net.")),
            Record::from_rdata(
                name("below.example.com."),
                300,
                RData::CNAME(CNAME(name("below.example.net."))),
            ),
            address("below.example.net.", 300, "203.0.113.80"),
        ],
        shared if shared.starts_with("shared") => vec![address(shared, 300, "203.0.113.90")],
        "silent.example.com." => return None,
        _ => return Some(Err(ResponseCode::NXDomain)),
    }))
}

#[async_trait::async_trait]
impl RequestHandler for Zone {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let info = request.request_info().unwrap();
        let query = info.query;
        self.0.lock().unwrap().push(query.name().to_string());
        let Some(found) = records(query.name(), query.query_type()) else { core::future::pending().await };
        let mut metadata = Metadata::response_from_request(info.metadata);
        metadata.authoritative = true;
        let answers = found.unwrap_or_else(|code| {
            metadata.response_code = code;
            Vec::new()
        });
        // Like some servers, this one sends long datagrams to every client.
        let mut edns = Edns::new();
        edns.set_max_payload(4096);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        builder.edns(&edns);
        let none: [&Record; 0] = [];
        let response = builder.build(metadata, answers.iter(), none, none, none);
        handle.send_response(response).await.unwrap()
    }
}
