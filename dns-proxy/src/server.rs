//! Starts the threads, and ends when the process is told to.

use crate::{
    ProxyError,
    connections::Connections,
    guard::Guard,
    http::{self, Endpoint},
    log::{Entry, Log},
    lookup::Shared,
    slots::Slots,
    state, tcp, udp,
};
use core::{net::SocketAddr, time::Duration};
use std::{
    io,
    net::{TcpListener, UdpSocket},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    thread,
};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{Sender, channel},
    task::LocalSet,
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
    /// How long a TCP client may take for a message, and for reading one.
    pub idle: Duration,
    /// Most lookups in flight; further ones fail.
    pub max_lookups: usize,
    /// Most TCP connections of clients, for each of lookups and HTTP. Those that are idle make room for further ones.
    pub max_connections: usize,
}

/// How often a free port is looked for that both protocols have.
const ATTEMPTS: usize = 20;
/// Most threads for lookups by UDP.
const MAX_WORKERS: usize = 4;
/// Ports towards the upstream that all threads together use for lookups by UDP.
const SOCKETS: usize = 256;
/// How long the end of the process waits for a reader of its lines, and for a reader of its errors.
const FLUSH: Duration = Duration::from_secs(1);

/// Serves `guard` until the process is asked to end (SIGTERM or SIGINT), then saves what was learned.
///
/// Nothing holds the end up: lines that nobody reads are dropped, and a process that does not end by itself two seconds
/// after it saved exits with code 2.
///
/// # Errors
///
/// An address or the state file cannot be used, or what was learned cannot be saved.
pub fn serve(guard: Guard, settings: &Settings, log: Log) -> Result<(), ProxyError> {
    let runtime = runtime().map_err(|error| broken(&error))?;
    let mut signals = {
        let _entered = runtime.enter();
        let of = |kind| signal(kind).map_err(|error| broken(&error));
        [of(SignalKind::terminate())?, of(SignalKind::interrupt())?]
    };
    let saved = settings.state.as_deref().map(state::load).transpose()?;
    let (tcp, udp) = bind(settings.listen).map_err(in_use("lookups", settings.listen))?;
    let web = TcpListener::bind(settings.http).map_err(in_use("HTTP", settings.http))?;
    let shared = Arc::new(Shared {
        names: guard.names(),
        slots: Slots::new(settings.max_lookups),
        guard,
        log,
        upstream: settings.upstream,
        timeout: settings.timeout,
        idle: settings.idle,
        connections: settings.max_connections,
    });
    let is_refused = saved.is_some_and(|saved| !restore(&shared, settings, saved.as_deref()));
    let entry =
        Entry { listen: udp.local_addr().ok(), http: web.local_addr().ok(), ..shared.event("listening") };
    let ended = start(&shared, &udp, web).map_err(|error| broken(&error))?;
    shared.log.write(&entry);
    if !settings.http.ip().to_canonical().is_loopback() {
        let detail =
            "the HTTP endpoint is not on a loopback address: whoever reaches it can keep addresses open";
        shared.log.write(&shared.event("warning").detail(detail));
    }
    let of_lookups = Arc::clone(&shared);
    let lookups = async move {
        let served = Connections::new(of_lookups.connections, of_lookups.idle);
        let tcp = tokio::net::TcpListener::from_std(tcp).map_err(|error| broken(&error))?;
        let serve = move |stream, connection| tcp::connection(Arc::clone(&of_lookups), stream, connection);
        served.accept(tcp, serve).await;
        Ok(())
    };
    let result = runtime.block_on(LocalSet::new().run_until(async {
        tokio::select! {
            result = lookups => result,
            result = until(&mut signals, ended) => result,
        }
    }));
    let result = save(&shared, settings, is_refused).and(result);
    shared.log.flush(FLUSH);
    let code = if result.is_ok() { 0 } else { 2 };
    thread::spawn(move || {
        // Whoever reads the last message does not read.
        thread::sleep(FLUSH);
        std::process::exit(code);
    });
    result
}

fn broken(error: &io::Error) -> ProxyError {
    ProxyError::new(format!("cannot start: {error}"), "see the system's message")
}

