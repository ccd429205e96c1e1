//! Directions of network policies: rules with every effect, in several tiers.

use super::rule;
use palisade::ir::{DirectionLayer, Effect, Posture, Proxy};
use proptest::{collection::vec, prelude::*};

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        3 => Just(Effect::Allow),
        2 => Just(Effect::Deny),
        3 => Just(Effect::Pass),
        2 => Just(Effect::Proceed),
        1 => Just(Effect::Redirect),
        1 => prop::sample::select(&[Proxy::Dns, Proxy::Http, Proxy::Tls][..]).prop_map(Effect::Refuse),
    ]
}

/// Returns the effect of a rule of the DNS proxy.
fn lookup_effect() -> impl Strategy<Value = Effect> {
    prop_oneof![2 => Just(Effect::Allow), 1 => Just(Effect::Refuse(Proxy::Dns))]
}

/// Returns a direction with a few tiers.
pub fn direction() -> impl Strategy<Value = DirectionLayer> {
    let posture = prop_oneof![
        1 => Just(Posture::Open),
        1 => Just(Posture::DefaultAllow),
        3 => Just(Posture::DefaultDeny),
    ];
    let cuts = || {
        vec(0..10u32, 0..3).prop_map(|mut cuts| {
            cuts.sort_unstable();
            cuts.dedup();
            cuts
        })
    };
    let lookups = (rule::rules(0..4), vec(lookup_effect(), 4));
    (rule::rules(0..10), vec(effect(), 10), (cuts(), cuts(), cuts()), lookups, posture, any::<bool>())
        .prop_map(
            |(mut rules, effects, (tiers, stages, resumes), (mut lookups, names), posture, from_host)| {
                for (rule, effect) in rules.iter_mut().zip(effects) {
                    rule.effect = effect;
                }
                for (rule, effect) in lookups.iter_mut().zip(names) {
                    rule.effect = effect;
                }
                let layer = DirectionLayer::default();
                DirectionLayer { posture, rules, tiers, stages, resumes, lookups, from_host, ..layer }
            },
        )
}
