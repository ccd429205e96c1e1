//! A DNS proxy that asks, forwards and learns as Cilium's does, under the policy of one pod.
//!
//! [`serve`] listens for lookups by UDP and TCP. The engine decides each one: it is refused, or goes to the upstream
//! server, whose answer is held back until the names in it are learned. What was learned answers "may I connect to this
//! address now?" over HTTP. The cache is saved when the process is asked to end, and restored when it starts.
//!
//! One thread does all of it; the number of lookups and connections under way is bounded, and whatever waits for
//! somebody else has a time limit.

mod clock;
mod error;
mod exchange;
mod guard;
mod http;
mod log;
mod message;
mod server;
mod state;
mod upstream;

pub use error::ProxyError;
pub use guard::Guard;
pub use log::{Log, LogFormat};
pub use server::{Settings, serve};
