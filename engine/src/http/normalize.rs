//! Path normalization in Istio's four modes (docs/semantics/envoy.md#envoy-path-modes).

use crate::{options::EnvoyVersion, resource::istio::PathNormalization};
use alloc::{borrow::Cow, vec::Vec};

/// The treatment of dot segments with parameters, which differs between Envoy releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NormalizationVersion {
    /// A dot segment with a `;parameter` is resolved: 1.36.10, 1.37.6, 1.38.4, 1.39.1 and later.
    #[default]
    DotSegmentParameters,
    /// A dot segment with a parameter is not resolved.
    Before,
}

impl NormalizationVersion {
    /// Returns the behaviour of an Envoy release.
    pub fn of_envoy(version: EnvoyVersion) -> Self {
        let (minor, patch) = version.numbers();
        let first_fixed_patch = match minor {
            ..=36 => 10,
            37 => 6,
            38 => 4,
            39 => 1,
            _ => 0,
        };
        if patch < first_fixed_patch { Self::Before } else { Self::DotSegmentParameters }
    }
}

/// Returns the normalized form of `path`, which can have a query, or `None` if Envoy responds with status 400.
///
/// Takes time linear in the length of the path. The function must not be applied twice: `/%2e%2e;/a` becomes `/..;/a`, and
/// `/..;/a` becomes `/a`.
///
/// ```
/// use palisade::http::normalize_path;
/// use palisade::resource::istio::PathNormalization::{Base, MergeSlashes};
///
/// let base = |path: &str| normalize_path(path.as_bytes(), Base, Default::default());
/// assert_eq!(base("/a/../b%41?x=/../").unwrap(), b"/bA?x=/../".to_vec());
/// assert_eq!(base("/a%00"), None);
/// let merged = normalize_path(b"/a//b%2f", MergeSlashes, Default::default());
/// assert_eq!(merged.unwrap(), b"/a/b%2f".to_vec());
/// ```
pub fn normalize_path(
    path: &[u8],
    mode: PathNormalization,
    version: NormalizationVersion,
) -> Option<Vec<u8>> {
    let path = memchr::memchr(b'#', path).and_then(|at| path.get(..at)).unwrap_or(path);
    if mode == PathNormalization::None {
        return Some(path.to_vec());
    }
    let (path, query) = match memchr::memchr(b'?', path) {
        Some(at) => path.split_at_checked(at)?,
        None => (path, &[][..]),
    };
    let path = match mode {
        PathNormalization::DecodeAndMergeSlashes => Cow::Owned(decode_slashes(path)),
        _ => Cow::Borrowed(path),
    };
    let path = match version {
        NormalizationVersion::DotSegmentParameters => without_parameters(path),
        NormalizationVersion::Before => path,
    };
    let mut out = resolve(&path)?;
    if mode != PathNormalization::Base {
        out = merge_slashes(&out);
    }
    out.extend_from_slice(query);
    Some(out)
}

