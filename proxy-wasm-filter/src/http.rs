//! One HTTP request: decided when its headers are there, and answered here if it is denied.

use crate::{
    attributes::StreamAttributes,
    config::Mode,
    enforce::denies,
    host::Host,
    policies::StreamKind,
    provider::{self, Answer, Asking},
    reply::Reply,
    root::Plugin,
    types::{Action, LogLevel},
};
use palisade::{Attributes, DecidedBy, Decision, DefaultReason, Layer, RuleId, Verdict};

/// How far a request has got.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is decided.
    Done(Action),
    /// An external provider is being asked.
    Ask(Asking),
}

/// Decides the request whose headers have come. Without a plugin in force, and whenever something fails, the
/// answer is a denial.
pub(crate) fn request_headers<H: Host>(host: &H, plugin: Option<&Plugin>) -> Step {
    let Some(plugin) = plugin else { return Step::Done(refuse(host)) };
    #[cfg(feature = "trap")]
    trap(host);
    let request = StreamAttributes::new(host, plugin.http);
    let decision = plugin.metrics.timed(host, || plugin.policies.enforced.request(&request));
    if decision.verdict != Verdict::Ask {
        return Step::Done(settle(host, plugin, &request, &decision));
    }
    // Asking is an effect, and shadow mode has none.
    if plugin.mode == Mode::Shadow {
        return Step::Done(after_providers(host, plugin, &request));
    }
    match plugin.policies.enforced.providers(&request) {
        Ok(asked) => {
            let mut providers = Vec::with_capacity(asked.len());
            for (name, rule) in asked {
                match plugin.providers.get(&name) {
                    Some(provider) => providers.push((rule, provider.clone())),
                    None => return Step::Done(settle(host, plugin, &request, &denied_by(rule))),
                }
            }
            ask_next(host, plugin, providers)
        }
        Err(_) => Step::Done(settle(host, plugin, &request, &unavailable())),
    }
}

/// Goes on with a request whose provider has answered.
pub(crate) fn answered<H: Host>(host: &H, plugin: &Plugin, asking: Asking, answer: Answer) -> Step {
    let Asking { now: (rule, _), rest, .. } = asking;
    match answer {
        Answer::Allow => ask_next(host, plugin, rest),
        Answer::Deny(reply) => Step::Done(refused(host, plugin, rule, &reply)),
    }
}

/// Asks the next provider, or decides the rest where all have allowed.
fn ask_next<H: Host>(
    host: &H,
    plugin: &Plugin,
    mut rest: Vec<(RuleId, std::rc::Rc<crate::Provider>)>,
) -> Step {
    while !rest.is_empty() {
        let (rule, provider) = rest.remove(0);
        match provider::ask(host, &provider) {
            Ok(token) => return Step::Ask(Asking { token, now: (rule, provider), rest }),
            Err(error) => {
                let cluster = &provider.cluster;
                host.log(
                    LogLevel::Error,
                    &format!("palisade: cluster `{cluster}` cannot be asked: status {}", error.0),
                );
                if let Answer::Deny(reply) = provider::unasked(&provider) {
                    return Step::Done(refused(host, plugin, rule, &reply));
                }
            }
        }
    }
    let request = StreamAttributes::new(host, plugin.http);
    Step::Done(after_providers(host, plugin, &request))
}

fn after_providers<H: Host>(host: &H, plugin: &Plugin, request: &StreamAttributes<'_, H>) -> Action {
    let decision = plugin.policies.enforced.after_providers(request);
    settle(host, plugin, request, &decision)
}

/// Counts the denial of a provider, and gives the client its reply.
fn refused<H: Host>(host: &H, plugin: &Plugin, rule: RuleId, reply: &Reply) -> Action {
    let request = StreamAttributes::new(host, plugin.http);
    denies(host, plugin, StreamKind::Http, &request, &denied_by(rule));
    deny(host, reply)
}

fn settle(host: &impl Host, plugin: &Plugin, request: &dyn Attributes, decision: &Decision) -> Action {
    if denies(host, plugin, StreamKind::Http, request, decision) {
        deny(host, &Reply::denied(decision))
    } else {
        Action::Continue
    }
}

fn denied_by(rule: RuleId) -> Decision {
    decision(DecidedBy::Rule(rule))
}

fn unavailable() -> Decision {
    decision(DecidedBy::Default(DefaultReason::Unavailable))
}

fn decision(by: DecidedBy) -> Decision {
    let status = Some(403);
    Decision { verdict: Verdict::Deny, layer: Layer::AuthorizationPolicy, by, status, shadow: None }
}

/// Denies a request that cannot be decided.
pub(crate) fn refuse(host: &impl Host) -> Action {
    deny(host, &Reply::failed())
}

fn deny(host: &impl Host, reply: &Reply) -> Action {
    if let Err(error) = host.reply(reply) {
        host.log(LogLevel::Error, &format!("palisade: the denial cannot be sent: status {}", error.0));
    }
    Action::Pause
}

/// Traps, or uses up the VM's memory, where the request says so.
#[cfg(feature = "trap")]
#[expect(clippy::panic, reason = "this build is for rehearsing a trap")]
fn trap(host: &impl Host) {
    match host.request_header("x-palisade-trap") {
        Ok(Some(what)) if *what == *b"memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 1 << 20]);
            }
        }
        Ok(Some(_)) => panic!("a planted trap"),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
