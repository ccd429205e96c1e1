//! The enforcement of a decision on a request or connection, with its metrics, filter state and log lines.

use crate::{
    explain,
    host::Host,
    plugin::Plugin,
    policies::{Policies, StreamKind},
    types::LogLevel,
};
use core::fmt::{self, Write};
use palisade::{Attributes, DecidedBy, Decision, DefaultReason, LayerDecision, Verdict};
use palisade_plugin_config::{FilterStateScope, Mode};

/// The name of the filter state with the decision; the proxy adds the prefix `wasm.`.
pub const FILTER_STATE: &str = "palisade";

/// The initial capacity of the filter state's text, which is enough for most decisions.
const FILTER_STATE_CAPACITY: usize = 128;

/// The action of the filter on a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub(crate) enum Enforcement {
    /// The stream continues.
    Pass,
    /// The filter blocks the stream.
    Block,
}

/// Enforces a decision: updates metrics, filter state and log, and returns whether to block the stream.
pub(crate) fn enforce(
    host: &impl Host,
    plugin: &Plugin,
    kind: StreamKind,
    stream: &dyn Attributes,
    decision: &Decision,
) -> Enforcement {
    let is_allowed = decision.verdict == Verdict::Allow;
    if decision.by == DecidedBy::Default(DefaultReason::Unavailable) {
        plugin.metrics.error(host);
    }
    if let DecidedBy::Rule(rule) = &decision.by {
        plugin.metrics.decided(host, &rule.policy, is_allowed);
    }
    let shadow = plugin.policies.shadow.as_deref().map(|policies| decide_shadow(policies, kind, stream));
    let dry_run = decision.shadow.as_ref().map(|dry_run| dry_run.outcome.verdict());
    let is_blocked = !is_allowed && plugin.mode == Mode::Enforce;
    let would_block = !is_blocked
        && (!is_allowed
            || dry_run.is_some_and(|verdict| verdict != Verdict::Allow)
            || shadow.as_ref().is_some_and(|shadow| shadow.verdict != Verdict::Allow));

    if let Some(shadow) = &shadow {
        report_disagreement(host, plugin, decision, shadow);
    }
    if is_blocked {
        plugin.metrics.denied(host)
    } else {
        plugin.metrics.allowed(host)
    }
    if would_block {
        plugin.metrics.shadow_denied(host);
        log_would_deny(host, decision, is_allowed);
    }
    let has_filter_state = match plugin.telemetry.filter_state {
        FilterStateScope::Off => false,
        FilterStateScope::Denied => is_blocked || would_block,
        FilterStateScope::All => true,
    };
    if has_filter_state {
        let mut text = String::with_capacity(FILTER_STATE_CAPACITY);
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", FilterStateValue { decision, shadow: shadow.as_ref() });
        host.set_filter_state(FILTER_STATE, &text);
    }
    if !is_allowed && plugin.telemetry.explain_denials && host.is_logged(LogLevel::Debug) {
        let miss = plugin.policies.enforced.nearest_miss(kind, stream);
        host.log(LogLevel::Debug, &explain::denial(decision, miss.as_ref(), plugin.telemetry.show_values));
    }
    if is_blocked { Enforcement::Block } else { Enforcement::Pass }
}

/// Returns the decision of `shadowResources`. It assumes that their external providers allow, because a call to a
/// provider is a side effect.
fn decide_shadow(policies: &dyn Policies, kind: StreamKind, stream: &dyn Attributes) -> Decision {
    match kind {
        StreamKind::Http => policies.after_providers(stream),
        StreamKind::Tcp => policies.connection(stream),
    }
}

/// Counts and logs two different verdicts of `resources` and `shadowResources`.
fn report_disagreement(host: &impl Host, plugin: &Plugin, enforced: &Decision, shadow: &Decision) {
    if (enforced.verdict == Verdict::Allow) == (shadow.verdict == Verdict::Allow) {
        return;
    }
    plugin.metrics.shadow_disagreed(host);
    let message = format!(
        "palisade: shadow disagrees: enforced {} by {}, shadow {} by {}",
        enforced.verdict, enforced.by, shadow.verdict, shadow.by
    );
    host.log(LogLevel::Info, &message);
}

/// Logs a denial by shadow mode or by a dry-run policy.
fn log_would_deny(host: &impl Host, decision: &Decision, is_allowed: bool) {
    if !host.is_logged(LogLevel::Debug) {
        return;
    }
    let message = match &decision.shadow {
        _ if !is_allowed => format!("palisade: would deny: {} ({})", decision.by, decision.layer),
        Some(LayerDecision { by: Some(by), outcome }) if outcome.verdict() != Verdict::Allow => {
            format!("palisade: dry run would deny: {by} ({})", decision.layer)
        }
        // `report_disagreement` logs a denial by `shadowResources`.
        _ => return,
    };
    host.log(LogLevel::Debug, &message);
}

/// The text of the filter state: `deny authorization-policy AuthorizationPolicy/foo/get-only#0`. If dry-run policies or
/// `shadowResources` decide differently, ` shadow=` and their decision follow.
struct FilterStateValue<'a> {
    decision: &'a Decision,
    shadow: Option<&'a Decision>,
}

impl fmt::Display for FilterStateValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { verdict, layer, by, shadow: dry_run, .. } = self.decision;
        write!(f, "{verdict} {layer} {by}")?;
        if let Some(shadow) = self.shadow.filter(|shadow| shadow.verdict != *verdict) {
            return write!(f, " shadow={} {} {}", shadow.verdict, shadow.layer, shadow.by);
        }
        match dry_run {
            Some(LayerDecision { by: Some(by), outcome }) if outcome.verdict() != *verdict => {
                write!(f, " shadow={} {layer} {by}", outcome.verdict())
            }
            _ => Ok(()),
        }
    }
}
