//! An HTTP/1.1 client that sends unmodified bytes over TCP or TLS, and reports a closed connection as an outcome.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::certs::{Authority, Identity};
use crate::http1;
use crate::response::Response;
use crate::verify::ByChain;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Opens connections to one port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Client {
    port: u16,
    source: Ipv4Addr,
    tls: Option<Tls>,
}

#[derive(Clone, Debug)]
struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// The reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The response.
    Response(Response),
    /// The connection was reset or closed before a complete head, or the handshake failed. The text is a description.
    Closed(String),
}

/// An open connection, which can also read and write arbitrary bytes.
pub struct Connection {
    stream: BufReader<Stream>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Client {
    /// Returns a client without TLS.
    #[must_use]
    pub fn plaintext(port: u16) -> Self {
        Self { port, source: Ipv4Addr::LOCALHOST, tls: None }
    }

    /// Returns a client that accepts every server certificate of `authority`, and sends the certificate of `identity`.
    pub fn tls(port: u16, authority: &Authority, identity: Option<&Identity>) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes())?)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(ByChain { roots, provider }));
        let config = match identity {
            Some(identity) => builder.with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?,
            )?,
            None => builder.with_no_client_auth(),
        };
        // An address is never sent as SNI.
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
        let tls = Some(Tls { config: Arc::new(config), name });
        Ok(Self { port, source: Ipv4Addr::LOCALHOST, tls })
    }

    /// Sets the source address, which must be in 127.0.0.0/8.
    #[must_use]
    pub fn from_address(self, source: Ipv4Addr) -> Self {
        Self { source, ..self }
    }

    /// Sets the server name (SNI).
    pub fn with_server_name(mut self, name: &str) -> Result<Self> {
        if let Some(tls) = &mut self.tls {
            tls.name = ServerName::try_from(name.to_owned()).with_context(|| {
                format!("invalid server name `{name}`\nhelp: a server name must be a DNS name")
            })?;
        }
        Ok(self)
    }

    /// Whether the client uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Sends one request over a new connection.
    pub fn request(&self, bytes: &[u8]) -> io::Result<Reply> {
        self.connect()?.request(bytes)
    }

    /// Opens a connection. The TLS handshake takes place with the first bytes.
    pub fn connect(&self) -> io::Result<Connection> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let tcp = match self.source {
            Ipv4Addr::LOCALHOST => TcpStream::connect_timeout(&address, TIMEOUT)?,
            source => {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                socket.bind(&SocketAddr::from((source, 0)).into())?;
                socket.connect_timeout(&address.into(), TIMEOUT)?;
                socket.into()
            }
        };
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(TIMEOUT))?;
        tcp.set_write_timeout(Some(TIMEOUT))?;
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some(tls) => {
                let session = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone())
                    .map_err(io::Error::other)?;
                Stream::Tls(Box::new(StreamOwned::new(session, tcp)))
            }
        };
        Ok(Connection { stream: BufReader::new(stream) })
    }
}

impl Connection {
    /// Sends the bytes of a request and reads the response. A server that does not answer in time is an error, not an outcome.
    pub fn request(&mut self, bytes: &[u8]) -> io::Result<Reply> {
        let sent = self.write_all(bytes).and_then(|()| self.flush());
        let answer = self.read_reply(bytes.starts_with(b"HEAD "))?;
        match (answer, sent) {
            // The server answered early, then reset the connection while the client still sent: the answer counts.
            (Reply::Response(response), _) => Ok(Reply::Response(response)),
            (_, Err(error)) if is_closed(&error) => Ok(Reply::Closed(error.to_string())),
            (_, Err(error)) => Err(error),
            (closed, Ok(())) => Ok(closed),
        }
    }

