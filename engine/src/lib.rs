#![no_std]
#![forbid(unsafe_code)]
//! WIP
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod authorization;
mod cluster;
mod compile;
mod decision;
mod diagnostic;
mod explain;
pub mod flow;
pub mod http;
pub mod ir;
mod labels;
pub mod limits;
pub mod lint;
mod lower;
pub mod manifest;
mod matcher;
mod net;
mod options;
mod policy_set;
mod request;
pub mod resource;
mod rule_id;

pub use cluster::{Cluster, EndKind, MeshRole, NamedPort, Workload};
pub use compile::{CompileSwitches, CompiledRules};
pub use decision::{DecidedBy, Decision, DefaultReason, Layer, LayerDecision, Outcome, Verdict};
pub use diagnostic::{Diagnostic, Origin, Severity};
pub use explain::{Failure, RuleTrace, nearest_miss};
pub use labels::{Label, Labels};
pub use net::{Protocol, Transport};
pub use options::{CiliumVersion, EnforcementMode, Localhost, Options, Profile};
pub use policy_set::PolicySet;
pub use request::{Attributes, ClaimName, Peer, Read, Request, Shape, Unavailable, Visit};
pub use rule_id::{PolicyRef, RuleId};