/// Returns the byte of the escape `%XX` at the start of `text`.
fn escape(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match text {
        [b'%', high, low, ..] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

fn decode_slashes(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        match escape(rest) {
            Some(byte @ (b'/' | b'\\')) => {
                out.push(byte);
                rest = rest.get(3..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// Returns `path` with dot segments cut before their `;`. Envoy searches segments between slashes, before it decodes
/// backslashes and escapes.
fn without_parameters(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memchr::memmem::find(&path, b".;").is_none() {
        return path;
    }
    let mut out = Vec::with_capacity(path.len());
    for (n, segment) in path.split(|b| *b == b'/').enumerate() {
        if n > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(match segment {
            [b'.', b';', ..] => b".",
            [b'.', b'.', b';', ..] => b"..",
            whole => whole,
        });
    }
    Cow::Owned(out)
}

/// Resolves dot segments, backslashes and escapes. Returns `None` if the path contains `%00`.
fn resolve(path: &[u8]) -> Option<Vec<u8>> {
    let body = path.strip_prefix(b"/").or_else(|| path.strip_prefix(b"\\")).unwrap_or(path);
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let mut starts: Vec<usize> = Vec::new();
    let mut bare = None;
    let mut segments = body.split(|b| *b == b'/' || *b == b'\\').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match dots(segment) {
            Some(up) => {
                if up {
                    out.truncate(starts.pop().unwrap_or(0));
                    bare = bare.filter(|at| *at < out.len());
                }
                if last {
                    out.push(b'/');
                }
            }
            None => {
                starts.push(out.len());
                out.push(b'/');
                write_segment(segment, &mut out, &mut bare)?;
            }
        }
    }
    Some(out)
}

/// Returns `Some(true)` for `..` and `Some(false)` for `.`, with dots that can be escaped.
fn dots(segment: &[u8]) -> Option<bool> {
    let mut rest = segment;
    let mut count = 0;
    while !rest.is_empty() {
        rest = match rest {
            [b'.', tail @ ..] => tail,
            [b'%', b'2', b'e' | b'E', tail @ ..] => tail,
            _ => return None,
        };
        count += 1;
    }
    match count {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

/// Appends `segment` in its canonical form. `bare` is the position in `out` of the last percent sign that starts no
/// escape.
fn write_segment(segment: &[u8], out: &mut Vec<u8>, bare: &mut Option<usize>) -> Option<()> {
    let mut rest = segment;
    while let [first, tail @ ..] = rest {
        match escape(rest) {
            Some(0) => return None,
            Some(byte) if is_unreserved(byte) => {
                out.push(byte);
                rest = rest.get(3..).unwrap_or_default();
                if let Some(at) = *bare {
                    keep_bare(out, at, rest);
                }
                continue;
            }
            None if *first == b'%' => {
                *bare = Some(out.len());
                out.push(b'%');
            }
            _ if must_escape(*first) => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
                out.extend([b'%', digit(first >> 4), digit(first & 15)]);
            }
            _ => out.push(*first),
        }
        rest = tail;
    }
    Some(())
}

/// Escapes the percent sign at `at` if decoded text would make it the start of an escape: `%%30` and `0`, which would
/// become `%00`, become `%25` and `00`.
fn keep_bare(out: &mut Vec<u8>, at: usize, rest: &[u8]) {
    let digits = match out.get(at + 1..) {
        Some([digit]) => [Some(*digit), rest.first().copied()],
        Some([first, second]) => [Some(*first), Some(*second)],
        _ => return,
    };
    if digits.iter().all(|digit| digit.is_some_and(|d| d.is_ascii_hexdigit())) {
        out.splice(at + 1..at + 1, *b"25");
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn must_escape(byte: u8) -> bool {
    byte <= b' ' || byte >= 0x7f || b"\"<>^`{}|".contains(&byte)
}

/// Replaces adjacent slashes by one slash. As in Envoy, a path of slashes only becomes `//`.
fn merge_slashes(path: &[u8]) -> Vec<u8> {
    if memchr::memmem::find(path, b"//").is_none() {
        return path.to_vec();
    }
    let mut out = Vec::with_capacity(path.len());
    let mut segments = path.split(|b| *b == b'/').filter(|s| !s.is_empty()).peekable();
    if segments.peek().is_none() {
        return b"//".to_vec();
    }
    for segment in segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if path.ends_with(b"/") {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None as NoNormalization};

    fn n(mode: PathNormalization, path: &str) -> Option<alloc::string::String> {
        normalize_path(path.as_bytes(), mode, NormalizationVersion::default())
            .map(|p| alloc::string::String::from_utf8(p).unwrap())
    }

    #[test]
    fn dot_segment_with_parameter_is_resolved_by_newer_releases() {
        use NormalizationVersion::{Before, DotSegmentParameters};
        for (releases, expected) in [
            (["1.36.0", "1.36.9", "1.37.5", "1.38.3", "1.39.0"], Before),
            (["1.36.10", "1.37.6", "1.38.4", "1.39.1", "1.40.0"], DotSegmentParameters),
            (["1.36", "1.37", "1.38", "1.39", "1.40"], DotSegmentParameters),
        ] {
            for release in releases {
                let version = release.parse().unwrap();
                assert_eq!(NormalizationVersion::of_envoy(version), expected, "{release}");
            }
        }
    }

    #[test]
    fn paths_are_normalized_as_documented() {
        for (mode, path, expected) in [
            (NoNormalization, "/a/../b#x", "/a/../b"),
            (Base, "/a//..", "/a/"),
            (Base, "/a/..", "/"),
            (Base, "/a/.", "/a/"),
            (Base, "/../../x", "/x"),
            (Base, "/%252e", "/%252e"),
            (Base, "/a%zz%2", "/a%zz%2"),
            (Base, "/a\\b", "/a/b"),
            (Base, "/%%333", "/%2533"),
            (Base, "/%%30%30", "/%2500"),
            (Base, "/%a%41", "/%25aA"),
            (Base, "/%%33g", "/%3g"),
            (Base, "/%%", "/%%"),
            (Base, "/5%/../%3E%41", "/%3EA"),
            (Base, "/%/../xb%41", "/xbA"),
            (Base, "/a|b c", "/a%7Cb%20c"),
            (Base, "/\x7f", "/%7F"),
            (Base, "/..;/x", "/x"),
            (Base, "/a/..;p=1/b", "/b"),
            (Base, "/%2e%2e;/x", "/..;/x"),
            (Base, "/a\\..;x/b", "/a/..;x/b"),
            (Base, "/a/..;x\\b", "/"),
            (DecodeAndMergeSlashes, "/a%2f..;x/b", "/b"),
            (DecodeAndMergeSlashes, "/a%5c..;x/b", "/a/..;x/b"),
            (MergeSlashes, "//", "//"),
            (MergeSlashes, "/a/..//", "//"),
            (DecodeAndMergeSlashes, "/%2f", "//"),
            (DecodeAndMergeSlashes, "/a%5cb//c/", "/a/b/c/"),
        ] {
            assert_eq!(n(mode, path).as_deref(), Some(expected), "{mode:?} {path}");
        }
    }

    #[test]
    fn dot_segment_with_parameter_is_unchanged_by_older_releases() {
        let old = normalize_path(b"/..;/x", Base, NormalizationVersion::Before);
        assert_eq!(old.unwrap(), b"/..;/x");
    }
}
