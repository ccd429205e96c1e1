#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "internals"),
    expect(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "the tools of this repository use more than the stable interface"
    )
)]
//! Palisade decides whether Istio, Cilium and Kubernetes policies together let a request pass, and explains the decision.
//!
//! # Model
//!
//! 1. [`Policies`] reads manifests: policies, and the namespaces, pods and services that they refer to.
//! 2. [`Policies::validate`] rejects what istiod, the API server or the Cilium agent rejects. Only the result,
//!    [`ValidatedPolicies`], compiles policies.
//! 3. [`ValidatedPolicies::policy_set`] compiles the mesh policies of one workload, for a proxy that enforces them. A
//!    [`PolicySet`] decides each request from its [`Attributes`], and reads only those that a policy needs.
//! 4. [`ValidatedPolicies::simulation`] decides a [`flow::Flow`] between two endpoints of the cluster by all four layers:
//!    Cilium egress, Cilium ingress, PeerAuthentication, AuthorizationPolicy. The first layer that does not let the flow pass
//!    decides.
//!
//! ```text
//! YAML, JSON ──▶ Policies ── validate ──▶ ValidatedPolicies ──▶ PolicySet ◀── Attributes
//!                                              │                    └──▶ Decision, RuleTrace
//!                                              └──▶ Simulation ◀── Flow, History
//!                                                       └──▶ FlowDecision, FlowExplanation
//! ```
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "yaml")] {
//! use palisade::{Options, Policies, Verdict, flow::{Flow, History, HttpRequest}};
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
//! let policies = Policies::from_yaml("policy.yaml", yaml)?.validate(&Options::default())?;
//! let simulation = policies.simulation();
//!
//! let mut flow = Flow::new("foo/sleep", "foo/sample", 8000);
//! flow.http = Some(HttpRequest::new("POST", "/status", "sample.foo"));
//! let answer = simulation.explain(&flow, &History::default())?;
//! assert_eq!(answer.decision.verdict, Verdict::Deny);
//! let miss = answer.layers[3].nearest_miss().unwrap();
//! assert_eq!(miss.id.to_string(), "AuthorizationPolicy/foo/get-only#0");
//! assert_eq!((&*miss.failures[0].required[0], &*miss.failures[0].actual[0]), ("GET", "POST"));
//! # }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! The folder `examples` has complete programs: `decide`, `explain`, `enforce_http` and `dns_cache`.
//!
//! # Precedence
//!
//! - Network policies: the tiers and priorities in order; at one level deny precedes allow, and allow precedes pass. If a
//!   policy enables default deny, a flow that no rule matches is denied.
//! - AuthorizationPolicy: CUSTOM, then DENY, then ALLOW. If an ALLOW policy applies, a request that no ALLOW rule matches is
//!   denied.
//! - An attribute that cannot be read denies the request.
//!
//! # Errors
//!
//! [`LoadError`] and [`ValidationError`] contain [`Diagnostic`]s with file, line, field and remedy. No input causes a panic.
//!
//! # Features
//!
//! `std` lets dependencies use std. `yaml` (implies `std`) reads YAML. Both are enabled by default. Without them the crate is
//! `no_std` with `alloc`. `internals` is for the tools of the Palisade repository and has no stable interface.
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod authorization;
mod cluster;
mod compile;
mod decision;
mod diagnostic;
mod dns;
mod explain;
mod filter_chain;
pub mod flow;
mod fqdn;
pub mod http;
mod labels;
pub mod limits;
mod lower;
mod matcher;
mod namespaced_name;
mod net;
mod network;
mod options;
mod policies;
mod policy_set;
mod request;
mod rule_id;
mod strict;
mod switches;
mod unknown_name;
mod visible;
mod whole_number;
mod yaml;

pub use cluster::{CalledService, Cluster, EndpointKind, IdentitySource, MeshRole, NamedPort, Workload};
pub use decision::{DecidedBy, Decision, DefaultReason, Layer, LayerDecision, Outcome, Verdict};
pub use diagnostic::{Authority, Diagnostic, Origin, Severity};
pub use dns::{
    AnswerError, CacheLimits, DnsAnswer, DnsCache, DnsData, DnsRecord, RestoreError, resolve_answer,
};
pub use explain::{RuleTrace, TestTrace, candidates, near_denials, nearest_miss};
pub use filter_chain::FilterChain;
pub use fqdn::{FqdnPattern, FqdnPatternError, FqdnSet};
pub use ir::{Attribute, Effect, Field, PeerMode, Section};
pub use labels::{Label, Labels};
pub use namespaced_name::{NameError, NamespacedName};
pub use net::{Protocol, Transport};
pub use options::{
    AdvancedNetworkPolicies, AllowLocalhost, CidrMatch, CiliumOptions, CiliumVersion, DnsRefusal,
    EnforcementMode, EnvoyOptions, EnvoyVersion, IstioOptions, IstioVersion, OptionError, Options, Profile,
    VersionError,
};
pub use policies::{LoadError, Policies, ValidatedPolicies, ValidationError};
pub use policy_set::PolicySet;
pub use request::{Attributes, ClaimName, Peer, Read, Request, Shape, Unavailable, Visit};
pub use rule_id::{PolicyRef, RuleId};
pub use unknown_name::UnknownName;
pub use visible::{is_visible, visible};
pub use whole_number::with_limits;

// The tools of this repository use the modules below; the feature `internals` is not part of the stable interface.
#[cfg(any(feature = "internals", test))]
mod internals;
#[cfg(feature = "internals")]
pub use {
    compile::CompiledRules,
    network::{Direction, NetworkEvaluation, NetworkProgram},
    switches::{CompileSwitches, Evaluate, Interpreter},
};
#[cfg(not(feature = "internals"))]
mod enforcement;
#[cfg(feature = "internals")]
pub mod enforcement;
#[cfg(not(feature = "internals"))]
mod export;
#[cfg(feature = "internals")]
pub mod export;
#[cfg(not(feature = "internals"))]
mod ir;
#[cfg(feature = "internals")]
pub mod ir;
#[cfg(not(feature = "internals"))]
mod lint;
#[cfg(feature = "internals")]
pub mod lint;
#[cfg(not(feature = "internals"))]
mod manifest;
#[cfg(feature = "internals")]
pub mod manifest;
#[cfg(not(feature = "internals"))]
mod resource;
#[cfg(feature = "internals")]
pub mod resource;

/// The example of the README file.
#[cfg(all(doctest, feature = "yaml"))]
#[doc = include_str!("../README.md")]
struct Readme;
