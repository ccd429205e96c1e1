//! What a decision comes to, for requests and connections alike: counted, told, enforced or only shown.

use crate::{
    config::{FilterState, Mode},
    explain,
    host::Host,
    policies::{Policies, StreamKind},
    root::Plugin,
    types::LogLevel,
};
use core::fmt::{self, Write};
use palisade::{Attributes, DecidedBy, Decision, DefaultReason, LayerDecision, Verdict};

/// The name of the filter state, to which the proxy adds `wasm.`.
pub const DECISION: &str = "palisade";

/// As long as most texts of the filter state, so that writing one seldom moves it.
const TOLD: usize = 128;

/// Counts and tells a decision; true where the stream is to be denied.
pub(crate) fn denies(
    host: &impl Host,
    plugin: &Plugin,
    kind: StreamKind,
    stream: &dyn Attributes,
    decision: &Decision,
) -> bool {
    let allowed = decision.verdict == Verdict::Allow;
    if decision.by == DecidedBy::Default(DefaultReason::Unavailable) {
        plugin.metrics.error(host);
    }
    if let DecidedBy::Rule(rule) = &decision.by {
        plugin.metrics.decided(host, &rule.policy, allowed);
    }
    let candidate = plugin.policies.shadow.as_deref().map(|shadow| candidate(shadow, kind, stream));
    let dry_run = decision.shadow.as_ref().map(|dry_run| dry_run.outcome.verdict());
    let denied = !allowed && plugin.mode == Mode::Enforce;
    let would = !denied
        && (!allowed
            || dry_run.is_some_and(|verdict| verdict != Verdict::Allow)
            || candidate.as_ref().is_some_and(|candidate| candidate.verdict != Verdict::Allow));

    if let Some(candidate) = &candidate {
        compare(host, plugin, decision, candidate);
    }
    if denied {
        plugin.metrics.denied(host)
    } else {
        plugin.metrics.allowed(host)
    }
    if would {
        plugin.metrics.shadow_denied(host);
        log_would(host, decision, allowed);
    }
    let told = match plugin.telemetry.filter_state {
        FilterState::Off => false,
        FilterState::Denied => denied || would,
        FilterState::All => true,
    };
    if told {
        let mut text = String::with_capacity(TOLD);
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", Told { decision, candidate: candidate.as_ref() });
        host.set_filter_state(DECISION, &text);
    }
    if !allowed && plugin.telemetry.explain_denials && host.logs(LogLevel::Debug) {
        let miss = plugin.policies.enforced.nearest_miss(kind, stream);
        host.log(LogLevel::Debug, &explain::denial(decision, miss.as_ref(), plugin.telemetry.show_values));
    }
    denied
}

/// What the candidate set says. Its external providers are taken to allow: asking them would be an effect.
fn candidate(policies: &dyn Policies, kind: StreamKind, stream: &dyn Attributes) -> Decision {
    match kind {
        StreamKind::Http => policies.after_providers(stream),
        StreamKind::Tcp => policies.connection(stream),
    }
}

fn compare(host: &impl Host, plugin: &Plugin, enforced: &Decision, candidate: &Decision) {
    if (enforced.verdict == Verdict::Allow) == (candidate.verdict == Verdict::Allow) {
        return;
    }
    plugin.metrics.shadow_disagreed(host);
    let message = format!(
        "palisade: shadow disagrees: enforced {} by {}, shadow {} by {}",
        enforced.verdict, enforced.by, candidate.verdict, candidate.by
    );
    host.log(LogLevel::Info, &message);
}

fn log_would(host: &impl Host, decision: &Decision, allowed: bool) {
    if !host.logs(LogLevel::Debug) {
        return;
    }
    let message = match &decision.shadow {
        _ if !allowed => format!("palisade: would deny: {} ({})", decision.by, decision.layer),
        Some(LayerDecision { by: Some(by), outcome }) if outcome.verdict() != Verdict::Allow => {
            format!("palisade: dry run would deny: {by} ({})", decision.layer)
        }
        // What a candidate set would deny is a disagreement, which has a line of its own.
        _ => return,
    };
    host.log(LogLevel::Debug, &message);
}

/// The filter state: `deny authorization-policy AuthorizationPolicy/foo/get-only#0`, and after a ` shadow=` what
/// dry-run policies or the candidate set say where that is something else.
struct Told<'a> {
    decision: &'a Decision,
    candidate: Option<&'a Decision>,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { verdict, layer, by, shadow, .. } = self.decision;
        write!(f, "{verdict} {layer} {by}")?;
        if let Some(candidate) = self.candidate.filter(|candidate| candidate.verdict != *verdict) {
            return write!(f, " shadow={} {} {}", candidate.verdict, candidate.layer, candidate.by);
        }
        match shadow {
            Some(LayerDecision { by: Some(by), outcome }) if outcome.verdict() != *verdict => {
                write!(f, " shadow={} {layer} {by}", outcome.verdict())
            }
            _ => Ok(()),
        }
    }
}
