//! The limit of TCP connections, and the choice of a connection to close for a new client.

use core::{
    cell::{Cell, RefCell},
    net::IpAddr,
    time::Duration,
};
use std::{collections::HashMap, rc::Rc, sync::Arc, time::Instant};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::spawn_local,
    time::{sleep, timeout},
};

/// The connections of one listener. One thread serves them all.
#[derive(Debug)]
pub(crate) struct Connections {
    slots: Arc<Semaphore>,
    /// Limits the connections that are served or wait for a slot.
    accepted: Arc<Semaphore>,
    served: RefCell<Vec<Rc<Connection>>>,
    /// The time for which a connection waits for a slot.
    wait_limit: Duration,
}

/// One connection with a slot.
#[derive(Debug)]
pub(crate) struct Connection {
    client: IpAddr,
    /// The time of the client's last complete message.
    idle_since: Cell<Instant>,
    /// The number of lookups in flight.
    busy: Cell<usize>,
    is_evicted: Cell<bool>,
    closed: Notify,
}

impl Connection {
    /// Waits until the connection loses its slot.
    pub(crate) async fn evicted(&self) {
        self.closed.notified().await;
    }

    /// Records the receipt of a complete message.
    pub(crate) fn begin(&self) {
        self.busy.set(self.busy.get() + 1);
    }

    /// Records that the response to a message is ready.
    pub(crate) fn end(&self) {
        self.busy.set(self.busy.get().saturating_sub(1));
        self.idle_since.set(Instant::now());
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.get() > 0
    }
}

/// A served connection, whose drop frees the slot.
struct Served<'c> {
    connections: &'c Connections,
    connection: Rc<Connection>,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.connections.served.borrow_mut().retain(|served| !Rc::ptr_eq(served, &self.connection));
    }
}

impl Connections {
    /// Limits the served connections to `limit`. As many connections wait for a slot, each no longer than `wait_limit`.
    pub(crate) fn new(limit: usize, wait_limit: Duration) -> Rc<Self> {
        Rc::new(Self {
            slots: Arc::new(Semaphore::new(limit)),
            accepted: Arc::new(Semaphore::new(limit.saturating_mul(2))),
            served: RefCell::default(),
            wait_limit,
        })
    }

    /// Accepts connections and serves them.
    pub(crate) async fn accept<F: Future<Output = ()> + 'static>(
        self: Rc<Self>,
        listener: TcpListener,
        serve: impl Fn(TcpStream, Rc<Connection>) -> F + 'static,
    ) {
        let serve = Rc::new(serve);
        loop {
            let Ok(accepted) = Arc::clone(&self.accepted).acquire_owned().await else { return };
            let Ok((stream, client)) = listener.accept().await else {
                // Usually the process has too many open files, and closes some soon.
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (connections, serve) = (Rc::clone(&self), Rc::clone(&serve));
            spawn_local(async move {
                if let Some(served) = connections.acquire(client.ip().to_canonical()).await {
                    serve(stream, Rc::clone(&served.connection)).await;
                }
                drop(accepted);
            });
        }
    }

    /// Waits for a slot for a connection of `client`. If none is free, closes another connection.
    async fn acquire(&self, client: IpAddr) -> Option<Served<'_>> {
        let slot = match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => {
                if let Some(victim) = self.victim(client) {
                    victim.is_evicted.set(true);
                    victim.closed.notify_one();
                }
                let slot = Arc::clone(&self.slots).acquire_owned();
                timeout(self.wait_limit, slot).await.ok()?.ok()?
            }
        };
        let connection = Rc::new(Connection {
            client,
            idle_since: Cell::new(Instant::now()),
            busy: Cell::new(0),
            is_evicted: Cell::new(false),
            closed: Notify::new(),
        });
        self.served.borrow_mut().push(Rc::clone(&connection));
        Some(Served { connections: self, connection, _slot: slot })
    }

    /// Returns the connection to close for a new connection of `client`: of the client with the most connections, the one
    /// that is idle for the longest time. A busy connection is closed only for a client with fewer connections.
    fn victim(&self, client: IpAddr) -> Option<Rc<Connection>> {
        let served = self.served.borrow();
        let served = served.iter().filter(|connection| !connection.is_evicted.get());
        let mut counts: HashMap<IpAddr, usize> = HashMap::from([(client, 1)]);
        for connection in served.clone() {
            *counts.entry(connection.client).or_default() += 1;
        }
        let (largest, _) = counts.iter().max_by_key(|(of, count)| (**count, **of == client))?;
        let of_largest = served.filter(|connection| connection.client == *largest);
        let candidates = of_largest.filter(|connection| !connection.is_busy() || connection.client != client);
        candidates.min_by_key(|connection| (connection.is_busy(), connection.idle_since.get())).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::yield_now;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Returns the indexes of the closed connections in `served`.
    async fn evicted(served: &[Served<'_>]) -> Vec<usize> {
        let mut gone = Vec::new();
        for (n, served) in served.iter().enumerate() {
            if timeout(Duration::from_millis(1), served.connection.evicted()).await.is_ok() {
                gone.push(n);
            }
        }
        gone
    }

    async fn full(clients: &[u8]) -> (Rc<Connections>, Vec<IpAddr>) {
        let limit = clients.len();
        (Connections::new(limit, Duration::from_secs(60)), clients.iter().map(|last| ip(*last)).collect())
    }

    #[tokio::test]
    async fn longest_idle_connection_of_largest_client_is_closed() {
        for (clients, busy, newcomer, gone) in [
            (&[1, 1, 1, 2][..], &[][..], 3, Some(0)),
            (&[1, 1, 1, 2], &[0], 3, Some(1)),
            (&[1, 1, 1, 2], &[0, 1, 2], 3, Some(0)),
            (&[1, 1, 1, 2], &[0, 1, 2], 1, None),
            (&[1, 1, 1, 2], &[0], 1, Some(1)),
            (&[2, 1], &[], 1, Some(1)),
            (&[2, 1], &[1], 1, None),
        ] {
            let (connections, clients) = full(clients).await;
            let mut served = Vec::new();
            for client in clients {
                served.push(connections.acquire(client).await.unwrap());
                sleep(Duration::from_millis(1)).await;
            }
            busy.iter().for_each(|n| served[*n].connection.begin());
            let waits = connections.acquire(ip(newcomer));
            tokio::pin!(waits);
            assert!(timeout(Duration::from_millis(1), &mut waits).await.is_err(), "all slots are in use");
            let found = evicted(&served).await;
            assert_eq!(found, gone.into_iter().collect::<Vec<_>>(), "{busy:?} {newcomer}");
            served.remove(gone.unwrap_or(0));
            yield_now().await;
            assert!(waits.await.is_some());
        }
    }
}
