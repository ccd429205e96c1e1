//! `palisade fqdn`.

use super::input::{Format, OptionArgs};
use crate::{
    failure::Failure,
    output::Output,
    show::{
        style::{BAD, GOOD},
        text::{Text, paint},
    },
};
use clap::Args;
use palisade::{FqdnPattern, Options};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead, stdin};

/// Report whether a name pattern of Cilium matches names.
///
/// The pattern is a `matchPattern` or `matchName` of `toFQDNs` or
/// `rules.dns`. If it does not match, the output contains the reason.
///
/// Examples:
///
///     palisade fqdn '*.google.com' www.google.com google.com
///     palisade fqdn --option ciliumVersion=1.18 '**.io' a.b.io
///     palisade fqdn --output json '*.google.com' www.google.com
///     palisade fqdn --json-lines < pairs
///
/// With --json-lines, standard input has one pair per line, such as
/// {"pattern": "*.io", "name": "a.io"}. The output has one result per line,
/// such as {"valid": true, "matches": true}.
///
/// Exit codes:
///   0  every name matches (with --json-lines: every line is valid)
///   1  a name does not match
///   2  the pattern or a line is invalid
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Fqdn {
    /// Pattern, as in `toFQDNs` and `rules.dns`.
    #[arg(required_unless_present = "json_lines")]
    pattern: Option<String>,
    /// Names.
    #[arg(value_name = "NAME", required_unless_present = "json_lines")]
    names: Vec<String>,
    /// Format of the output.
    #[arg(short, long, value_enum, default_value_t = Format::Text, conflicts_with = "json_lines")]
    output: Format,
    /// Read pairs from standard input, one JSON object per line.
    #[arg(long, conflicts_with_all = ["pattern", "names"])]
    json_lines: bool,
    #[command(flatten)]
    options: OptionArgs,
}

#[derive(Deserialize)]
struct Pair {
    pattern: String,
    name: String,
}

#[derive(Serialize)]
struct Answer {
    valid: bool,
    matches: bool,
}

impl Fqdn {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        let options = self.options.options()?;
        match &self.pattern {
            None => lines(&options),
            Some(pattern) => self.names(pattern, &options),
        }
    }

    fn names(&self, text: &str, options: &Options) -> Result<Output, Failure> {
        let pattern = FqdnPattern::new(text, options).map_err(|why| {
            let help = "a pattern has letters, digits, `-`, `_`, `.` and `*`, at most 255 of them";
            Failure::argument(format!("invalid pattern `{text}`: {why}"), help)
        })?;
        let mut output = Output::default();
        if self.output == Format::Json {
            let names = self.names.iter().map(|name| {
                let why = pattern.mismatch(name);
                json!({"name": name, "matches": why.is_none(), "why": why})
            });
            let names: Vec<_> = names.collect();
            output.code = u8::from(self.names.iter().any(|name| !pattern.matches(name)));
            output.text = Text::json_pretty(&json!({"pattern": text, "names": names}));
            return Ok(output);
        }
        for name in &self.names {
            match pattern.mismatch(name) {
                None => output.text.line(&[&paint(GOOD, "yes"), &"  ", name]),
                Some(why) => {
                    output.code = 1;
                    output.text.line(&[&paint(BAD, "no"), &"   ", name, &": ", &why]);
                }
            }
        }
        Ok(output)
    }
}

fn lines(options: &Options) -> Result<Output, Failure> {
    let mut output = Output::default();
    for (n, line) in (1..).zip(stdin().lock().lines()) {
        let wrong = |why: String| {
            let help = r#"write each line as {"pattern": "*.example.com", "name": "www.example.com"}"#;
            Failure::argument(format!("line {n} of standard input: {why}"), help)
        };
        let line = line.map_err(|error| wrong(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let pair: Pair = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
        let pattern = FqdnPattern::new(&pair.pattern, options);
        let matches = pattern.as_ref().is_ok_and(|pattern| pattern.matches(&pair.name));
        let answer = Answer { valid: pattern.is_ok(), matches };
        output.text.append(Text::json(&answer));
    }
    Ok(output)
}
