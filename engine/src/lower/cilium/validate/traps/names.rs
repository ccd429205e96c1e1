//! Warnings about names and name patterns.

use crate::{
    diagnostic::Report,
    options::{CiliumVersion, Options},
};
use alloc::{collections::BTreeSet, format, vec::Vec};

/// Warns of items of the list at `path` with neither a name nor a pattern, whose effect `message` states.
pub(super) fn empty<'a>(
    items: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
    message: &str,
    path: &str,
    report: &mut Report<'_>,
) {
    let is_empty = |text: Option<&str>| text.is_none_or(str::is_empty);
    for (i, _) in items.enumerate().filter(|(_, (name, pattern))| is_empty(*name) && is_empty(*pattern)) {
        let help = "name something with `matchName` or `matchPattern`";
        report.warn("empty-name", &format!("{path}[{i}]"), message, help);
    }
}

/// Warns of patterns of the list at `path`: `*.x` with `*.*.x`, for which `**.x` matches every depth; a double star
/// that equals one star (docs/semantics/cilium.md#cilium-leading-double-star,
/// docs/semantics/cilium.md#cilium-star-and-dot); a star without a dot after it
/// (docs/semantics/cilium.md#cilium-star-without-dot).
pub(super) fn stars<'a>(
    list: impl Iterator<Item = Option<&'a str>>,
    path: &str,
    options: &Options,
    report: &mut Report<'_>,
) {
    let list: Vec<Option<&str>> = list.collect();
    let parents: BTreeSet<&str> =
        list.iter().copied().flatten().filter_map(|pattern| pattern.strip_prefix("*.")).collect();
    let deep = options.cilium.version >= CiliumVersion::V1_19;
    for (i, pattern) in list.iter().enumerate() {
        let Some(pattern) = *pattern else { continue };
        let at = format!("{path}[{i}].matchPattern");
        if let Some(parent) = pattern.strip_prefix("*.*.")
            && parents.contains(parent)
        {
            let parent = parent.trim_start_matches("*.");
            let message = format!("`{pattern}` and its like are a ladder, a step for each depth");
            let help = match deep {
                true => format!("write `**.{parent}` for every depth"),
                false => format!("since Cilium 1.19 `**.{parent}` is every depth"),
            };
            report.warn("star-ladder", &at, message, &help);
        }
        let after = pattern.trim_start_matches('*');
        if after.len() < pattern.len()
            && after.starts_with(|c: char| c.is_ascii_alphanumeric())
            && after.trim_end_matches('.').contains('.')
        {
            let message =
                format!("`{pattern}` matches `evil{after}` and `{after}`, and no name below `{after}`");
            let help = format!("write `*.{after}` for names below it, and `{after}` for itself");
            report.warn("star-without-dot", &at, message, &help);
        }
        if pattern.starts_with("**.") && !deep {
            let message = format!("before Cilium 1.19 `{pattern}` is one label only, as with one star");
            report.warn("double-star", &at, message, "write a pattern for each depth");
        }
        let inner = pattern.strip_prefix("**.").unwrap_or(pattern);
        if inner.contains("**") && inner.bytes().any(|b| b != b'*' && b != b'.') {
            let message = format!("`**` inside `{pattern}` matches only one label, as `*` does");
            report.warn("double-star", &at, message, "only a leading `**.` matches several labels");
        }
    }
}
