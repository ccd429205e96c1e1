//! Ports whose text is another number in the key of their L4 filter.
//!
//! The agent reads the text of a port with base detection (`0120` is 80), and files the filter under the text read in
//! base 10 (120; 0 where that fails, as for `1_000`). Rules with `0120` and rules with `120` thus share a filter, and
//! the port of the rule that is merged first is the port of all of them.

use super::super::model::{Entry, Number, Port, Ports};
use crate::net::Protocol;
use alloc::{collections::BTreeMap, vec::Vec};

/// Returns the `entries` of one direction with the ports of their filters, or `None` if no filter changes a port.
pub(crate) fn merged(entries: &[&Entry]) -> Option<Vec<Entry>> {
    let ports =
        |entry: &'_ &Entry| entry.port_groups().any(|g| g.ports.iter().any(|port| port.key.is_some()));
    if !entries.iter().any(ports) {
        return None;
    }
    let selects = |e: &&&Entry| !e.is_without_peer();
    let mut sorted: Vec<&Entry> = entries.iter().filter(selects).copied().collect();
    sorted.sort_by(|a, b| (a.level, a.merge_key()).cmp(&(b.level, b.merge_key())));
    let mut first: BTreeMap<(u8, Protocol, u16, u16), Number> = BTreeMap::new();
    for (entry, port) in
        sorted.iter().flat_map(|e| e.port_groups().flat_map(|g| &g.ports).map(move |p| (e, p)))
    {
        if let Some(key) = filter(entry.level.tier, port) {
            first.entry(key).or_insert_with(|| port.number.clone());
        }
    }
    let mut merged: Vec<Entry> = entries.iter().map(|entry| (*entry).clone()).collect();
    for entry in &mut merged {
        let tier = entry.level.tier;
        let Ports::Listed(groups) = &mut entry.ports else { continue };
        for port in groups.iter_mut().flat_map(|group| &mut group.ports) {
            let Some(filter) = filter(tier, port) else { continue };
            if let Some(number) = first.get(&filter) {
                port.key = Some(filter.2);
                port.number = number.clone();
            }
        }
    }
    Some(merged)
}

fn filter(tier: u8, port: &Port) -> Option<(u8, Protocol, u16, u16)> {
    let Number::Range(first, _) = port.number else { return None };
    Some((tier, port.protocol, port.key.unwrap_or(first), port.end))
}
