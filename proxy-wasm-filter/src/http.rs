//! The HTTP filter: it decides a request when its headers arrive, and answers a denied request itself.

use crate::{
    attributes::StreamAttributes,
    enforce::{Enforcement, enforce},
    host::Host,
    plugin::Plugin,
    policies::StreamKind,
    provider::{self, Answer, PendingAuthz},
    reply::Reply,
    types::{Action, LogLevel},
};
use palisade::{Attributes, DecidedBy, Decision, DefaultReason, Layer, RuleId, Verdict};
use palisade_plugin_config::{Mode, Provider};
use std::rc::Rc;

/// The progress of a request.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The request is decided.
    Decided(Action),
    /// The request waits for the answer of an external provider.
    Pending(PendingAuthz),
}

/// Decides a request whose headers have arrived. Without a plugin, and after every error, it denies.
pub(crate) fn request_headers<H: Host>(host: &H, plugin: Option<&Plugin>) -> Progress {
    let Some(plugin) = plugin else { return Progress::Decided(refuse(host)) };
    #[cfg(feature = "trap")]
    trap(host);
    let request = StreamAttributes::new(host, plugin.http);
    let decision = plugin.metrics.timed(host, || plugin.policies.enforced.request(&request));
    if decision.verdict != Verdict::Ask {
        return Progress::Decided(conclude(host, plugin, &request, &decision));
    }
    // A call is a side effect, which shadow mode must not have.
    if plugin.mode == Mode::Shadow {
        return Progress::Decided(after_providers(host, plugin, &request));
    }
    match plugin.policies.enforced.providers(&request) {
        Ok(named) => {
            let mut providers = Vec::with_capacity(named.len());
            for (name, rule) in named {
                match plugin.providers.get(&name) {
                    Some(provider) => providers.push((rule, provider.clone())),
                    None => return Progress::Decided(conclude(host, plugin, &request, &denial_by(rule))),
                }
            }
            call_next(host, plugin, providers)
        }
        Err(_) => Progress::Decided(conclude(host, plugin, &request, &unavailable())),
    }
}

/// Continues with a request whose provider has answered.
pub(crate) fn provider_answered<H: Host>(
    host: &H,
    plugin: &Plugin,
    pending: PendingAuthz,
    answer: Answer,
) -> Progress {
    let PendingAuthz { rule, rest, .. } = pending;
    match answer {
        Answer::Allow => call_next(host, plugin, rest),
        Answer::Deny(reply) => Progress::Decided(deny_by_provider(host, plugin, rule, &reply)),
    }
}

/// Calls the next provider; after the last one, decides by the other policies.
fn call_next<H: Host>(host: &H, plugin: &Plugin, mut rest: Vec<(RuleId, Rc<Provider>)>) -> Progress {
    while !rest.is_empty() {
        let (rule, provider) = rest.remove(0);
        match provider::call(host, &provider) {
            Ok(token) => return Progress::Pending(PendingAuthz { token, rule, provider, rest }),
            Err(error) => {
                let cluster = &provider.cluster;
                host.log(
                    LogLevel::Error,
                    &format!("palisade: cannot call cluster `{cluster}`: status {}", error.0),
                );
                if let Answer::Deny(reply) = provider::on_unreachable(&provider) {
                    return Progress::Decided(deny_by_provider(host, plugin, rule, &reply));
                }
            }
        }
    }
    let request = StreamAttributes::new(host, plugin.http);
    Progress::Decided(after_providers(host, plugin, &request))
}

fn after_providers<H: Host>(host: &H, plugin: &Plugin, request: &StreamAttributes<'_, H>) -> Action {
    let decision = plugin.policies.enforced.after_providers(request);
    conclude(host, plugin, request, &decision)
}

/// Enforces the denial of a provider, with the provider's reply.
fn deny_by_provider<H: Host>(host: &H, plugin: &Plugin, rule: RuleId, reply: &Reply) -> Action {
    let request = StreamAttributes::new(host, plugin.http);
    match enforce(host, plugin, StreamKind::Http, &request, &denial_by(rule)) {
        Enforcement::Block => deny(host, reply),
        Enforcement::Pass => Action::Continue,
    }
}

/// Enforces a decision.
fn conclude(host: &impl Host, plugin: &Plugin, request: &dyn Attributes, decision: &Decision) -> Action {
    match enforce(host, plugin, StreamKind::Http, request, decision) {
        Enforcement::Block => deny(host, &Reply::denied(decision)),
        Enforcement::Pass => Action::Continue,
    }
}

fn denial_by(rule: RuleId) -> Decision {
    denial(DecidedBy::Rule(rule))
}

fn unavailable() -> Decision {
    denial(DecidedBy::Default(DefaultReason::Unavailable))
}

fn denial(by: DecidedBy) -> Decision {
    let status = Some(403);
    Decision { verdict: Verdict::Deny, layer: Layer::AuthorizationPolicy, by, status, shadow: None }
}

/// Denies a request that cannot be decided.
pub(crate) fn refuse(host: &impl Host) -> Action {
    deny(host, &Reply::failed())
}

fn deny(host: &impl Host, reply: &Reply) -> Action {
    if let Err(error) = host.reply(reply) {
        host.log(
            LogLevel::Error,
            &format!("palisade: cannot send the reply to a denied request: status {}", error.0),
        );
    }
    Action::Pause
}

/// Traps, or exhausts the VM's memory, if the header `x-palisade-trap` requires it.
#[cfg(feature = "trap")]
#[expect(clippy::panic, reason = "this build is for tests of a trap")]
fn trap(host: &impl Host) {
    match host.request_header("x-palisade-trap") {
        Ok(Some(kind)) if *kind == *b"memory" => {
            let mut memory = Vec::new();
            loop {
                memory.push(vec![1u8; 1 << 20]);
            }
        }
        Ok(Some(_)) => panic!("a planted trap"),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
