//! Counters and the histogram, as Envoy shows them on `/stats/prometheus` (with `_` for each `.`).
//!
//! | name | counts |
//! |---|---|
//! | `palisade.allowed` | streams let through |
//! | `palisade.denied` | streams denied |
//! | `palisade.shadow_denied` | streams let through that dry-run policies, `mode: shadow` or `shadowResources` would deny |
//! | `palisade.shadow_disagreed` | streams on which `shadowResources` decide otherwise |
//! | `palisade.errors` | streams that could not be decided, configurations refused |
//! | `palisade.policy.NAMESPACE.NAME.allowed`, `.denied` | decisions by a rule of this policy; the policies beyond the cap share `palisade.policy_others.allowed`, `.denied` |
//! | `palisade.decision_time_ns` | a histogram, where it is wanted |

use crate::{
    host::Host,
    types::{LogLevel, MetricKind},
};
use core::cell::RefCell;
use palisade::PolicyRef;
use std::sync::Arc;

/// The metrics of one plugin. One that could not be defined is not counted; no decision depends on it.
#[derive(Debug, Default)]
pub struct Metrics {
    allowed: Option<u32>,
    denied: Option<u32>,
    shadow_denied: Option<u32>,
    shadow_disagreed: Option<u32>,
    errors: Option<u32>,
    decision_time: Option<u32>,
    policies: RefCell<PolicyCounters>,
}

/// Counters of single policies, defined when a policy first decides.
#[derive(Debug, Default)]
struct PolicyCounters {
    cap: usize,
    known: Vec<(Arc<PolicyRef>, Pair)>,
    others: Option<Pair>,
}

/// What is counted where a policy allows, and where it denies.
#[derive(Clone, Copy, Debug)]
struct Pair {
    allowed: Option<u32>,
    denied: Option<u32>,
}

impl Metrics {
    /// Defines the counters.
    pub fn define(host: &impl Host) -> Self {
        let counter = |name: &str| define(host, MetricKind::Counter, name);
        Self {
            allowed: counter("palisade.allowed"),
            denied: counter("palisade.denied"),
            shadow_denied: counter("palisade.shadow_denied"),
            shadow_disagreed: counter("palisade.shadow_disagreed"),
            errors: counter("palisade.errors"),
            decision_time: None,
            policies: RefCell::default(),
        }
    }

    /// Counts the decisions of at most `cap` policies one by one.
    pub fn count_policies(&mut self, cap: usize) {
        self.policies.get_mut().cap = cap;
    }

    /// Measures how long decisions take.
    pub fn measure_time(&mut self, host: &impl Host) {
        self.decision_time = define(host, MetricKind::Histogram, "palisade.decision_time_ns");
    }

    /// A stream was let through.
    pub fn allowed(&self, host: &impl Host) {
        count(self.allowed, host);
    }

    /// A stream was denied.
    pub fn denied(&self, host: &impl Host) {
        count(self.denied, host);
    }

    /// A stream was let through that would be denied.
    pub fn shadow_denied(&self, host: &impl Host) {
        count(self.shadow_denied, host);
    }

    /// Two sets of policies decide otherwise.
    pub fn shadow_disagreed(&self, host: &impl Host) {
        count(self.shadow_disagreed, host);
    }

    /// A stream could not be decided, or a configuration was refused.
    pub fn error(&self, host: &impl Host) {
        count(self.errors, host);
    }

    /// A rule of `policy` decided.
    pub fn decided(&self, host: &impl Host, policy: &Arc<PolicyRef>, allowed: bool) {
        let Ok(mut counters) = self.policies.try_borrow_mut() else { return };
        if counters.cap == 0 {
            return;
        }
        let pair = counters.pair(host, policy);
        count(if allowed { pair.allowed } else { pair.denied }, host);
    }

    /// Runs a decision, and measures it where that is wanted.
    pub fn timed<R>(&self, host: &impl Host, decide: impl FnOnce() -> R) -> R {
        let Some(histogram) = self.decision_time else { return decide() };
        let start = host.now();
        let result = decide();
        host.record(histogram, host.now().saturating_sub(start));
        result
    }
}

impl PolicyCounters {
    fn pair(&mut self, host: &impl Host, policy: &Arc<PolicyRef>) -> Pair {
        // The rules of a policy share it, but those for requests and for connections are compiled apart.
        let same = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, policy));
        let same = same.or_else(|| self.known.iter().find(|(known, _)| known == policy));
        if let Some((_, pair)) = same {
            return *pair;
        }
        let counter = |prefix: &str, what: &str| {
            define(host, MetricKind::Counter, &format!("palisade.{prefix}.{what}"))
        };
        let pair =
            |prefix: &str| Pair { allowed: counter(prefix, "allowed"), denied: counter(prefix, "denied") };
        if self.known.len() >= self.cap {
            return *self.others.get_or_insert_with(|| pair("policy_others"));
        }
        let pair = pair(&format!("policy.{}.{}", policy.namespace, policy.name));
        self.known.push((Arc::clone(policy), pair));
        pair
    }
}

fn define(host: &impl Host, kind: MetricKind, name: &str) -> Option<u32> {
    let report = |error: &crate::HostError| {
        host.log(LogLevel::Warn, &format!("palisade: no metric `{name}`: status {}", error.0));
    };
    host.define_metric(kind, name).inspect_err(report).ok()
}

fn count(counter: Option<u32>, host: &impl Host) {
    if let Some(counter) = counter {
        host.increment(counter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn policy(name: &str) -> Arc<PolicyRef> {
        Arc::new(PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: name.into() })
    }

    #[test]
    fn policies_beyond_the_cap_share_a_counter() {
        let host = Fake::default();
        let mut metrics = Metrics::define(&host);
        metrics.decided(&host, &policy("a"), true);
        metrics.count_policies(1);

        for (name, allowed) in [("a", true), ("b", false), ("c", false), ("a", false), ("a", true)] {
            metrics.decided(&host, &policy(name), allowed);
        }

        assert_eq!(host.counter("palisade.policy.foo.a.allowed"), 2);
        assert_eq!(host.counter("palisade.policy.foo.a.denied"), 1);
        assert_eq!(host.counter("palisade.policy_others.denied"), 2);
        assert_eq!(host.metric_names().iter().filter(|name| name.contains("policy")).count(), 4);
    }

    #[test]
    fn time_is_measured_only_where_that_is_wanted() {
        let host = Fake::default();
        let mut metrics = Metrics::define(&host);
        assert_eq!(metrics.timed(&host, || 5), 5);
        assert!(host.recorded.borrow().is_empty());

        metrics.measure_time(&host);
        assert_eq!(metrics.timed(&host, || 5), 5);
        assert_eq!(host.recorded.borrow().len(), 1);
    }
}
