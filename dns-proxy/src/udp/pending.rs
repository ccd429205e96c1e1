//! The lookups that wait for a response of the upstream server.

use super::pool::Pool;
use crate::{
    lookup::Lookup,
    message::{self, ResponseMatch},
};
use core::{net::SocketAddr, time::Duration};
use mio::Poll;
use std::{
    collections::{HashMap, VecDeque},
    io,
    time::Instant,
};

/// One lookup that waits for a response.
#[derive(Debug)]
pub(super) struct PendingLookup {
    pub(super) lookup: Box<Lookup>,
    pub(super) client: SocketAddr,
    socket: usize,
    id: u16,
}

/// All pending lookups of one thread. Each has a unique number.
#[derive(Debug)]
pub(super) struct PendingLookups {
    pool: Pool,
    timeout: Duration,
    lookups: HashMap<u64, PendingLookup, foldhash::fast::RandomState>,
    /// The deadline of each lookup, in order.
    deadlines: VecDeque<(Instant, u64)>,
    next: u64,
}

impl PendingLookups {
    pub(super) fn new(server: SocketAddr, timeout: Duration, sockets: usize) -> Self {
        Self {
            pool: Pool::new(server, sockets),
            timeout,
            lookups: HashMap::default(),
            deadlines: VecDeque::new(),
            next: 0,
        }
    }

    /// Sends `lookup` to the upstream server, and returns it with the error on failure.
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
        // The first error can concern an earlier datagram.
        if let Err(error) = socket.socket.send(bytes).or_else(|_| socket.socket.send(bytes)) {
            return Err((lookup, error));
        }
        socket.waiting.insert(id, self.next);
        self.lookups.insert(self.next, PendingLookup { lookup, client, socket: number, id });
        self.deadlines.push_back((now + self.timeout, self.next));
        self.next += 1;
        Ok(())
    }

    /// Returns whether a lookup waits on `socket`.
    pub(super) fn waits(&mut self, socket: usize) -> bool {
        self.pool.get(socket).is_some_and(|socket| !socket.waiting.is_empty())
    }

    /// Receives one datagram from `socket`. Returns the completed lookup, if any, and the length of the datagram.
    pub(super) fn receive(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
    ) -> io::Result<Option<(PendingLookup, usize)>> {
        let Some(open) = self.pool.get(socket) else { return Err(io::ErrorKind::WouldBlock.into()) };
        let length = open.socket.recv(buffer)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        let number = message::response_id(bytes).and_then(|id| open.waiting.get(&id).copied());
        let is_answer = |pending: &PendingLookup| pending.lookup.sent.compare(bytes) != ResponseMatch::Other;
        let Some(number) = number.filter(|number| self.lookups.get(number).is_some_and(is_answer)) else {
            return Ok(None);
        };
        Ok(self.take(number).map(|pending| (pending, length)))
    }

    /// Removes a lookup that waits on `socket`.
    pub(super) fn take_any(&mut self, socket: usize) -> Option<PendingLookup> {
        let number = *self.pool.get(socket)?.waiting.values().next()?;
        self.take(number)
    }

    /// Removes a lookup after its deadline.
    pub(super) fn expired(&mut self, now: Instant) -> Option<PendingLookup> {
        while let Some((deadline, number)) = self.deadlines.front().copied() {
            let is_over = !self.lookups.contains_key(&number);
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

    fn take(&mut self, number: u64) -> Option<PendingLookup> {
        let pending = self.lookups.remove(&number)?;
        if let Some(socket) = self.pool.get(pending.socket) {
            socket.waiting.remove(&pending.id);
        }
        Some(pending)
    }

    /// Returns the time until the next deadline, at most `sweep` while sockets are open.
    pub(super) fn wait_limit(&self, sweep: Duration) -> Option<Duration> {
        let deadline = self.deadlines.front().map(|(deadline, _)| deadline.duration_since(Instant::now()));
        match (deadline, self.pool.is_empty()) {
            (Some(deadline), _) => Some(deadline.min(sweep)),
            (None, false) => Some(sweep),
            (None, true) => None,
        }
    }

    /// Closes unused sockets.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.pool.sweep(now);
    }
}
