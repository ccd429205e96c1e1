//! Matches DNS names against `matchPattern`s outside of a policy, and explains mismatches.

use crate::{
    ir::NamePattern,
    lower::cilium::name::{canonical, validate_pattern, wildcard},
    matcher::{self, NameSet},
    options::Options,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{error::Error, fmt, ops::ControlFlow};

/// A `matchPattern` of `toFQDNs` with the semantics of Cilium (docs/semantics/cilium.md#cilium-star-and-dot).
///
/// ```
/// use palisade::{FqdnPattern, Options};
///
/// let pattern = FqdnPattern::new("*.google.com", &Options::default()).unwrap();
/// assert!(pattern.matches("www.Google.com."));
/// assert!(!pattern.matches("google.com"));
/// assert_eq!(
///     pattern.mismatch("google.com").unwrap(),
///     "the pattern has 3 labels and the name 2: a star does not match a dot"
/// );
/// assert!(FqdnPattern::new("*.göögle.com", &Options::default()).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FqdnPattern {
    text: String,
    pattern: NamePattern,
}

/// The reason for which the agent rejects a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FqdnPatternError(String);

impl fmt::Display for FqdnPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for FqdnPatternError {}

impl FqdnPattern {
    /// Parses the `matchPattern` `text` of a `toFQDNs` item.
    ///
    /// # Errors
    ///
    /// The agent rejects a pattern that has more than 255 characters, or a character other than ASCII letters, digits, `-`,
    /// `_`, `.` and `*`.
    pub fn new(text: &str, options: &Options) -> Result<Self, FqdnPatternError> {
        validate_pattern(text).map_err(|invalid| FqdnPatternError(invalid.to_string()))?;
        Ok(Self { text: canonical(text).into(), pattern: wildcard(text, false, options) })
    }

    /// Returns whether the pattern matches `name`. Case and a final dot make no difference.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        matcher::name::matches_one(&self.pattern, canonical(name).as_bytes())
    }

    /// Returns the reason for which the pattern does not match `name`, or `None` if it matches.
    #[must_use]
    pub fn mismatch(&self, name: &str) -> Option<String> {
        if self.matches(name) {
            return None;
        }
        let name = canonical(name);
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if let Some(bad) = name.chars().find(|c| !legal(*c)) {
            return Some(format!("a pattern matches no name with the character `{bad}`"));
        }
        Some(self.difference(&name))
    }

    fn difference(&self, name: &str) -> String {
        let labels = |text: &str| -> Vec<String> {
            text.trim_end_matches('.').split('.').map(ToString::to_string).collect()
        };
        let (expected, actual) = (labels(&self.text), labels(name));
        let NamePattern::Wildcard { subdomains, .. } = self.pattern else {
            return format!("the name is not `{}`", self.text);
        };
        let stars = self.text.bytes().take_while(|b| *b == b'*').count();
        if subdomains && stars >= 2 && self.text.as_bytes().get(stars) == Some(&b'.') {
            return if actual.len() < expected.len() {
                "a leading `**.` matches at least one whole label, and the name has none there".to_string()
            } else {
                format!("the name does not end with the labels of `{}`", self.text.trim_end_matches('.'))
            };
        }
        if expected.len() != actual.len() {
            return format!(
                "the pattern has {} labels and the name {}: a star does not match a dot",
                expected.len(),
                actual.len()
            );
        }
        let one = |(expected, actual): (&String, &String)| {
            let pattern =
                NamePattern::Wildcard { pattern: canonical(expected), subdomains: false, any_bytes: false };
            let literal = !expected.contains('*');
            let all_stars = expected.bytes().all(|b| b == b'*');
            let same = if literal {
                expected == actual
            } else {
                all_stars || matcher::name::matches_one(&pattern, canonical(actual).as_bytes())
            };
            (!same).then(|| format!("`{expected}` does not match the label `{actual}`"))
        };
        expected
            .iter()
            .zip(&actual)
            .find_map(one)
            .unwrap_or_else(|| "the name does not match the pattern".to_string())
    }
}

/// A set of patterns.
///
/// A lookup allocates no memory and takes time linear in the name. Its cost does not depend on the number of patterns, only
/// on the number of patterns that share their suffix with the name. If more than eight do, it depends on the number that
/// also share the rarest chunk of their text.
///
/// ```
/// use core::ops::ControlFlow;
/// use palisade::{FqdnPattern, FqdnSet, Options};
///
/// let patterns = ["*.google.com", "www.google.com", "**.com", "*.org"]
///     .map(|text| FqdnPattern::new(text, &Options::default()).unwrap());
/// let set = FqdnSet::new(&patterns);
/// let mut matched = vec![];
/// let _ = set.each("www.google.com.", |pattern| {
///     matched.push(pattern);
///     ControlFlow::Continue(())
/// });
/// matched.sort();
/// assert_eq!(matched, [0, 1, 2]);
/// assert!(!set.matches("palisade.example."));
/// ```
#[derive(Debug)]
pub struct FqdnSet(NameSet);

impl FqdnSet {
    /// Returns a set of `patterns`.
    #[must_use]
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p FqdnPattern>) -> Self {
        Self(NameSet::new(patterns.into_iter().map(|pattern| &pattern.pattern)))
    }

    /// Returns whether a pattern matches `name`, which must be in canonical form: lower case, with one final dot.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name.as_bytes())
    }

    /// Calls `visit` with the position of each pattern that matches `name`, in no order, until `visit` breaks. `name` must be
    /// in canonical form.
    pub fn each(&self, name: &str, mut visit: impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        self.0.each(name.as_bytes(), |pattern| visit(pattern as usize))
    }
}
