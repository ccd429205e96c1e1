//! `check --timeline`: the periods in which a flow is allowed or denied, along a series of DNS answers.

use core::net::IpAddr;
use palisade::{
    CacheLimits, DecidedBy, Layer, Verdict,
    flow::{EndpointRef, Event, Flow, FlowError, History, Simulation},
};
use std::collections::BTreeSet;

/// A period with one decision.
#[derive(Clone, Debug)]
pub(crate) struct Period {
    /// The first millisecond of the period.
    pub(crate) from: u64,
    /// The first millisecond after the period; `None` for the last period.
    pub(crate) until: Option<u64>,
    pub(crate) verdict: Verdict,
    pub(crate) by: (Layer, DecidedBy),
    /// The event that begins the period.
    pub(crate) because: String,
}

/// The periods of the flow to one address.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// The address, if the flow is to a DNS name.
    pub(crate) ip: Option<IpAddr>,
    pub(crate) periods: Vec<Period>,
}

/// Returns the timelines of `flow` along `events`: one for each address in the answers for its name.
pub(crate) fn timelines(
    simulation: &Simulation,
    flow: &Flow,
    events: &[Event],
) -> Result<Vec<Timeline>, FlowError> {
    let EndpointRef::Fqdn { name, ip: None } = &flow.to else {
        let track = Track { ip: None, flow: flow.clone(), periods: Vec::new() };
        return Pass::new(simulation, vec![track]).along(events);
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
    let tracks = addresses.into_iter().map(|ip| {
        let flow = Flow { to: EndpointRef::Fqdn { name: name.clone(), ip: Some(ip) }, ..flow.clone() };
        Track { ip: Some(ip), flow, periods: Vec::new() }
    });
    Pass::new(simulation, tracks.collect()).along(events)
}

/// The flow to one address, and its periods so far.
struct Track {
    ip: Option<IpAddr>,
    flow: Flow,
    periods: Vec<Period>,
}

/// One pass over the events for all addresses. A flow is decided again only if the names of its address change. Therefore
/// the cost grows with the number of events, not with its product with the number of addresses.
struct Pass<'w> {
    simulation: &'w Simulation,
    history: History,
    /// The tracks, in the order of their addresses.
    tracks: Vec<Track>,
}

impl<'w> Pass<'w> {
    fn new(simulation: &'w Simulation, tracks: Vec<Track>) -> Self {
        Self { simulation, history: History::default(), tracks }
    }

    fn along(mut self, events: &[Event]) -> Result<Vec<Timeline>, FlowError> {
        for track in &mut self.tracks {
            track.decide(self.simulation, &self.history, || "the beginning".to_owned())?;
        }
        for event in events {
            match event {
                Event::Wait(time) => self.wait_until(self.history.now.saturating_add(*time))?,
                Event::WaitUntil(moment) => self.wait_until(*moment)?,
                Event::Dns(_) | Event::Connect { .. } | Event::Close { .. } => {
                    let changed = self.simulation.apply(&mut self.history, event)?;
                    let limits = CacheLimits::from(self.simulation.options());
                    self.decide(changed, |ip| reason(event, ip, &limits))?;
                }
            }
        }
        self.wait_until(u64::MAX)?;
        let timeline = |track: Track| Timeline { ip: track.ip, periods: track.periods };
        Ok(self.tracks.into_iter().map(timeline).collect())
    }

    /// Sets the time to `moment`, and decides at each expiry before it.
    fn wait_until(&mut self, moment: u64) -> Result<(), FlowError> {
        while let Some(next) =
            self.history.next_change().filter(|next| *next <= moment && *next > self.history.now)
        {
            let changed = self.history.wait_until(next);
            self.decide(changed, |_| "an answer or the grace period of a connection has expired".to_owned())?;
        }
        if moment < u64::MAX {
            let changed = self.history.wait_until(moment);
            self.decide(changed, |_| "time passes".to_owned())?;
        }
        Ok(())
    }

    /// Decides the flows to the `changed` addresses, and a flow without an address.
    fn decide(
        &mut self,
        changed: Vec<IpAddr>,
        because: impl Fn(Option<IpAddr>) -> String,
    ) -> Result<(), FlowError> {
        if let [track @ Track { ip: None, .. }] = self.tracks.as_mut_slice() {
            return track.decide(self.simulation, &self.history, || because(None));
        }
        for ip in changed.into_iter().collect::<BTreeSet<IpAddr>>() {
            let place = self.tracks.binary_search_by_key(&Some(ip), |track| track.ip);
            if let Some(track) = place.ok().and_then(|place| self.tracks.get_mut(place)) {
                track.decide(self.simulation, &self.history, || because(Some(ip)))?;
            }
        }
        Ok(())
    }
}

impl Track {
    fn decide(
        &mut self,
        simulation: &Simulation,
        history: &History,
        because: impl FnOnce() -> String,
    ) -> Result<(), FlowError> {
        let decision = simulation.decide(&self.flow, history)?;
        let now = history.now;
        let same = |s: &Period| s.verdict == decision.verdict && s.by == decision.decided_by;
        if self.periods.last().is_some_and(same) {
            return Ok(());
        }
        // If several changes have the same time, the last one counts. Changes that cancel each other begin no period.
        if self.periods.last().is_some_and(|s| s.from == now) {
            self.periods.pop();
            if let Some(last) = self.periods.last_mut().filter(|s| same(s)) {
                last.until = None;
                return Ok(());
            }
        }
        if let Some(last) = self.periods.last_mut() {
            last.until = Some(now);
        }
        self.periods.push(Period {
            from: now,
            until: None,
            verdict: decision.verdict,
            by: decision.decided_by,
            because: because(),
        });
        Ok(())
    }
}

/// The maximum number of addresses of an answer that a reason lists.
const ADDRESSES: usize = 8;

/// Returns why the decision on the flow to `ip`, or without an address, changes at `event`.
fn reason(event: &Event, ip: Option<IpAddr>, limits: &CacheLimits) -> String {
    match event {
        Event::Dns(lookup) => {
            let who = lookup.from.as_ref().map(|from| format!(" to {from}")).unwrap_or_default();
            let addresses = match (ip, lookup.answers.len()) {
                (Some(ip), count @ 2..) => format!("{ip} and {} more", count - 1),
                (None, count) if count > ADDRESSES => {
                    let shown: Vec<String> =
                        lookup.answers.iter().take(ADDRESSES).map(ToString::to_string).collect();
                    format!("{} and {} more", shown.join(", "), count - ADDRESSES)
                }
                _ => lookup.answers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            };
            format!("the answer{who}: {} is {addresses} {}", lookup.query, lifetime(lookup.ttl, limits))
        }
        Event::Connect { from, to } => format!("{from} connects to {to}"),
        Event::Close { from, to } => format!("{from} closes its connection to {to}"),
        Event::Wait(_) | Event::WaitUntil(_) => "time passes".to_owned(),
    }
}

/// Returns how long an answer with a time to live of `ttl` seconds is valid.
fn lifetime(ttl: u32, limits: &CacheLimits) -> String {
    let shortest = limits.min_ttl / 1000;
    match u64::from(ttl) {
        0 if shortest == 0 => {
            "with a time to live of 0 s, which lasts until a collection at least 5 s away".to_owned()
        }
        ttl if ttl < shortest => format!("for {shortest} s (tofqdnsMinTtl; the answer has {ttl} s)"),
        ttl => format!("for {ttl} s"),
    }
}
