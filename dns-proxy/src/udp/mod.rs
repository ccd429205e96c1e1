//! Lookups by UDP: threads that each wait for clients and the upstream, without a task for each lookup.

mod exchanges;
mod pool;

use self::exchanges::Exchanges;
use crate::lookup::{Judged, Shared};
use core::{net::SocketAddr, time::Duration};
use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use palisade::Protocol;
use std::{io, sync::Arc, time::Instant};

/// The clients' socket; every other token is a socket of the pool.
const CLIENTS: Token = Token(usize::MAX);
/// Datagrams that are taken from clients before the upstream's answers are looked at again.
const BATCH: usize = 32;
/// How often sockets that are no longer needed are closed.
const SWEEP: Duration = Duration::from_secs(1);

/// One thread's lookups.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    poll: Poll,
    clients: UdpSocket,
    exchanges: Exchanges,
    buffer: Vec<u8>,
}

impl Worker {
    /// A worker that takes lookups from `clients`, which other workers may share, and keeps `sockets` ports in use.
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
        let exchanges = Exchanges::new(shared.upstream, shared.timeout, sockets);
        Ok(Self { shared, poll, clients, exchanges, buffer: vec![0; usize::from(u16::MAX)] })
    }

    /// Serves until the system fails.
    pub(crate) fn run(mut self) -> io::Error {
        let mut events = Events::with_capacity(256);
        let mut has_clients = false;
        let mut swept = Instant::now();
        loop {
            let patience = if has_clients { Some(Duration::ZERO) } else { self.exchanges.patience(SWEEP) };
            match self.poll.poll(&mut events, patience) {
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
            while let Some(exchange) = self.exchanges.expired(now) {
                let (server, limit) = (self.shared.upstream, self.shared.timeout);
                let why = format!("no answer from {server} in {limit:?}");
                let answer = self.shared.fail(&exchange.lookup, &why);
                self.reply(answer, exchange.client);
            }
            if now.duration_since(swept) >= SWEEP {
                swept = now;
                self.exchanges.sweep(now);
            }
        }
    }

    /// Takes datagrams of clients; says whether there may be more.
    fn clients(&mut self) -> bool {
        for _ in 0..BATCH {
            let (length, client) = match self.clients.recv_from(&mut self.buffer) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The answer to some client bounced; the socket itself is well.
                Err(_) => continue,
            };
            let bytes = self.buffer.get(..length).unwrap_or_default();
            match self.shared.judge(bytes, client, Protocol::Udp) {
                Judged::Dropped => {}
                Judged::Answered(answer) => self.reply(Some(answer), client),
                Judged::Forwarded(lookup) => {
                    if let Err((lookup, error)) = self.exchanges.send(&self.poll, lookup, client) {
                        let answer = self.shared.fail(&lookup, &error.to_string());
                        self.reply(answer, client);
                    }
                }
            }
        }
        true
    }

    /// Takes what the upstream sent to `socket`.
    fn upstream(&mut self, socket: usize) {
        while self.exchanges.waits(socket) {
            match self.exchanges.receive(socket, &mut self.buffer) {
                Ok(None) => {}
                Ok(Some((exchange, length))) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    let answer = self.shared.finish(&exchange.lookup, bytes);
                    self.reply(answer, exchange.client);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    // Nobody listens there: every lookup that waits on this socket has failed.
                    while let Some(exchange) = self.exchanges.take_any(socket) {
                        let answer = self.shared.fail(&exchange.lookup, &error.to_string());
                        self.reply(answer, exchange.client);
                    }
                }
            }
        }
    }

    /// A client that is gone, or reads too slowly, asks again if it wants to.
    fn reply(&self, answer: Option<Vec<u8>>, client: SocketAddr) {
        if let Some(answer) = answer {
            let _ = self.clients.send_to(&answer, client);
        }
    }
}
