//! A DNS proxy that enforces the policies of one pod as Cilium's DNS proxy does.
//!
//! [`serve`] receives lookups over UDP and TCP. The engine decides each lookup. The proxy refuses it, or forwards it to the
//! upstream server. It records the addresses of a response in the DNS cache, and then sends the response to the client. An
//! HTTP server decides whether the pod may connect to an address now. The proxy saves the cache at its end, and restores it
//! at its start.
//!
//! There are several threads for UDP, one for TCP and signals, one for HTTP, and one that writes the log. They share the DNS
//! cache, which a lock protects for microseconds. No thread waits for a client, the reader of the log or the upstream server
//! while it holds the lock. The numbers of lookups and connections are limited, and all waiting has a time limit.

mod clock;
mod connections;
mod error;
mod http;
mod log;
mod lookup;
mod message;
mod names;
mod pod_policy;
mod server;
mod slots;
mod state;
mod tcp;
mod udp;
mod upstream;

pub use error::ProxyError;
pub use log::{Log, LogFormat};
pub use pod_policy::PodPolicy;
pub use server::{Settings, serve};
