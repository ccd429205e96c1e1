//! A recorded series of DNS answers and connections: the items of `after:` in a file, as YAML or as JSON lines.

use crate::failure::Failure;
use palisade::{Diagnostic, Origin, flow::Event, manifest, with_limits};
use palisade_cases::{EventSpec, check_times, events};
use palisade_manifests::{Access, Disk, SourceMap, read};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// Reads the file at `path`: a list of items of `after:` (or a mapping with `after:`), or one JSON object per line, as
/// `palisade dns-proxy --output json` prints.
pub(super) fn recording(path: &Path, access: &Access) -> Result<Vec<Event>, Failure> {
    access.check_argument(path)?;
    let name = path.display().to_string();
    let text = read(&Disk, path)?;
    parse(&name, &text).map_err(|finding| Failure::Input(vec![finding], SourceMap::of(&name, text)))
}

/// Parses the `text` of the file `name`.
fn parse(name: &str, text: &str) -> Result<Vec<Event>, Diagnostic> {
    match text.trim_start().chars().next() {
        Some('{') => lines(name, text),
        Some(_) => yaml(name, text),
        None => Ok(Vec::new()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    after: Vec<EventSpec>,
}

const HELP: &str = "write the items of `after:` as docs/case-files.md describes them";

fn yaml(name: &str, text: &str) -> Result<Vec<Event>, Diagnostic> {
    let first =
        text.lines().find(|line| !line.trim().is_empty() && !line.starts_with(['#', '%']) && *line != "---");
    let listed = first.is_some_and(|line| line.trim_start().starts_with(['-', '[']));
    let specs = match listed {
        true => manifest::read::<Vec<EventSpec>>(name, text),
        false => manifest::read::<Recording>(name, text).map(|recording| recording.after),
    };
    let wrong = |reason: String| Diagnostic::error("recording", reason).help(HELP).of("", &origin(name, 0));
    let specs = specs.map_err(|finding| finding.help(HELP))?;
    events(specs).map_err(wrong)
}

/// Parses one JSON object per line. `at` is a time: a time span since the start, or milliseconds of any clock whose first
/// value is the start. A line without an event only sets the time.
fn lines(name: &str, text: &str) -> Result<Vec<Event>, Diagnostic> {
    let mut events = Vec::new();
    let mut start = None;
    for (number, line) in (1u32..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong =
            |reason: String| Diagnostic::error("recording", reason).help(HELP).of("", &origin(name, number));
        let mut object: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| wrong(format!("invalid JSON object in line {number}: {error}")))?;
        match object.remove("at") {
            None => {}
            Some(Value::Number(at)) => {
                let at = at.as_u64().ok_or_else(|| {
                    wrong(format!("invalid `at: {at}`: it must be a number of milliseconds"))
                })?;
                events.push(Event::WaitUntil(at.saturating_sub(*start.get_or_insert(at))));
            }
            Some(at) => events.push(event("at", at).map_err(wrong)?),
        }
        for key in ["dns", "wait", "connect", "close"] {
            if let Some(value) = object.remove(key) {
                events.push(event(key, value).map_err(wrong)?);
            }
        }
    }
    let wrong = |reason: String| Diagnostic::error("recording", reason).help(HELP).of("", &origin(name, 0));
    check_times(&events).map_err(wrong)?;
    Ok(events)
}

fn event(key: &str, value: Value) -> Result<Event, String> {
    let item = Value::Object([(key.to_owned(), value)].into_iter().collect());
    let spec: EventSpec = serde_json::from_value(item).map_err(|error| {
        let reason = with_limits(&error.to_string());
        format!("`{key}`: {reason}")
    })?;
    Event::try_from(spec)
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
    fn list_mapping_and_json_lines_have_same_events() {
        expected(&parse("r.yaml", YAML).unwrap());
        expected(&parse("r.yaml", &format!("# recorded\nafter:{YAML}")).unwrap());
        let lines = r#"
            {"dns": {"query": "a.io", "from": "foo/a", "answers": ["192.0.2.1"], "ttl": 30}}
            {"wait": "10s"}
            {"connect": {"from": "foo/a", "to": {"ip": "192.0.2.1"}}}

            {"at": "1m", "close": {"from": "foo/a", "to": "192.0.2.1"}}
        "#;
        expected(&parse("r.jsonl", lines).unwrap());
    }

    #[test]
    fn milliseconds_count_from_first_line() {
        let lines = r#"{"event": "listening", "at": 1700000000000}
{"event": "answered", "at": 1700000005000, "code": "NOERROR", "dns": {"query": "a.io.", "answers": ["192.0.2.1"], "ttl": 1, "learned": true}}"#;
        let events = parse("log", lines).unwrap();
        assert!(
            matches!(events[..], [Event::WaitUntil(0), Event::WaitUntil(5_000), Event::Dns(_)]),
            "{events:?}"
        );
    }

    #[test]
    fn invalid_event_is_error_with_its_line() {
        let error = |text: &str| parse("r", text).unwrap_err().to_string();
        assert!(error("{\"wait\": \"1s\"}\n{\"wait\": \"soon\"}").contains("`soon`"));
        assert!(error("{\"wait\": \"1s\"}\nnothing").contains("line 2"));
        assert!(error("- sleep: 1s").contains("sleep"));
        assert!(error("- connect: {from: foo/a, to: {workload: foo/b}}").contains("goes to an address"));
    }
}
