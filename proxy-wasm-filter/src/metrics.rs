//! The filter's metrics. Envoy shows them at `/stats/prometheus`, with `_` instead of `.`.
//!
//! | name | counts |
//! |---|---|
//! | `palisade.allowed` | allowed streams |
//! | `palisade.denied` | denied streams |
//! | `palisade.shadow_denied` | allowed streams that dry-run policies, `mode: shadow` or `shadowResources` would deny |
//! | `palisade.shadow_disagreed` | streams for which `shadowResources` give another verdict |
//! | `palisade.errors` | streams denied because of an error, and refused configurations |
//! | `palisade.policy.NAMESPACE.NAME.allowed`, `.denied` | decisions by a rule of this policy; policies beyond `telemetry.policyCounters` share `palisade.policy_others.allowed`, `.denied` |
//! | `palisade.decision_time_ns` | a histogram of decision times, with `telemetry.decisionTime` |

use crate::{
    host::Host,
    types::{HostError, LogLevel, MetricKind},
};
use core::cell::RefCell;
use palisade::PolicyRef;
use std::sync::Arc;

/// The metrics of one plugin. If the proxy refuses to define a metric, the filter does not update it.
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

/// The counters of policies, defined at the first decision of each policy.
#[derive(Debug, Default)]
struct PolicyCounters {
    cap: usize,
    known: Vec<(Arc<PolicyRef>, VerdictCounters)>,
    others: Option<VerdictCounters>,
}

/// The two counters of a policy.
#[derive(Clone, Copy, Debug)]
struct VerdictCounters {
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

    /// Sets the number of policies with separate counters.
    pub fn count_policies(&mut self, cap: usize) {
        self.policies.get_mut().cap = cap;
    }

    /// Defines the histogram of decision times.
    pub fn measure_time(&mut self, host: &impl Host) {
        self.decision_time = define(host, MetricKind::Histogram, "palisade.decision_time_ns");
    }

    /// Counts an allowed stream.
    pub fn allowed(&self, host: &impl Host) {
        count(self.allowed, host);
    }

    /// Counts a denied stream.
    pub fn denied(&self, host: &impl Host) {
        count(self.denied, host);
    }

    /// Counts an allowed stream that shadow mode, a dry run or `shadowResources` would deny.
    pub fn shadow_denied(&self, host: &impl Host) {
        count(self.shadow_denied, host);
    }

    /// Counts two different verdicts of `resources` and `shadowResources`.
    pub fn shadow_disagreed(&self, host: &impl Host) {
        count(self.shadow_disagreed, host);
    }

    /// Counts an error: an undecided stream or a refused configuration.
    pub fn error(&self, host: &impl Host) {
        count(self.errors, host);
    }

    /// Counts a decision by a rule of `policy`.
    pub fn decided(&self, host: &impl Host, policy: &Arc<PolicyRef>, allowed: bool) {
        let Ok(mut counters) = self.policies.try_borrow_mut() else { return };
        if counters.cap == 0 {
            return;
        }
        let counters = counters.of(host, policy);
        count(if allowed { counters.allowed } else { counters.denied }, host);
    }

    /// Runs `decide`, and records its time if the histogram is defined.
    pub fn timed<R>(&self, host: &impl Host, decide: impl FnOnce() -> R) -> R {
        let Some(histogram) = self.decision_time else { return decide() };
        let start = host.now();
        let result = decide();
        host.record(histogram, host.now().saturating_sub(start));
        result
    }
}

impl PolicyCounters {
    /// Returns the counters of `policy`, and defines them if necessary.
    fn of(&mut self, host: &impl Host, policy: &Arc<PolicyRef>) -> VerdictCounters {
        // The rules of one policy share a reference, except rules for requests and rules for connections.
        let same = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, policy));
        let same = same.or_else(|| self.known.iter().find(|(known, _)| known == policy));
        if let Some((_, counters)) = same {
            return *counters;
        }
        let counter = |prefix: &str, verdict: &str| {
            define(host, MetricKind::Counter, &format!("palisade.{prefix}.{verdict}"))
        };
        let both = |prefix: &str| VerdictCounters {
            allowed: counter(prefix, "allowed"),
            denied: counter(prefix, "denied"),
        };
        if self.known.len() >= self.cap {
            return *self.others.get_or_insert_with(|| both("policy_others"));
        }
        let counters = both(&format!("policy.{}.{}", policy.namespace, policy.name));
        self.known.push((Arc::clone(policy), counters));
        counters
    }
}

fn define(host: &impl Host, kind: MetricKind, name: &str) -> Option<u32> {
    let report = |error: &HostError| {
        host.log(LogLevel::Warn, &format!("palisade: cannot define metric `{name}`: status {}", error.0));
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
    fn policies_beyond_the_maximum_share_counters() {
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
    fn decision_time_is_recorded_only_if_enabled() {
        let host = Fake::default();
        let mut metrics = Metrics::define(&host);
        assert_eq!(metrics.timed(&host, || 5), 5);
        assert!(host.recorded.borrow().is_empty());

        metrics.measure_time(&host);
        assert_eq!(metrics.timed(&host, || 5), 5);
        assert_eq!(host.recorded.borrow().len(), 1);
    }
}
