//! One exchange with the server: the same protocol as the client's, a socket of its own each time.

use crate::message::answers;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use hickory_proto::op::Message;
use palisade::Protocol;
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// An answer as it came, and as it was read.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) bytes: Vec<u8>,
    pub(crate) message: Message,
}

/// Sends `query` and waits for its answer, at most for `limit`.
pub(crate) async fn exchange(
    server: SocketAddr,
    query: &Message,
    protocol: Protocol,
    limit: Duration,
) -> io::Result<Response> {
    let bytes = query.to_vec().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let exchange = async {
        match protocol {
            Protocol::Tcp => by_tcp(server, query, &bytes).await,
            _ => by_udp(server, query, &bytes).await,
        }
    };
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer from {server} in {limit:?}"));
    timeout(limit, exchange).await.map_err(late)?
}

/// A fresh socket means a fresh source port; datagrams that answer something else are passed over.
async fn by_udp(server: SocketAddr, query: &Message, bytes: &[u8]) -> io::Result<Response> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if let Ok(message) = Message::from_vec(bytes)
            && answers(&message, query)
        {
            return Ok(Response { bytes: bytes.to_vec(), message });
        }
    }
}

async fn by_tcp(server: SocketAddr, query: &Message, bytes: &[u8]) -> io::Result<Response> {
    let mut stream = TcpStream::connect(server).await?;
    write(&mut stream, bytes).await?;
    let wrong = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let bytes = read(&mut stream).await?.ok_or_else(|| wrong("the server closed the connection"))?;
    let message = Message::from_vec(&bytes).map_err(|error| wrong(&error.to_string()))?;
    if !answers(&message, query) {
        return Err(wrong("the server answers something else"));
    }
    Ok(Response { bytes, message })
}

/// Writes one message with its length in front.
pub(crate) async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a message of more than 65535 bytes"))?;
    let framed: Vec<u8> = length.to_be_bytes().iter().chain(bytes).copied().collect();
    stream.write_all(&framed).await
}

/// Reads one message; none where the other end is done.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}
