//! Language-neutral rules: what every policy language is lowered to, and all that deciding knows.
//!
//! A [`Rule`] holds when every [`Group`] holds; a group when one of its clauses does; a [`Clause`] when all its
//! tests do; a [`Test`] when one of the attribute's values matches one of the patterns (or, negated, when none
//! does). Nothing here knows Istio or Cilium. The reference evaluator of the tests reads these types by plain
//! loops; `compile` turns them into matchers.

mod attribute;
mod glob;
mod header_name;
mod layer;
mod pattern;
mod rule;
mod selector;

pub use attribute::Attribute;
pub use glob::{Gap, GapClass, Glob, Piece};
pub use header_name::HeaderName;
pub use layer::{
    AuthorizationLayer, DirectionLayer, NetworkLayer, PeerLayer, PeerMode, Posture, Unlearnable,
};
pub use pattern::{NamePattern, Pattern, Text};
pub use rule::{Clause, Effect, Group, Proxy, Rule, Section, Test};
pub use selector::{Operator, Requirement, Selector};
