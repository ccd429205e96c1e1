//! What a decision comes to, for requests and connections alike: counted, logged, enforced or only shown.

use crate::{config::Mode, host::Host, policies::Policies, root::Plugin};
use palisade::{DecidedBy, Decision, DefaultReason, Verdict};
use proxy_wasm::types::LogLevel;

/// Decides with `ask`, counts, and tells the decision that is to be enforced; none lets the stream pass.
pub(crate) fn denial(
    host: &impl Host,
    plugin: &Plugin,
    ask: impl Fn(&dyn Policies) -> Decision,
) -> Option<Decision> {
    let decision = ask(&*plugin.policies.enforced);
    if let Some(shadow) = plugin.policies.shadow.as_deref() {
        compare(host, &decision, &ask(shadow));
    }
    if decision.verdict == Verdict::Allow {
        plugin.metrics.allowed(host);
        return None;
    }
    if decision.by == DecidedBy::Default(DefaultReason::Unavailable) {
        plugin.metrics.error(host);
    }
    plugin.metrics.denied(host);
    match plugin.mode {
        Mode::Enforce => Some(decision),
        Mode::Shadow => {
            let message = format!("palisade: would deny: {} ({})", decision.by, decision.layer);
            host.log(LogLevel::Info, &message);
            None
        }
    }
}

fn compare(host: &impl Host, enforced: &Decision, shadow: &Decision) {
    if (enforced.verdict == Verdict::Allow) != (shadow.verdict == Verdict::Allow) {
        let message = format!(
            "palisade: shadow disagrees: enforced {} by {}, shadow {} by {}",
            enforced.verdict, enforced.by, shadow.verdict, shadow.by
        );
        host.log(LogLevel::Info, &message);
    }
}
