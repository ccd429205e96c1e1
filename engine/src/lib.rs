#![no_std]
#![forbid(unsafe_code)]
//! Palisade decides what Istio, Cilium and Kubernetes policies together say about one request: may it pass, which
//! layer decided, which rule of which resource, and why.
//!
//! ```text
//! YAML, JSON ─ manifest ─▶ resource ─▶ cluster ─ lower ─▶ ir ─ compile ─▶ PolicySet, Simulation
//!                             │                                               │
//!                             └── lint                         Attributes ─▶ decide ─▶ Decision
//!                                                                        └▶ explain ─▶ Explanation
//! ```
//!
//! # Two ways to ask
//!
//! A proxy that enforces the mesh policies of one workload compiles a [`PolicySet`] and asks it per request. A
//! person who wants to know what happens between two ends of a cluster builds a [`flow::Simulation`]:
//!
//! ```
//! # #[cfg(feature = "yaml")] {
//! use palisade::{Cluster, Options, Protocol, Verdict, flow, manifest, resource::Resources};
//!
//! let yaml = "
//! apiVersion: v1
//! kind: Namespace
//! metadata: {name: foo, labels: {istio-injection: enabled}}
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: sleep, namespace: foo}
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: sample, namespace: foo, labels: {app: sample}}
//! ---
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: {name: get-only, namespace: foo}
//! spec:
//!   selector: {matchLabels: {app: sample}}
//!   rules:
//!   - to: [{operation: {methods: [GET]}}]
//! ";
//! let mut resources = Resources::default();
//! assert!(manifest::load("policy.yaml", yaml, &mut resources).is_empty());
//! let (cluster, _) = Cluster::new(resources);
//! let simulation = flow::Simulation::new(cluster, Options::default());
//!
//! let mut flow = flow::Flow::new("foo/sleep", "foo/sample", 8000);
//! flow.http = Some(flow::HttpRequest::new("POST", "/status", "sample.foo"));
//! let answer = simulation.explain(&flow, &flow::History::default())?;
//! assert_eq!(answer.decision.verdict, Verdict::Deny);
//! let miss = answer.layers[3].nearest_miss().unwrap();
//! assert_eq!(miss.id.to_string(), "AuthorizationPolicy/foo/get-only#0");
//! assert_eq!((&*miss.failures[0].required[0], &*miss.failures[0].actual[0]), ("GET", "POST"));
//! # assert_eq!(flow.protocol, Protocol::Tcp);
//! # }
//! # Ok::<(), palisade::flow::FlowError>(())
//! ```
//!
//! # Precedence
//!
//! 1. A flow passes the layers `cilium-egress`, `cilium-ingress`, `peer-authentication`, `authorization-policy` in
//!    this order; the first that does not let it pass decides.
//! 2. Network policies: rules are walked by tier and priority; on one level deny beats allow beats pass; what no
//!    rule matches is denied where some rule arms default deny.
//! 3. AuthorizationPolicy: CUSTOM, then DENY, then ALLOW; where an ALLOW policy applies, what no ALLOW rule matches
//!    is denied.
//! 4. What cannot be read denies.
//!
//! # Features
//!
//! `std` lets dependencies use std; `yaml` (implies `std`) reads YAML text. Both are on by default and only add.
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod authorization;
mod cluster;
mod compile;
mod decision;
mod diagnostic;
mod dns;
pub mod enforcement;
mod explain;
pub mod export;
mod filter_chain;
pub mod flow;
mod fqdn;
pub mod http;
pub mod ir;
mod labels;
pub mod limits;
pub mod lint;
mod lower;
pub mod manifest;
mod matcher;
mod namespaced_name;
mod net;
mod network;
mod options;
mod policy_set;
mod request;
pub mod resource;
mod rule_id;
mod strict;
mod unknown_name;
mod visible;
mod whole_number;

pub use cluster::{CalledService, Cluster, EndpointKind, IdentitySource, MeshRole, NamedPort, Workload};
pub use compile::{CompileSwitches, CompiledRules, Evaluate, Interpreter};
pub use decision::{DecidedBy, Decision, DefaultReason, Layer, LayerDecision, Outcome, Verdict};
pub use diagnostic::{Authority, Diagnostic, Origin, Severity};
pub use dns::{
    AnswerError, CacheLimits, DnsAnswer, DnsCache, DnsData, DnsRecord, RestoreError, resolve_answer,
};
pub use explain::{RuleTrace, TestTrace, candidates, near_denials, nearest_miss};
pub use filter_chain::FilterChain;
pub use fqdn::{FqdnPattern, FqdnPatternError, FqdnSet};
pub use labels::{Label, Labels};
pub use namespaced_name::{NameError, NamespacedName};
pub use net::{Protocol, Transport};
pub use network::{Direction, NetworkEvaluation, NetworkProgram};
pub use options::{
    AdvancedNetworkPolicies, AllowLocalhost, CidrMatch, CiliumOptions, CiliumVersion, DnsRefusal,
    EnforcementMode, EnvoyOptions, EnvoyVersion, IstioOptions, IstioVersion, OptionError, Options, Profile,
    VersionError,
};
pub use policy_set::PolicySet;
pub use request::{Attributes, ClaimName, Peer, Read, Request, Shape, Unavailable, Visit};
pub use rule_id::{PolicyRef, RuleId};
pub use unknown_name::UnknownName;
pub use visible::{is_visible, visible};
pub use whole_number::with_limits;
