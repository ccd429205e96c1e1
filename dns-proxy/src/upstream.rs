//! Lookups at the upstream server over TCP, and DNS messages on streams.

use crate::lookup::Lookup;
use core::{net::SocketAddr, time::Duration};
use std::io;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Sends `lookup` on a new connection and returns the next message, which can be unrelated to it.
pub(crate) async fn exchange(
    server: SocketAddr,
    lookup: &mut Lookup,
    limit: Duration,
) -> io::Result<Vec<u8>> {
    lookup.sent.set_id(rand::random());
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        write(&mut stream, lookup.sent.bytes()).await?;
        let closed = || io::Error::new(io::ErrorKind::InvalidData, "the server closed the connection");
        read(&mut stream).await?.ok_or_else(closed)
    };
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer from {server} in {limit:?}"));
    timeout(limit, exchange).await.map_err(late)?
}

/// Writes one message, preceded by its length.
pub(crate) async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a message of more than 65535 bytes"))?;
    let framed: Vec<u8> = length.to_be_bytes().iter().chain(bytes).copied().collect();
    stream.write_all(&framed).await
}

/// Reads one message, or returns `None` at the end of the stream.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
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
