//! Listens, bounds what is under way, and ends when it is told to.

use crate::{
    ProxyError,
    exchange::{self, Shared},
    guard::Guard,
    http,
    log::{Entry, Log},
    state, upstream,
};
use core::{cell::RefCell, net::SocketAddr, time::Duration};
use palisade::Protocol;
use std::{io, path::PathBuf, rc::Rc, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{LocalSet, spawn_local},
    time::{sleep, timeout},
};

/// Where the proxy listens and asks, and what it bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address for lookups, by UDP and TCP; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Server that lookups go to.
    pub upstream: SocketAddr,
    /// Address of the HTTP endpoint; port 0 picks a free one.
    pub http: SocketAddr,
    /// File that keeps what was learned.
    pub state: Option<PathBuf>,
    /// How long the server may take for an answer.
    pub timeout: Duration,
    /// Most lookups under way; further ones are dropped, as datagrams are.
    pub max_lookups: usize,
    /// Most TCP connections of clients, for each of lookups and HTTP; further ones wait.
    pub max_connections: usize,
}

/// How long a TCP client may be silent.
const IDLE: Duration = Duration::from_secs(10);
/// How often a free port is looked for that both protocols have.
const ATTEMPTS: usize = 20;

/// Serves `guard` until the process is asked to end (SIGTERM or SIGINT), then saves what was learned.
///
/// # Errors
///
/// An address or the state file cannot be used, or what was learned cannot be saved.
pub fn serve(guard: Guard, settings: &Settings, log: Log) -> Result<(), ProxyError> {
    let broken =
        |error: io::Error| ProxyError::new(format!("cannot start: {error}"), "see the system's message");
    let runtime = Builder::new_current_thread().enable_all().build().map_err(broken)?;
    if let Some(path) = &settings.state {
        state::check(path)?;
    }
    let shared = Rc::new(Shared {
        guard: RefCell::new(guard),
        log,
        upstream: settings.upstream,
        timeout: settings.timeout,
    });
    restore(&shared, settings);
    runtime.block_on(LocalSet::new().run_until(run(Rc::clone(&shared), settings)))?;
    let Some(path) = &settings.state else { return Ok(()) };
    let bytes = shared.guard.borrow_mut().save();
    state::save(path, &bytes).map_err(|error| {
        let message = format!("what was learned cannot be saved to `{}`: {error}", path.display());
        ProxyError::new(message, "names are learned again when they are asked")
    })?;
    log.write(&Entry::new("saved", shared.guard.borrow().now()).detail(path.display().to_string()));
    Ok(())
}

/// Restores what the file knows. A file that cannot be read leaves the cache empty and every name closed.
fn restore(shared: &Shared, settings: &Settings) {
    let Some(path) = &settings.state else { return };
    let mut guard = shared.guard.borrow_mut();
    let at = guard.now();
    let (event, detail) = match state::load(path) {
        Ok(None) => ("empty", format!("there is no {} yet", path.display())),
        Ok(Some(bytes)) => match guard.restore(&bytes) {
            Ok(known) => ("restored", format!("{known} addresses of {}", path.display())),
            Err(error) => ("not-restored", format!("{}: {error}; nothing is open", path.display())),
        },
        Err(error) => ("not-restored", format!("{}: {error}; nothing is open", path.display())),
    };
    shared.log.write(&Entry::new(event, at).detail(detail));
}

async fn run(shared: Rc<Shared>, settings: &Settings) -> Result<(), ProxyError> {
    let in_use = |what: &str, address: SocketAddr| {
        let what = format!("cannot listen on {address} for {what}");
        move |error: io::Error| {
            ProxyError::new(format!("{what}: {error}"), "give another address; port 0 picks a free one")
        }
    };
    let signals =
        |error: io::Error| ProxyError::new(format!("cannot wait for signals: {error}"), "report this");
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    let (tcp, udp) = bind(settings.listen).await.map_err(in_use("lookups", settings.listen))?;
    let web = TcpListener::bind(settings.http).await.map_err(in_use("HTTP", settings.http))?;
    let (listen, http) = (udp.local_addr().ok(), web.local_addr().ok());
    let lookups = Arc::new(Semaphore::new(settings.max_lookups));
    spawn_local(datagrams(Rc::clone(&shared), Rc::new(udp), Arc::clone(&lookups)));
    let limit = settings.max_connections;
    let of_lookups = Rc::clone(&shared);
    spawn_local(accept(tcp, limit, move |stream, client| {
        stream_of_lookups(Rc::clone(&of_lookups), stream, client, Arc::clone(&lookups))
    }));
    let of_web = Rc::clone(&shared);
    spawn_local(accept(web, limit, move |stream, _| http::connection(Rc::clone(&of_web), stream, IDLE)));
    let at = shared.guard.borrow().now();
    shared.log.write(&Entry { listen, http, ..Entry::new("listening", at) });
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Both protocols on one port.
async fn bind(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut attempts = ATTEMPTS;
    loop {
        let tcp = TcpListener::bind(address).await?;
        attempts -= 1;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if address.port() != 0 || attempts == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

async fn datagrams(shared: Rc<Shared>, socket: Rc<UdpSocket>, lookups: Arc<Semaphore>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            // The answer to some client bounced; the socket itself is well.
            continue;
        };
        let Ok(permit) = Arc::clone(&lookups).try_acquire_owned() else {
            let entry = shared.entry("dropped", client, Protocol::Udp);
            shared.log.write(&entry.detail("too many lookups are under way"));
            continue;
        };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        let (shared, socket) = (Rc::clone(&shared), Rc::clone(&socket));
        spawn_local(async move {
            if let Some(answer) = exchange::answer(&shared, &bytes, client, Protocol::Udp).await {
                // A client that is gone asks again if it wants to.
                let _ = socket.send_to(&answer, client).await;
            }
            drop(permit);
        });
    }
}

/// Accepts connections, at most `limit` at a time.
async fn accept<F: Future<Output = ()> + 'static>(
    listener: TcpListener,
    limit: usize,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) {
    let connections = Arc::new(Semaphore::new(limit));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, client)) => {
                let serving = serve(stream, client);
                spawn_local(async move {
                    serving.await;
                    drop(permit);
                });
            }
            // Too many open files, mostly: they become fewer.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Lookups of one TCP client, one after the other.
async fn stream_of_lookups(
    shared: Rc<Shared>,
    mut stream: TcpStream,
    client: SocketAddr,
    lookups: Arc<Semaphore>,
) {
    while let Ok(Ok(Some(bytes))) = timeout(IDLE, upstream::read(&mut stream)).await {
        let Ok(permit): Result<OwnedSemaphorePermit, _> = Arc::clone(&lookups).acquire_owned().await else {
            return;
        };
        let Some(answer) = exchange::answer(&shared, &bytes, client, Protocol::Tcp).await else { return };
        drop(permit);
        if !matches!(timeout(IDLE, upstream::write(&mut stream, &answer)).await, Ok(Ok(()))) {
            return;
        }
    }
}
