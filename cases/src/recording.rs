//! A recorded series of answers: the items of `after:` in a file of their own, as YAML or as JSON lines.

use crate::{
    access::Access,
    source,
    written::{EventText, check_times, events},
};
use palisade::{Diagnostic, Origin, flow::Event, manifest, with_limits};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// Reads the file at `path`: a list of what `after:` of a case holds (or a mapping with `after:`), or one JSON object a
/// line, as `palisade dns-proxy --output json` writes them.
///
/// # Errors
///
/// The file cannot be read, or something in it is no event.
pub fn recording(path: &Path, access: &Access) -> Result<Vec<Event>, Diagnostic> {
    access.check_given(path)?;
    parse_recording(&path.display().to_string(), &source::read(path)?)
}

/// The same with the file's `text` at hand.
///
/// # Errors
///
/// As [`recording`].
pub fn parse_recording(name: &str, text: &str) -> Result<Vec<Event>, Diagnostic> {
    match text.trim_start().chars().next() {
        Some('{') => lines(name, text),
        Some(_) => yaml(name, text),
        None => Ok(Vec::new()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    after: Vec<EventText>,
}

const HELP: &str = "write the items of `after:` as docs/case-files.md describes them";

fn yaml(name: &str, text: &str) -> Result<Vec<Event>, Diagnostic> {
    let first =
        text.lines().find(|line| !line.trim().is_empty() && !line.starts_with(['#', '%']) && *line != "---");
    let listed = first.is_some_and(|line| line.trim_start().starts_with(['-', '[']));
    let written = match listed {
        true => manifest::read::<Vec<EventText>>(name, text),
        false => manifest::read::<Recording>(name, text).map(|recording| recording.after),
    };
    let wrong = |why: String| Diagnostic::error("recording", why).help(HELP).of("", &origin(name, 0));
    let written = written.map_err(|finding| finding.help(HELP))?;
    events(written).map_err(wrong)
}

/// An object a line. `at` is a moment: a time span since the beginning, or milliseconds on any clock, of which the first
/// is the beginning. A line without an event only tells the time.
fn lines(name: &str, text: &str) -> Result<Vec<Event>, Diagnostic> {
    let mut events = Vec::new();
    let mut beginning = None;
    for (number, line) in (1u32..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong =
            |why: String| Diagnostic::error("recording", why).help(HELP).of("", &origin(name, number));
        let mut object: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| wrong(format!("invalid JSON object in line {number}: {error}")))?;
        match object.remove("at") {
            None => {}
            Some(Value::Number(at)) => {
                let at = at.as_u64().ok_or_else(|| {
                    wrong(format!("invalid `at: {at}`: it must be a number of milliseconds"))
                })?;
                events.push(Event::WaitUntil(at.saturating_sub(*beginning.get_or_insert(at))));
            }
            Some(at) => events.push(event("at", at).map_err(wrong)?),
        }
        for key in ["dns", "wait", "connect", "close"] {
            if let Some(value) = object.remove(key) {
                events.push(event(key, value).map_err(wrong)?);
            }
        }
    }
    let wrong = |why: String| Diagnostic::error("recording", why).help(HELP).of("", &origin(name, 0));
    check_times(&events).map_err(wrong)?;
    Ok(events)
}

fn event(key: &str, value: Value) -> Result<Event, String> {
    let item = Value::Object([(key.to_owned(), value)].into_iter().collect());
    let written: EventText = serde_json::from_value(item).map_err(|error| {
        let why = with_limits(&error.to_string());
        format!("`{key}`: {why}")
    })?;
    written.event()
}

fn origin(name: &str, line: u32) -> Origin {
    Origin { file: Some(name.into()), line, ..Origin::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "
- dns: {query: a.io, from: foo/a, answers: [192.0.2.1], ttl: 30}
- wait: 10s
- connect: {from: foo/a, to: {ip: 192.0.2.1}}
- at: 1m
- close: {from: foo/a, to: 192.0.2.1}
";

    fn expected(events: &[Event]) {
        let [
            Event::Dns(lookup),
            Event::Wait(10_000),
            Event::Connect { .. },
            Event::WaitUntil(60_000),
            Event::Close { .. },
        ] = events
        else {
            panic!("{events:?}")
        };
        assert_eq!((lookup.query.as_str(), lookup.ttl, lookup.learned), ("a.io", 30, false));
    }

    #[test]
    fn a_list_and_a_mapping_and_lines_say_the_same() {
        expected(&parse_recording("r.yaml", YAML).unwrap());
        expected(&parse_recording("r.yaml", &format!("# recorded\nafter:{YAML}")).unwrap());
        let lines = r#"
            {"dns": {"query": "a.io", "from": "foo/a", "answers": ["192.0.2.1"], "ttl": 30}}
            {"wait": "10s"}
            {"connect": {"from": "foo/a", "to": {"ip": "192.0.2.1"}}}

            {"at": "1m", "close": {"from": "foo/a", "to": "192.0.2.1"}}
        "#;
        expected(&parse_recording("r.jsonl", lines).unwrap());
    }

    #[test]
    fn a_clock_of_any_kind_counts_from_its_first_line() {
        let lines = r#"{"event": "listening", "at": 1700000000000}
{"event": "answered", "at": 1700000005000, "code": "NOERROR", "dns": {"query": "a.io.", "answers": ["192.0.2.1"], "ttl": 1, "learned": true}}"#;
        let events = parse_recording("log", lines).unwrap();
        assert!(
            matches!(events[..], [Event::WaitUntil(0), Event::WaitUntil(5_000), Event::Dns(_)]),
            "{events:?}"
        );
    }

    #[test]
    fn what_is_no_event_is_told_with_its_line() {
        let told = |text: &str| parse_recording("r", text).unwrap_err().to_string();
        assert!(told("{\"wait\": \"1s\"}\n{\"wait\": \"soon\"}").contains("`soon`"));
        assert!(told("{\"wait\": \"1s\"}\nnothing").contains("line 2"));
        assert!(told("- sleep: 1s").contains("sleep"));
        assert!(told("- connect: {from: foo/a, to: {workload: foo/b}}").contains("goes to an address"));
    }
}