    /// Reads the response to a request that was sent before. A response to HEAD has no body.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not answer in time or its answer is not HTTP.
    pub fn read_reply(&mut self, to_head: bool) -> io::Result<Reply> {
        match http1::read_response(&mut self.stream, to_head) {
            Ok(Some(response)) => Ok(Reply::Response(response)),
            Ok(None) => Ok(Reply::Closed("end of stream before an answer".to_owned())),
            Err(error) if is_closed(&error) => Ok(Reply::Closed(error.to_string())),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response(response) => write!(f, "{} {}", response.status, response.text()),
            Self::Closed(reason) => write!(f, "closed: {reason}"),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.get_mut() {
            Stream::Plain(tcp) => tcp.write(bytes),
            Stream::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.stream.get_mut() {
            Stream::Plain(tcp) => tcp.flush(),
            Stream::Tls(tls) => tls.flush(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

/// Whether the peer ended the connection. rustls reports an alert as invalid data.
fn is_closed(error: &io::Error) -> bool {
    let alert = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::AlertReceived(_)));
    alert
        || matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof
        )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use rustls::server::WebPkiClientVerifier;
    use rustls::{ServerConfig, ServerConnection};

    use super::*;
    use crate::certs::Names;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    fn serve(handle: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || handle(listener.accept().unwrap().0));
        port
    }

    fn serve_tls(mesh: &Authority, server: &Identity) -> u16 {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(mesh.pem().as_bytes()).unwrap()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(server.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap(),
            )
            .unwrap();
        serve(move |tcp| {
            let session = ServerConnection::new(Arc::new(config)).unwrap();
            let mut tls = StreamOwned::new(session, tcp);
            if tls.read(&mut [0; 1024]).is_ok() {
                tls.write_all(ANSWER).unwrap();
            }
        })
    }

    #[test]
    fn answer_is_reported_as_response() {
        let port = serve(|mut tcp| {
            tcp.read_exact(&mut [0; REQUEST.len()]).unwrap();
            tcp.write_all(ANSWER).unwrap();
        });
        let Reply::Response(response) = Client::plaintext(port).request(REQUEST).unwrap() else {
            panic!("closed")
        };
        assert_eq!((response.status, response.text()), (200, "ok".to_owned()));
    }

    #[test]
    fn connection_end_without_answer_is_reported_as_closed() {
        let port = serve(|mut tcp| {
            tcp.read_exact(&mut [0; REQUEST.len()]).unwrap();
        });
        assert!(matches!(Client::plaintext(port).request(REQUEST).unwrap(), Reply::Closed(_)));
    }

    #[test]
    fn mutual_tls_between_workloads_succeeds() {
        let mesh = Authority::new("cluster.local").unwrap();
        let identity = mesh.issue(&Names::workload("cluster.local", "foo", "sleep")).unwrap();
        let client = Client::tls(serve_tls(&mesh, &identity), &mesh, Some(&identity)).unwrap();
        assert!(matches!(client.request(REQUEST).unwrap(), Reply::Response(_)));
    }

    #[test]
    fn client_without_certificate_is_closed() {
        let mesh = Authority::new("cluster.local").unwrap();
        let identity = mesh.issue(&Names::workload("cluster.local", "foo", "sample")).unwrap();
        let client = Client::tls(serve_tls(&mesh, &identity), &mesh, None).unwrap();
        assert!(matches!(client.request(REQUEST).unwrap(), Reply::Closed(_)));
    }

    #[test]
    fn server_of_another_authority_is_an_error() {
        let (mesh, other) = (Authority::new("cluster.local").unwrap(), Authority::new("other").unwrap());
        let identity = mesh.issue(&Names::workload("cluster.local", "foo", "sample")).unwrap();
        let client = Client::tls(serve_tls(&mesh, &identity), &other, Some(&identity)).unwrap();
        assert!(client.request(REQUEST).unwrap_err().to_string().contains("certificate"));
    }

    #[test]
    fn error_of_invalid_server_name_contains_help() {
        let mesh = Authority::new("cluster.local").unwrap();
        let error = Client::tls(1, &mesh, None).unwrap().with_server_name("a b").unwrap_err();
        assert!(error.to_string().contains("must be a DNS name"), "{error}");
    }
}
