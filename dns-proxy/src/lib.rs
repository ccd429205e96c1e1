//! A DNS proxy that decides, forwards and learns as Cilium's does, under the policy of one pod.
//!
//! [`serve`] listens for lookups by UDP and TCP. The engine decides each one: it is refused, or goes to the upstream
//! server, whose answer is held back until the names in it are learned. What was learned answers "may I connect to this
//! address now?" over HTTP. The cache is saved when the process is asked to end, and restored when it starts.
//!
//! Threads: some for UDP, one for TCP and signals, one for HTTP, one that writes the log. They share the names behind a
//! lock that is held for microseconds; none of them waits for a client, for the reader of the log or for the server
//! while it holds anything that another one needs. The number of lookups and connections in flight is bounded, and
//! whatever waits for another process has a time limit.

mod clock;
mod connections;
mod error;
mod guard;
mod http;
mod log;
mod lookup;
mod message;
mod names;
mod server;
mod slots;
mod state;
mod tcp;
mod udp;
mod upstream;

pub use error::ProxyError;
pub use guard::Guard;
pub use log::{Log, LogFormat};
pub use server::{Settings, serve};
