//! The rules of one direction of an endpoint, in order of precedence (docs/semantics/cilium.md#cilium-precedence).

use super::{
    super::model::{Direction, Entry, Level, Policy},
    endpoint::Endpoint,
    fqdn_without_dns_rule::unlearnable,
    map_state::MapState,
    named_port::{PortNumbers, RangeEnds},
    port_clauses::PortClauses,
    port_text, requires,
};
use crate::{
    cluster::EndpointKind,
    ir::{DirectionLayer, Effect, Posture},
    options::{AllowLocalhost, CiliumVersion, EnforcementMode, Options, Profile},
};
use alloc::vec::Vec;

/// Returns the rules of one direction of `endpoint`, which the policies `selecting` select.
pub(super) fn direction(
    selecting: &[&Policy],
    endpoint: &Endpoint<'_>,
    numbers: &PortNumbers,
    is_egress: bool,
    options: &Options,
) -> DirectionLayer {
    let of = if is_egress { egress_of } else { ingress_of };
    if options.cilium.enforcement_mode == EnforcementMode::Never {
        return DirectionLayer::default();
    }
    let selecting: Vec<&Policy> = selecting.iter().copied().filter(|p| of(p).is_present).collect();
    let always =
        options.cilium.enforcement_mode == EnforcementMode::Always || endpoint.kind == EndpointKind::Init;
    let has_default_deny = always || selecting.iter().any(|p| of(p).enables_default_deny);
    let posture = match (has_default_deny, selecting.is_empty()) {
        (true, _) => Posture::DefaultDeny,
        (false, true) => Posture::Open,
        (false, false) => Posture::DefaultAllow,
    };
    let narrowed = requires::narrowed(&selecting, of);
    let mut entries: Vec<&Entry> = match &narrowed {
        Some(narrowed) => narrowed.iter().collect(),
        None => selecting.iter().flat_map(|p| &of(p).entries).collect(),
    };
    let merged = port_text::merged(&entries);
    if let Some(merged) = &merged {
        entries = merged.iter().collect();
    }
    if has_default_deny && options.profile == Profile::Strict {
        // An isolated pod stays isolated: the tier Baseline allows nothing
        // (docs/semantics/kubernetes.md#kubernetes-baseline-accept).
        entries.retain(|e| e.level.tier < Level::BASELINE || e.effect != Effect::Allow);
    }
    entries.sort_by_key(|e| e.level);
    let enforces_l7 = has_default_deny || options.cilium.version < CiliumVersion::V1_18;
    let ports = PortClauses { endpoint, is_egress, range_ends: RangeEnds::new(&entries), numbers };
    let mut state = MapState::new(ports, enforces_l7);
    state.add(&entries);
    if is_egress {
        state.add_lookups(&entries);
    }
    let mut layer = state.layer;
    layer.posture = posture;
    layer.policies = selecting.iter().map(|p| p.reference.clone()).collect();
    layer.policies.dedup();
    layer.from_host =
        !is_egress && options.cilium.allow_localhost == AllowLocalhost::Always && !selecting.is_empty();
    if has_default_deny && is_egress {
        layer.unlearnable = unlearnable(&layer);
    }
    layer
}

fn egress_of(policy: &Policy) -> &Direction {
    &policy.egress
}

fn ingress_of(policy: &Policy) -> &Direction {
    &policy.ingress
}
