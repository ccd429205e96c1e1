//! A real Envoy with real certificates: download, configuration, process, and clients for HTTP/1, HTTP/2 and HTTP/3.
//!
//! ```no_run
//! use palisade_envoy::certs::{Authority, Names};
//! use palisade_envoy::client::{Client, Reply};
//! use palisade_envoy::config::{Bootstrap, Http, Listener, Transport};
//! use palisade_envoy::process::Envoy;
//!
//! # fn main() -> anyhow::Result<()> {
//! let mesh = Authority::new("cluster.local")?;
//! let server = mesh.issue(&Names::workload("cluster.local", "foo", "sample"))?;
//! let client = mesh.issue(&Names::workload("cluster.local", "foo", "sleep"))?;
//!
//! let listener = Listener::http("inbound", Transport::mutual_tls(&mesh, &server), Http::default());
//! let envoy = Envoy::start(&Bootstrap::new(vec![listener]))?;
//!
//! let sleep = Client::tls(envoy.port("inbound")?, &mesh, Some(&client))?;
//! match sleep.request(b"GET / HTTP/1.1\r\nhost: sample.foo\r\n\r\n")? {
//!     Reply::Response(response) => println!("{}", response.status),
//!     Reply::Closed(reason) => println!("closed: {reason}"),
//! }
//! # Ok(())
//! # }
//! ```

pub mod certs;
pub mod client;
pub mod config;
pub mod dynamic;
pub mod fetch;
mod http1;
pub mod http2;
pub mod http3;
pub mod port;
pub mod process;
pub mod python;
pub mod response;
pub mod token;
mod verify;
pub mod wasm;
