//! Starts the threads of the proxy, and ends them on a signal.

use crate::{
    ProxyError,
    connections::Connections,
    http::{self, HttpServer},
    log::{Log, LogEntry},
    lookup::Shared,
    pod_policy::PodPolicy,
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

/// The addresses and limits of the proxy.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address for lookups over UDP and TCP; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The upstream server.
    pub upstream: SocketAddr,
    /// The address of the HTTP server; port 0 selects a free port.
    pub http: SocketAddr,
    /// The file for the DNS cache.
    pub state: Option<PathBuf>,
    /// The time limit for a response of the upstream server.
    pub timeout: Duration,
    /// The time limit of a TCP client to send a message, and to read one.
    pub idle: Duration,
    /// The limit of lookups in flight. Further lookups fail.
    pub max_lookups: usize,
    /// The limit of TCP connections, for lookups and for HTTP each. A new connection can close an idle one.
    pub max_connections: usize,
}

/// The number of attempts to find a port that is free for both protocols.
const ATTEMPTS: usize = 20;
/// The limit of threads for lookups over UDP.
const MAX_WORKERS: usize = 4;
/// The number of ports to the upstream server, over UDP, of all threads together.
const SOCKETS: usize = 256;
/// The time for which the end of the process waits for the reader of the log, and for the reader of its errors.
const FLUSH: Duration = Duration::from_secs(1);

/// Serves the lookups of a pod until the process receives SIGTERM or SIGINT, then saves the DNS cache.
///
/// The process ends without delay: it drops lines that have no reader, and exits with code 2 if it still runs two seconds
/// after it has saved the cache.
///
/// # Errors
///
/// An address or the state file is unusable, or the DNS cache cannot be saved.
pub fn serve(policy: PodPolicy, settings: &Settings, log: Log) -> Result<(), ProxyError> {
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
        names: policy.empty_cache(),
        slots: Slots::new(settings.max_lookups),
        policy,
        log,
        upstream: settings.upstream,
        timeout: settings.timeout,
        idle: settings.idle,
        connections: settings.max_connections,
    });
    let is_refused = saved.is_some_and(|saved| !restore(&shared, settings, saved.as_deref()));
    let entry =
        LogEntry { listen: udp.local_addr().ok(), http: web.local_addr().ok(), ..shared.event("listening") };
    let ended = start(&shared, &udp, web).map_err(|error| broken(&error))?;
    shared.log.write(&entry);
    if !settings.http.ip().to_canonical().is_loopback() {
        let detail = "the HTTP server is not on a loopback address: any client that reaches it can keep addresses allowed";
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
        // Nothing reads the last message.
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
    move |error| {
        ProxyError::new(format!("{what}: {error}"), "give another address; port 0 selects a free port")
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Starts the threads for UDP and HTTP. The receiver reports a thread that ends, which is an error.
fn start(
    shared: &Arc<Shared>,
    udp: &UdpSocket,
    web: TcpListener,
) -> io::Result<tokio::sync::mpsc::Receiver<String>> {
    let (sender, ended) = channel(1);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    for _ in 0..workers {
        let worker = udp::Worker::new(Arc::clone(shared), udp, SOCKETS / workers)?;
        spawn("udp", &sender, move || worker.run().to_string())?;
    }
    web.set_nonblocking(true)?;
    let shared = Arc::clone(shared);
    spawn("http", &sender, move || match runtime() {
        Ok(runtime) => runtime.block_on(LocalSet::new().run_until(async move {
            let served = Connections::new(shared.connections, shared.idle);
            let web = match tokio::net::TcpListener::from_std(web) {
                Ok(web) => web,
                Err(error) => return error.to_string(),
            };
            let server = Rc::new(HttpServer { shared });
            let serve = move |stream, connection| http::connection(Rc::clone(&server), stream, connection);
            served.accept(web, serve).await;
            "it ended".to_owned()
        })),
        Err(error) => error.to_string(),
    })?;
    Ok(ended)
}

/// Reports the end of a thread, also after a panic.
struct EndReport {
    name: &'static str,
    why: String,
    sender: Sender<String>,
}

impl Drop for EndReport {
    fn drop(&mut self) {
        let _ = self.sender.try_send(format!("the thread for {} has ended: {}", self.name, self.why));
    }
}

fn spawn(
    name: &'static str,
    sender: &Sender<String>,
    work: impl FnOnce() -> String + Send + 'static,
) -> io::Result<()> {
    let report = EndReport { name, why: "it panicked".to_owned(), sender: sender.clone() };
    let work = move || {
        // The closure owns the whole report, so that its drop is the end of the thread.
        let mut report = report;
        report.why = work();
    };
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Waits for a signal, or for the end of a thread.
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

/// Opens one port for both protocols.
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
    fn event(&self, event: &'static str) -> LogEntry<'static> {
        LogEntry::new(event, self.names.now())
    }
}

/// Restores the DNS cache from the file. Returns false for invalid content: then the cache stays empty.
fn restore(shared: &Shared, settings: &Settings, saved: Option<&[u8]>) -> bool {
    let path = settings.state.as_deref().unwrap_or_else(|| std::path::Path::new(""));
    let (event, detail) = match saved.map(|saved| shared.names.restore(saved)) {
        None => ("empty", format!("{} does not exist yet", path.display())),
        Some(Ok(known)) => ("restored", format!("{known} addresses of {}", path.display())),
        Some(Err(error)) => ("not-restored", format!("{}: {error}; the cache is empty", path.display())),
    };
    shared.log.write(&shared.event(event).detail(detail));
    event != "not-restored"
}

/// Saves the DNS cache. A file with invalid content stays under another name.
fn save(shared: &Shared, settings: &Settings, is_refused: bool) -> Result<(), ProxyError> {
    let Some(path) = &settings.state else { return Ok(()) };
    let bytes = shared.names.finish();
    let aside = |()| state::set_aside(path, shared.names.now()).map(Some);
    let result = is_refused.then_some(()).map_or(Ok(None), aside);
    let result = result.and_then(|aside| state::save(path, &bytes).map(|()| aside));
    let (event, detail) = match &result {
        Ok(None) => ("saved", path.display().to_string()),
        Ok(Some(aside)) => (
            "saved",
            format!("{}; the content that could not be restored is in {}", path.display(), aside.display()),
        ),
        Err(error) => ("not-saved", format!("{}: {error}", path.display())),
    };
    shared.log.write(&shared.event(event).detail(detail));
    result.map(drop).map_err(|error| {
        let message = format!("cannot save the DNS cache to `{}`: {error}", path.display());
        ProxyError::new(message, "the next lookups fill the cache again")
    })
}
