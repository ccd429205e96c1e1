//! The rules of one endpoint in order of precedence (docs/semantics/cilium.md#cilium-precedence).

use super::{
    conflict::conflict,
    named_port::RangeEnds,
    policy::{Direction, Entry, Level, Lowered, Policy},
    port_text, requires,
    unlearnable::unlearnable,
    writer::Writer,
};
use crate::{
    cluster::{EndKind, NamedPort},
    ir::{DirectionLayer, Effect, NetworkLayer, Posture},
    labels::Labels,
    options::{AllowLocalhost, CiliumVersion, EnforcementMode, Options, Profile},
};
use alloc::{collections::BTreeSet, vec::Vec};

/// The endpoint whose policy is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) kind: EndKind,
    pub(crate) labels: &'a Labels,
    /// Its container ports: what a port's name means on ingress.
    pub(crate) ports: &'a [NamedPort],
}

impl Lowered {
    /// What the policies say of `endpoint`.
    pub(crate) fn layer(&self, endpoint: &Endpoint<'_>, options: &Options) -> NetworkLayer {
        self.layer_of(&self.subjects.selecting(endpoint), endpoint, options)
    }

    /// What the policies with the subjects at `subjects` say of `endpoint`, whatever they select.
    pub(super) fn layer_of(
        &self,
        subjects: &[usize],
        endpoint: &Endpoint<'_>,
        options: &Options,
    ) -> NetworkLayer {
        let places = self.subjects.policies(subjects);
        let selecting: Vec<&Policy> =
            places.into_iter().filter_map(|place| self.policies.get(place)).collect();
        self.layer_by(&selecting, endpoint, options)
    }

    /// What the policies `selecting` say of `endpoint`, whatever they select.
    pub(super) fn layer_by(
        &self,
        selecting: &[&Policy],
        endpoint: &Endpoint<'_>,
        options: &Options,
    ) -> NetworkLayer {
        let egress = selecting.iter().flat_map(|p| &p.egress.entries);
        let ingress = selecting.iter().flat_map(|p| &p.ingress.entries);
        let error = conflict(&egress.collect::<Vec<_>>()).or_else(|| conflict(&ingress.collect::<Vec<_>>()));
        let error = error.filter(|_| options.cilium.enforcement_mode != EnforcementMode::Never);
        NetworkLayer {
            egress: self.direction(selecting, endpoint, true, |p| &p.egress, options),
            ingress: self.direction(selecting, endpoint, false, |p| &p.ingress, options),
            error,
        }
    }

    fn direction(
        &self,
        selecting: &[&Policy],
        endpoint: &Endpoint<'_>,
        is_egress: bool,
        of: impl Fn(&Policy) -> &Direction,
        options: &Options,
    ) -> DirectionLayer {
        if options.cilium.enforcement_mode == EnforcementMode::Never {
            return DirectionLayer::default();
        }
        let selecting: Vec<&Policy> = selecting.iter().copied().filter(|p| of(p).present).collect();
        let always =
            options.cilium.enforcement_mode == EnforcementMode::Always || endpoint.kind == EndKind::Init;
        let armed = always || selecting.iter().any(|p| of(p).arms);
        let posture = match (armed, selecting.is_empty()) {
            (true, _) => Posture::DefaultDeny,
            (false, true) => Posture::Open,
            (false, false) => Posture::DefaultAllow,
        };
        let narrowed = requires::narrowed(&selecting, &of);
        let mut entries: Vec<&Entry> = match &narrowed {
            Some(narrowed) => narrowed.iter().collect(),
            None => selecting.iter().flat_map(|p| &of(p).entries).collect(),
        };
        let merged = port_text::merged(&entries);
        if let Some(merged) = &merged {
            entries = merged.iter().collect();
        }
        if armed && options.profile == Profile::Strict {
            // What isolates a pod then ends the walk: nothing behind it re-opens the pod
            // (docs/semantics/kubernetes.md#kubernetes-baseline-accept).
            entries.retain(|e| e.level.tier < Level::BASELINE || e.effect != Effect::Allow);
        }
        entries.sort_by_key(|e| e.level);
        let refuses = armed || options.cilium.version < CiliumVersion::V1_18;
        let range_ends = RangeEnds::new(&entries);
        let (known, layer) = (BTreeSet::new(), DirectionLayer::default());
        let numbers = &self.port_numbers;
        let mut writer = Writer { endpoint, is_egress, refuses, range_ends, numbers, tier: 0, known, layer };
        for tier in entries.chunk_by(|a, b| a.level.tier == b.level.tier) {
            if !writer.layer.rules.is_empty() {
                writer.layer.tiers.push(writer.layer.rules.len() as u32);
            }
            tier.chunk_by(|a, b| a.level == b.level).for_each(|level| writer.level(level));
        }
        if is_egress {
            writer.lookups(&entries);
        }
        let mut layer = writer.layer;
        layer.posture = posture;
        layer.policies = selecting.iter().map(|p| p.reference.clone()).collect();
        layer.policies.dedup();
        layer.from_host =
            !is_egress && options.cilium.allow_localhost == AllowLocalhost::Always && !selecting.is_empty();
        if armed && is_egress {
            layer.unlearnable = unlearnable(&layer);
        }
        layer
    }
}