fn in_use(what: &str, address: SocketAddr) -> impl Fn(io::Error) -> ProxyError {
    let what = format!("cannot listen on {address} for {what}");
    move |error| ProxyError::new(format!("{what}: {error}"), "give another address; port 0 picks a free one")
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Starts the threads for UDP and HTTP. One that ends, which none should, is told by name.
fn start(
    shared: &Arc<Shared>,
    udp: &UdpSocket,
    web: TcpListener,
) -> io::Result<tokio::sync::mpsc::Receiver<String>> {
    let (told, ended) = channel(1);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    for _ in 0..workers {
        let worker = udp::Worker::new(Arc::clone(shared), udp, SOCKETS / workers)?;
        spawn("udp", &told, move || worker.run().to_string())?;
    }
    web.set_nonblocking(true)?;
    let shared = Arc::clone(shared);
    spawn("http", &told, move || match runtime() {
        Ok(runtime) => runtime.block_on(LocalSet::new().run_until(async move {
            let served = Connections::new(shared.connections, shared.idle);
            let web = match tokio::net::TcpListener::from_std(web) {
                Ok(web) => web,
                Err(error) => return error.to_string(),
            };
            let connections = shared.guard.connections();
            let endpoint = Rc::new(Endpoint { shared, connections });
            let serve = move |stream, connection| http::connection(Rc::clone(&endpoint), stream, connection);
            served.accept(web, serve).await;
            "it ended".to_owned()
        })),
        Err(error) => error.to_string(),
    })?;
    Ok(ended)
}

/// Says that a thread has ended, whatever ended it.
struct Told {
    name: &'static str,
    why: String,
    sender: Sender<String>,
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.sender.try_send(format!("the thread for {} has ended: {}", self.name, self.why));
    }
}

fn spawn(
    name: &'static str,
    sender: &Sender<String>,
    work: impl FnOnce() -> String + Send + 'static,
) -> io::Result<()> {
    let told = Told { name, why: "it panicked".to_owned(), sender: sender.clone() };
    let work = move || {
        // Moved as a whole, so that it is dropped when the thread ends.
        let mut told = told;
        told.why = work();
    };
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Waits for a signal, or for a thread that ends.
async fn until(
    [terminate, interrupt]: &mut [Signal; 2],
    mut ended: tokio::sync::mpsc::Receiver<String>,
) -> Result<(), ProxyError> {
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        why = ended.recv() => Err(ProxyError::new(why.unwrap_or_default(), "start the proxy again and report this")),
    }
}

/// Both protocols on one port.
fn bind(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut attempts = ATTEMPTS;
    loop {
        let tcp = TcpListener::bind(address)?;
        tcp.set_nonblocking(true)?;
        attempts -= 1;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if address.port() != 0 || attempts == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

impl Shared {
    fn event(&self, event: &'static str) -> Entry<'static> {
        Entry::new(event, self.names.now())
    }
}

/// Restores what the file knows. False where its content is refused: the cache stays empty and every name closed.
fn restore(shared: &Shared, settings: &Settings, saved: Option<&[u8]>) -> bool {
    let path = settings.state.as_deref().unwrap_or_else(|| std::path::Path::new(""));
    let (event, detail) = match saved.map(|saved| shared.names.restore(saved)) {
        None => ("empty", format!("there is no {} yet", path.display())),
        Some(Ok(known)) => ("restored", format!("{known} addresses of {}", path.display())),
        Some(Err(error)) => ("not-restored", format!("{}: {error}; nothing is open", path.display())),
    };
    shared.log.write(&shared.event(event).detail(detail));
    event != "not-restored"
}

/// Saves what was learned; a file whose content was refused is kept beside.
fn save(shared: &Shared, settings: &Settings, is_refused: bool) -> Result<(), ProxyError> {
    let Some(path) = &settings.state else { return Ok(()) };
    let bytes = shared.names.finish();
    let aside = |()| state::set_aside(path, shared.names.now()).map(Some);
    let result = is_refused.then_some(()).map_or(Ok(None), aside);
    let result = result.and_then(|aside| state::save(path, &bytes).map(|()| aside));
    let (event, detail) = match &result {
        Ok(None) => ("saved", path.display().to_string()),
        Ok(Some(aside)) => {
            ("saved", format!("{}; what could not be restored is in {}", path.display(), aside.display()))
        }
        Err(error) => ("not-saved", format!("{}: {error}", path.display())),
    };
    shared.log.write(&shared.event(event).detail(detail));
    result.map(drop).map_err(|error| {
        let message = format!("what was learned cannot be saved to `{}`: {error}", path.display());
        ProxyError::new(message, "names are learned again when they are looked up")
    })
}
