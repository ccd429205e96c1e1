//! Sockets to the upstream server. To forge a response, an attacker has to guess the port and the ID of a lookup.
//!
//! A lookup uses a random entry of the pool. Up to [`MAX_FRESH`] lookups in a second open a new socket, on a port that the
//! system chooses at random. Further lookups use the socket of the entry, until it has sent [`MAX_USES`] lookups or is
//! [`MAX_AGE`] old.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use mio::{Interest, Poll, Token, net::UdpSocket};
use std::{collections::HashMap, io, time::Instant};

/// The number of new sockets between two sweeps, which are one second apart.
const MAX_FRESH: u32 = 1_000;
/// The number of lookups that one socket sends.
const MAX_USES: u32 = 16;
/// The time for which a socket sends lookups.
const MAX_AGE: Duration = Duration::from_secs(2);

/// A socket, and the lookups that wait on it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) socket: UdpSocket,
    /// The number of each pending lookup by its ID.
    pub(super) waiting: HashMap<u16, u64, foldhash::fast::RandomState>,
    opened: Instant,
    uses: u32,
}

impl Socket {
    fn is_used_up(&self, now: Instant) -> bool {
        self.uses >= MAX_USES || now.duration_since(self.opened) >= MAX_AGE
    }
}

/// The sockets by their number.
#[derive(Debug)]
pub(super) struct Pool {
    server: SocketAddr,
    /// The number of the socket in each entry.
    entries: Vec<Option<usize>>,
    sockets: HashMap<usize, Socket, foldhash::fast::RandomState>,
    next: usize,
    /// The number of new sockets since the last sweep.
    fresh: u32,
}

impl Pool {
    pub(super) fn new(server: SocketAddr, entries: usize) -> Self {
        let entries = vec![None; entries.max(1)];
        Self { server, entries, sockets: HashMap::default(), next: 0, fresh: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    pub(super) fn get(&mut self, number: usize) -> Option<&mut Socket> {
        self.sockets.get_mut(&number)
    }

    /// Returns a socket for a lookup.
    pub(super) fn pick(&mut self, poll: &Poll, now: Instant) -> io::Result<(usize, &mut Socket)> {
        let at = rand::random::<u32>() as usize % self.entries.len();
        let entry = self.entries.get(at).copied().flatten();
        let usable = |number: &usize| self.sockets.get(number).is_some_and(|socket| !socket.is_used_up(now));
        let is_busy = self.fresh >= MAX_FRESH;
        let number = match entry.filter(|number| is_busy && usable(number)) {
            Some(number) => number,
            None => match self.open(poll, now) {
                Ok(number) => {
                    if let Some(old) = self.entries.get_mut(at).and_then(|entry| entry.replace(number)) {
                        self.close_idle(old);
                    }
                    number
                }
                // Too many open files: a used port is better than no response.
                Err(error) => entry.or_else(|| self.sockets.keys().next().copied()).ok_or(error)?,
            },
        };
        let socket = self.sockets.get_mut(&number).ok_or(io::ErrorKind::NotFound)?;
        socket.uses += 1;
        Ok((number, socket))
    }

    fn open(&mut self, poll: &Poll, now: Instant) -> io::Result<usize> {
        let any: IpAddr = match self.server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let mut socket = UdpSocket::bind((any, 0).into())?;
        // The system drops datagrams from other addresses.
        socket.connect(self.server)?;
        let number = self.next;
        self.next += 1;
        self.fresh = self.fresh.saturating_add(1);
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        self.sockets.insert(number, Socket { socket, waiting: HashMap::default(), opened: now, uses: 0 });
        Ok(number)
    }

    /// Closes the socket unless a lookup waits on it.
    fn close_idle(&mut self, number: usize) {
        if self.sockets.get(&number).is_some_and(|socket| socket.waiting.is_empty()) {
            self.sockets.remove(&number);
        }
    }

    /// Closes every used-up socket without a pending lookup.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.fresh = 0;
        self.sockets.retain(|_, socket| !socket.waiting.is_empty() || !socket.is_used_up(now));
        for entry in &mut self.entries {
            *entry = entry.filter(|number| self.sockets.contains_key(number));
        }
    }
}
