//! Lookups over UDP. Each thread polls the sockets of clients and of the upstream server, without a task for each lookup.

mod pending;
mod pool;

use self::pending::PendingLookups;
use crate::lookup::{LookupDecision, Shared};
use core::{net::SocketAddr, time::Duration};
use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use palisade::Protocol;
use std::{io, sync::Arc, time::Instant};

/// The token of the clients' socket. Other tokens are sockets of the pool.
const CLIENTS: Token = Token(usize::MAX);
/// The number of client datagrams to process before the next poll.
const BATCH: usize = 32;
/// The interval for closing unused sockets.
const SWEEP: Duration = Duration::from_secs(1);

/// The lookups of one thread.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    poll: Poll,
    clients: UdpSocket,
    pending: PendingLookups,
    buffer: Vec<u8>,
}

impl Worker {
    /// Creates a worker that receives lookups from `clients`, which other workers can share, and uses about `sockets` ports.
    pub(crate) fn new(
        shared: Arc<Shared>,
        clients: &std::net::UdpSocket,
        sockets: usize,
    ) -> io::Result<Self> {
        let clients = clients.try_clone()?;
        clients.set_nonblocking(true)?;
        let mut clients = UdpSocket::from_std(clients);
        let poll = Poll::new()?;
        poll.registry().register(&mut clients, CLIENTS, Interest::READABLE)?;
        let pending = PendingLookups::new(shared.upstream, shared.timeout, sockets);
        Ok(Self { shared, poll, clients, pending, buffer: vec![0; usize::from(u16::MAX)] })
    }

    /// Serves lookups until a system error.
    pub(crate) fn run(mut self) -> io::Error {
        let mut events = Events::with_capacity(256);
        let mut has_clients = false;
        let mut swept = Instant::now();
        loop {
            let wait_limit = if has_clients { Some(Duration::ZERO) } else { self.pending.wait_limit(SWEEP) };
            match self.poll.poll(&mut events, wait_limit) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return error,
                _ => {}
            }
            for event in &events {
                match event.token() {
                    CLIENTS => has_clients = true,
                    Token(socket) => self.upstream(socket),
                }
            }
            if has_clients {
                has_clients = self.clients();
            }
            let now = Instant::now();
            while let Some(lookup) = self.pending.expired(now) {
                let (server, limit) = (self.shared.upstream, self.shared.timeout);
                let why = format!("no answer from {server} in {limit:?}");
                let answer = self.shared.fail(&lookup.lookup, &why);
                self.reply(answer, lookup.client);
            }
            if now.duration_since(swept) >= SWEEP {
                swept = now;
                self.pending.sweep(now);
            }
        }
    }

    /// Processes datagrams of clients. Returns whether there can be more.
    fn clients(&mut self) -> bool {
        for _ in 0..BATCH {
            let (length, client) = match self.clients.recv_from(&mut self.buffer) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The error concerns a response to some client, not the socket.
                Err(_) => continue,
            };
            let bytes = self.buffer.get(..length).unwrap_or_default();
            match self.shared.decide(bytes, client, Protocol::Udp) {
                LookupDecision::Dropped => {}
                LookupDecision::Answered(answer) => self.reply(Some(answer), client),
                LookupDecision::Forwarded(lookup) => {
                    if let Err((lookup, error)) = self.pending.send(&self.poll, lookup, client) {
                        let answer = self.shared.fail(&lookup, &error.to_string());
                        self.reply(answer, client);
                    }
                }
            }
        }
        true
    }

    /// Processes the responses on `socket`.
    fn upstream(&mut self, socket: usize) {
        while self.pending.waits(socket) {
            match self.pending.receive(socket, &mut self.buffer) {
                Ok(None) => {}
                Ok(Some((lookup, length))) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    let answer = self.shared.finish(&lookup.lookup, bytes);
                    self.reply(answer, lookup.client);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    // No server listens on the port: every lookup that waits on this socket fails.
                    while let Some(lookup) = self.pending.take_any(socket) {
                        let answer = self.shared.fail(&lookup.lookup, &error.to_string());
                        self.reply(answer, lookup.client);
                    }
                }
            }
        }
    }

    /// Sends a response. If it is lost, the client repeats its lookup.
    fn reply(&self, answer: Option<Vec<u8>>, client: SocketAddr) {
        if let Some(answer) = answer {
            let _ = self.clients.send_to(&answer, client);
        }
    }
}
