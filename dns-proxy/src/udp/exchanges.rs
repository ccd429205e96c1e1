//! The exchanges with the upstream that are in flight.

use super::pool::Pool;
use crate::{
    lookup::Lookup,
    message::{self, Match},
};
use core::{net::SocketAddr, time::Duration};
use mio::Poll;
use std::{
    collections::{HashMap, VecDeque},
    io,
    time::Instant,
};

/// One lookup at the upstream.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) lookup: Box<Lookup>,
    pub(super) client: SocketAddr,
    socket: usize,
    id: u16,
}

/// All of them. Each has a number that is never used again.
#[derive(Debug)]
pub(super) struct Exchanges {
    pool: Pool,
    timeout: Duration,
    exchanges: HashMap<u64, Exchange, foldhash::fast::RandomState>,
    /// When each is given up, in order.
    deadlines: VecDeque<(Instant, u64)>,
    next: u64,
}

impl Exchanges {
    pub(super) fn new(server: SocketAddr, timeout: Duration, sockets: usize) -> Self {
        Self {
            pool: Pool::new(server, sockets),
            timeout,
            exchanges: HashMap::default(),
            deadlines: VecDeque::new(),
            next: 0,
        }
    }

    /// Sends `lookup` to the upstream; gives it back where that fails.
    pub(super) fn send(
        &mut self,
        poll: &Poll,
        mut lookup: Box<Lookup>,
        client: SocketAddr,
    ) -> Result<(), (Box<Lookup>, io::Error)> {
        let now = Instant::now();
        let (number, socket) = match self.pool.pick(poll, now) {
            Ok(found) => found,
            Err(error) => return Err((lookup, error)),
        };
        let id = loop {
            let id = rand::random();
            if !socket.waiting.contains_key(&id) {
                break id;
            }
        };
        lookup.sent.set_id(id);
        let bytes = lookup.sent.bytes();
        // The first error may be about an earlier datagram.
        if let Err(error) = socket.socket.send(bytes).or_else(|_| socket.socket.send(bytes)) {
            return Err((lookup, error));
        }
        socket.waiting.insert(id, self.next);
        self.exchanges.insert(self.next, Exchange { lookup, client, socket: number, id });
        self.deadlines.push_back((now + self.timeout, self.next));
        self.next += 1;
        Ok(())
    }

    /// Whether an exchange waits on `socket`.
    pub(super) fn waits(&mut self, socket: usize) -> bool {
        self.pool.get(socket).is_some_and(|socket| !socket.waiting.is_empty())
    }

    /// Takes one datagram from `socket`: the exchange that it ends, if any, and its length.
    pub(super) fn receive(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
    ) -> io::Result<Option<(Exchange, usize)>> {
        let Some(open) = self.pool.get(socket) else { return Err(io::ErrorKind::WouldBlock.into()) };
        let length = open.socket.recv(buffer)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        let number = message::response_id(bytes).and_then(|id| open.waiting.get(&id).copied());
        let is_answer = |exchange: &Exchange| exchange.lookup.sent.compare(bytes) != Match::Other;
        let Some(number) = number.filter(|number| self.exchanges.get(number).is_some_and(is_answer)) else {
            return Ok(None);
        };
        Ok(self.take(number).map(|exchange| (exchange, length)))
    }

    /// Ends some exchange that waits on `socket`.
    pub(super) fn take_any(&mut self, socket: usize) -> Option<Exchange> {
        let number = *self.pool.get(socket)?.waiting.values().next()?;
        self.take(number)
    }

    /// Ends an exchange whose time is over.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Exchange> {
        while let Some((deadline, number)) = self.deadlines.front().copied() {
            let is_over = !self.exchanges.contains_key(&number);
            if !is_over && deadline > now {
                return None;
            }
            self.deadlines.pop_front();
            if !is_over {
                return self.take(number);
            }
        }
        None
    }

    fn take(&mut self, number: u64) -> Option<Exchange> {
        let exchange = self.exchanges.remove(&number)?;
        if let Some(socket) = self.pool.get(exchange.socket) {
            socket.waiting.remove(&exchange.id);
        }
        Some(exchange)
    }

    /// How long there is nothing to do but for datagrams; at most `sweep` while sockets are open.
    pub(super) fn patience(&self, sweep: Duration) -> Option<Duration> {
        let deadline = self.deadlines.front().map(|(deadline, _)| deadline.duration_since(Instant::now()));
        match (deadline, self.pool.is_empty()) {
            (Some(deadline), _) => Some(deadline.min(sweep)),
            (None, false) => Some(sweep),
            (None, true) => None,
        }
    }

    /// Closes sockets that are no longer needed.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.pool.sweep(now);
    }
}
