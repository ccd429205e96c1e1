//! The connections of TCP clients: how many are served, and which one has to go when another client comes.

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

/// The connections of one listener, all in one thread.
#[derive(Debug)]
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    /// Connections that are served or wait for a place.
    accepted: Arc<Semaphore>,
    served: RefCell<Vec<Rc<Connection>>>,
    /// How long a connection waits for a place.
    patience: Duration,
}

/// One connection that is served.
#[derive(Debug)]
pub(crate) struct Connection {
    client: IpAddr,
    /// Since when the client has sent no whole message.
    idle_since: Cell<Instant>,
    /// Lookups in flight.
    busy: Cell<usize>,
    is_evicted: Cell<bool>,
    closed: Notify,
}

impl Connection {
    /// Waits until the connection has to give up its place.
    pub(crate) async fn evicted(&self) {
        self.closed.notified().await;
    }

    /// A whole message came.
    pub(crate) fn begin(&self) {
        self.busy.set(self.busy.get() + 1);
    }

    /// Its answer is ready.
    pub(crate) fn end(&self) {
        self.busy.set(self.busy.get().saturating_sub(1));
        self.idle_since.set(Instant::now());
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.get() > 0
    }
}

/// Frees the place of a connection.
struct Served<'c> {
    connections: &'c Connections,
    connection: Rc<Connection>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.connections.served.borrow_mut().retain(|served| !Rc::ptr_eq(served, &self.connection));
    }
}

impl Connections {
    /// At most `limit` connections are served, and as many wait, each for at most `patience`.
    pub(crate) fn new(limit: usize, patience: Duration) -> Rc<Self> {
        Rc::new(Self {
            places: Arc::new(Semaphore::new(limit)),
            accepted: Arc::new(Semaphore::new(limit.saturating_mul(2))),
            served: RefCell::default(),
            patience,
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
                // Too many open files, mostly: they become fewer.
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (connections, serve) = (Rc::clone(&self), Rc::clone(&serve));
            spawn_local(async move {
                if let Some(served) = connections.place(client.ip().to_canonical()).await {
                    serve(stream, Rc::clone(&served.connection)).await;
                }
                drop(accepted);
            });
        }
    }

    /// A place for a connection of `client`; another one may have to go.
    async fn place(&self, client: IpAddr) -> Option<Served<'_>> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                if let Some(victim) = self.victim(client) {
                    victim.is_evicted.set(true);
                    victim.closed.notify_one();
                }
                let place = Arc::clone(&self.places).acquire_owned();
                timeout(self.patience, place).await.ok()?.ok()?
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
        Some(Served { connections: self, connection, _place: place })
    }

    /// The connection that makes room for one more of `client`: one of the client with the most connections, that which
    /// has been idle for longest. A busy one goes only for a client with fewer connections.
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

    /// The connection that had to go, by its place in `served`.
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
    async fn idle_longest_of_the_client_with_most_connections_goes() {
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
                served.push(connections.place(client).await.unwrap());
                sleep(Duration::from_millis(1)).await;
            }
            busy.iter().for_each(|n| served[*n].connection.begin());
            let waits = connections.place(ip(newcomer));
            tokio::pin!(waits);
            assert!(timeout(Duration::from_millis(1), &mut waits).await.is_err(), "all places are in use");
            let found = evicted(&served).await;
            assert_eq!(found, gone.into_iter().collect::<Vec<_>>(), "{busy:?} {newcomer}");
            served.remove(gone.unwrap_or(0));
            yield_now().await;
            assert!(waits.await.is_some());
        }
    }
}
