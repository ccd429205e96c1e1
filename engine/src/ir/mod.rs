//! Rules that are independent of a policy language, with the origin of each of their tests.
//!
//! A [`Rule`] matches if all its groups match; a [`Group`] if one of its clauses matches; a [`Clause`] if all its tests
//! match; a [`Test`] if one value of its attribute matches one of its patterns or, negated, if none does. The patterns of a
//! [`Predicate`] have the type of its attribute. The reference evaluator of the tests reads these types by plain loops;
//! `compile` translates them to matchers.

mod attribute;
mod glob;
mod header_name;
mod layer;
mod origin;
mod pattern;
mod predicate;
mod rule;
mod selector;

pub use attribute::{AddressAttribute, Attribute, NameAttribute, TextAttribute};
pub use glob::{Gap, GapClass, Glob, Piece};
pub use header_name::HeaderName;
pub use layer::{
    AuthorizationLayer, DirectionLayer, NetworkLayer, PeerLayer, PeerMode, Posture, Unlearnable,
};
pub use origin::{Field, Origin};
pub use pattern::{HeaderPattern, NamePattern, PortRange, RequestPrincipalPattern, Text, TransportRange};
pub use predicate::Predicate;
pub use rule::{Clause, Effect, Group, Proxy, Rule, Section, Test};
pub use selector::{Operator, Requirement, Selector};
