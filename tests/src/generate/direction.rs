//! Directions of network policies: rules with every effect, cut into tiers.

use super::rule;
use palisade::ir::{DirectionLayer, Effect, Posture, Proxy};
use proptest::{collection::vec, prelude::*};

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        3 => Just(Effect::Allow),
        2 => Just(Effect::Deny),
        3 => Just(Effect::Pass),
        2 => Just(Effect::Proceed),
        1 => prop::sample::select(&[Proxy::Dns, Proxy::Http, Proxy::Tls][..]).prop_map(Effect::Refuse),
    ]
}

/// A direction of up to a few tiers.
pub fn direction() -> impl Strategy<Value = DirectionLayer> {
    let posture = prop_oneof![
        1 => Just(Posture::Open),
        1 => Just(Posture::DefaultAllow),
        3 => Just(Posture::DefaultDeny),
    ];
    let cuts = || vec(0..10u32, 0..3);
    (rule::rules(0..10), vec(effect(), 10), (cuts(), cuts()), posture, any::<bool>()).prop_map(
        |(mut rules, effects, (mut tiers, mut stages), posture, from_host)| {
            for (rule, effect) in rules.iter_mut().zip(effects) {
                rule.effect = effect;
            }
            tiers.sort_unstable();
            tiers.dedup();
            stages.sort_unstable();
            stages.dedup();
            DirectionLayer { posture, rules, tiers, stages, from_host, ..DirectionLayer::default() }
        },
    )
}
