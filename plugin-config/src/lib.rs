//! The plugin configuration: the JSON text that Envoy passes to the Palisade filter.
//!
//! The filter reads a [`Config`] with [`Config::parse`]. `palisade bundle`, the oracle and `cargo xtask envoy` write one
//! with serde. docs/envoy.md describes every field for users.
//!
//! ```
//! use palisade_plugin_config::{Config, Mode, WorkloadSource, WorkloadSpec};
//!
//! let workload = WorkloadSpec { namespace: "foo".to_owned(), ..WorkloadSpec::default() };
//! let config = Config { mode: Mode::Shadow, ..Config::new(WorkloadSource::Named(workload)) };
//! let text = config.to_json().to_string();
//! assert_eq!(Config::parse(text.as_bytes()).unwrap(), config);
//!
//! let error = Config::parse(br#"{"workload": "fromNode", "modes": "shadow"}"#).unwrap_err();
//! assert!(error.to_string().contains("unknown field `modes`"));
//! ```
//!
//! | module | contents |
//! |---|---|
//! | `config` | [`Config`] and the settings that have one field |
//! | `workload` | [`WorkloadSource`], [`WorkloadSpec`] and the [`Service`] of a waypoint |
//! | `mesh` | [`MeshSettings`] |
//! | `provider` | [`Provider`], an external authorization server |
//! | `telemetry` | [`Telemetry`]: metrics, filter state and log |
//! | `error` | [`ConfigError`] |

mod config;
mod error;
mod mesh;
mod provider;
mod telemetry;
mod workload;

pub use crate::{
    config::{Config, Mode, TrafficDirection},
    error::ConfigError,
    mesh::MeshSettings,
    provider::Provider,
    telemetry::{FilterStateScope, Telemetry},
    workload::{Role, Service, ServiceKind, WorkloadSource, WorkloadSpec},
};
