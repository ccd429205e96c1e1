//! Ports that are reserved before Envoy starts, for policies and clients that contain the port number.

use core::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

/// A TCP port of 127.0.0.1. The system gives it to no other socket while this value exists.
///
/// Envoy can still listen on the port: its listeners share a port with other sockets of the same user. Without a
/// reservation, another Envoy could open the same port, and both would receive its connections.
#[derive(Debug)]
pub struct ReservedPort {
    _socket: Socket,
    number: u16,
}

impl ReservedPort {
    /// Reserves a port that the system chooses.
    ///
    /// # Errors
    ///
    /// Returns an error if no port is free.
    pub fn new() -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        // If this option were set before the bind, the system could choose the port of another reservation.
        socket.set_reuse_port(true)?;
        let address = socket.local_addr()?.as_socket().context("a socket of IPv4 has an address")?;
        Ok(Self { _socket: socket, number: address.port() })
    }

    /// Returns the number of the port.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_port_accepts_only_sharing_listeners() {
        let port = ReservedPort::new().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number())).into();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        assert!(socket.bind(&address).is_err());
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address).unwrap();
        socket.listen(1).unwrap();
        assert_ne!(ReservedPort::new().unwrap().number(), port.number());
    }
}
