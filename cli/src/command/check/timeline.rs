//! `check --timeline`: when a flow would be allowed, and when dropped, along a series of answers.

use core::net::IpAddr;
use palisade::{
    DecidedBy, Layer, Verdict,
    flow::{Event, Flow, FlowError, History, Place, Simulation},
};
use std::collections::BTreeSet;

/// A stretch of time with one answer.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// Its first millisecond.
    pub(crate) from: u64,
    /// The first millisecond behind it; none where nothing more happens.
    pub(crate) until: Option<u64>,
    pub(crate) verdict: Verdict,
    pub(crate) by: (Layer, DecidedBy),
    /// What brought it about.
    pub(crate) because: String,
}

/// The stretches of the flow to one address.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// The address, where a name stands for several.
    pub(crate) ip: Option<IpAddr>,
    pub(crate) stretches: Vec<Stretch>,
}

/// The timelines of `flow` along `events`: one for each address that its name was answered with.
pub(super) fn timelines(
    simulation: &Simulation<'_>,
    flow: &Flow,
    events: &[Event],
) -> Result<Vec<Timeline>, FlowError> {
    let Place::Fqdn { name, ip: None } = &flow.to else {
        return Ok(vec![Timeline { ip: None, stretches: along(simulation, flow, events)? }]);
    };
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let answers = events.iter().filter_map(|event| match event {
        Event::Dns(lookup) if plain(&lookup.query) == plain(name) => Some(&lookup.answers),
        _ => None,
    });
    let addresses: BTreeSet<IpAddr> = answers.flatten().copied().collect();
    if addresses.is_empty() {
        let help = "name an address, or add an answer for the name to the series";
        return Err(FlowError::new(format!("no answer of the series has an address for `{name}`"), help));
    }
    let timeline = |ip: IpAddr| {
        let flow = Flow { to: Place::Fqdn { name: name.clone(), ip: Some(ip) }, ..flow.clone() };
        Ok(Timeline { ip: Some(ip), stretches: along(simulation, &flow, events)? })
    };
    addresses.into_iter().map(timeline).collect()
}

fn along(simulation: &Simulation<'_>, flow: &Flow, events: &[Event]) -> Result<Vec<Stretch>, FlowError> {
    let mut walk = Walk { simulation, flow, history: History::default(), stretches: Vec::new() };
    walk.look("the beginning")?;
    for event in events {
        match event {
            Event::Wait(time) => walk.wait_until(walk.history.now.saturating_add(*time))?,
            Event::WaitUntil(moment) => walk.wait_until(*moment)?,
            Event::Dns(_) | Event::Connect { .. } | Event::Close { .. } => {
                simulation.happen(&mut walk.history, event)?;
                walk.look(&told(event))?;
            }
        }
    }
    walk.wait_until(u64::MAX)?;
    Ok(walk.stretches)
}

struct Walk<'w, 'c> {
    simulation: &'w Simulation<'c>,
    flow: &'w Flow,
    history: History,
    stretches: Vec<Stretch>,
}

impl Walk<'_, '_> {
    /// Lets time pass, and looks whenever something ends by itself.
    fn wait_until(&mut self, moment: u64) -> Result<(), FlowError> {
        while let Some(next) =
            self.history.next_change().filter(|next| *next <= moment && *next > self.history.now)
        {
            self.history.wait_until(next);
            self.look("the time of an answer or of a connection's grace is over")?;
        }
        if moment < u64::MAX {
            self.history.wait_until(moment);
        }
        Ok(())
    }

    fn look(&mut self, because: &str) -> Result<(), FlowError> {
        let decision = self.simulation.decide(self.flow, &self.history)?;
        let now = self.history.now;
        let same = |s: &Stretch| s.verdict == decision.verdict && s.by == decision.decided_by;
        if self.stretches.last().is_some_and(same) {
            return Ok(());
        }
        // Of several things at one moment the last counts; what they undo together did not happen.
        if self.stretches.last().is_some_and(|s| s.from == now) {
            self.stretches.pop();
            if let Some(last) = self.stretches.last_mut().filter(|s| same(s)) {
                last.until = None;
                return Ok(());
            }
        }
        if let Some(last) = self.stretches.last_mut() {
            last.until = Some(now);
        }
        self.stretches.push(Stretch {
            from: now,
            until: None,
            verdict: decision.verdict,
            by: decision.decided_by,
            because: because.to_owned(),
        });
        Ok(())
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Dns(lookup) => {
            let who = lookup.from.as_ref().map(|from| format!(" to {from}")).unwrap_or_default();
            let addresses: Vec<String> = lookup.answers.iter().map(ToString::to_string).collect();
            format!("the answer{who}: {} is {} for {} s", lookup.query, addresses.join(", "), lookup.ttl)
        }
        Event::Connect { from, to } => format!("{from} connects to {to}"),
        Event::Close { from, to } => format!("{from} closes its connection to {to}"),
        Event::Wait(_) | Event::WaitUntil(_) => "time passes".to_owned(),
    }
}
