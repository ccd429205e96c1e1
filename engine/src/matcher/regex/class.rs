//! Parses classes and escapes: `[a-z]`, `\d`, `\pL`, `[:alpha:]`, `\x{41}`.

use super::error::RegexError;
use alloc::{format, string::String};
use core::{iter::Peekable, str::Chars};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

const POSIX: [(&str, &[(char, char)]); 14] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", &[('0', '9')]),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

fn of(ranges: &[(char, char)], negated: bool) -> ClassUnicode {
    let mut class = ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)));
    if negated {
        class.negate();
    }
    class
}

fn named(name: &str, negated: bool) -> Option<ClassUnicode> {
    POSIX.iter().find(|(known, _)| *known == name).map(|(_, ranges)| of(ranges, negated))
}

/// Parses `[:name:]` inside of a class. Returns `None` if the text is not such a class.
fn posix(rest: &mut Peekable<Chars<'_>>) -> Result<Option<ClassUnicode>, RegexError> {
    let mut ahead = rest.clone();
    if ahead.next() != Some('[') || ahead.next() != Some(':') {
        return Ok(None);
    }
    let negated = ahead.next_if_eq(&'^').is_some();
    let mut name = String::new();
    loop {
        match ahead.next() {
            Some(':') if ahead.peek() == Some(&']') => break,
            Some(next) => name.push(next),
            // Without the end, the text consists of literal characters.
            None => return Ok(None),
        }
    }
    ahead.next();
    let class = named(&name, negated);
    let class = class.ok_or_else(|| RegexError::new(format!("unknown class `[:{name}:]`")))?;
    *rest = ahead;
    Ok(Some(class))
}

/// Parses a bracketed class after its opening bracket. With `fold`, the class contains both cases of each letter.
pub(super) fn bracketed_class(
    rest: &mut Peekable<Chars<'_>>,
    fold: bool,
) -> Result<ClassUnicode, RegexError> {
    let is_negated = rest.next_if_eq(&'^').is_some();
    let mut class = ClassUnicode::empty();
    let mut first = true;
    loop {
        let Some(next) = rest.peek().copied() else {
            return Err(RegexError::new("missing `]`: a class is not closed"));
        };
        if next == ']' && !first {
            rest.next();
            break;
        }
        first = false;
        if let Some(named) = posix(rest)? {
            class.union(&named);
            continue;
        }
        if next == '\\' {
            let before = rest.clone();
            rest.next();
            if let Some(named) = escaped_class(rest)? {
                class.union(&named);
                continue;
            }
            *rest = before;
        }
        let low = class_character(rest)?;
        let mut high = low;
        let mut ahead = rest.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
            *rest = ahead;
            high = class_character(rest)?;
        }
        if high < low {
            return Err(RegexError::new(format!(
                "invalid range `{low}-{high}`: the first character must not be greater than the last one"
            )));
        }
        class.push(ClassUnicodeRange::new(low, high));
    }
    if fold {
        // INVARIANT: the tables of case folding are compiled in.
        let _ = class.try_case_fold_simple();
    }
    if is_negated {
        class.negate();
    }
    Ok(class)
}

fn class_character(rest: &mut Peekable<Chars<'_>>) -> Result<char, RegexError> {
    match rest.next() {
        Some('\\') => escaped_character(rest),
        Some(other) => Ok(other),
        None => Err(RegexError::new("missing `]`: a class is not closed")),
    }
}

/// Parses a class after a backslash. Returns `None` if the text is not a class.
pub(super) fn escaped_class(rest: &mut Peekable<Chars<'_>>) -> Result<Option<ClassUnicode>, RegexError> {
    let Some(next) = rest.peek().copied() else { return Ok(None) };
    let class = match next {
        'd' | 'D' => named("digit", next == 'D'),
        // Unlike `[:space:]`, this class does not contain the vertical tab.
        's' | 'S' => Some(of(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')], next == 'S')),
        'w' | 'W' => named("word", next == 'W'),
        'p' | 'P' => {
            rest.next();
            return unicode(rest, next == 'P').map(Some);
        }
        _ => None,
    };
    if class.is_some() {
        rest.next();
    }
    Ok(class)
}

/// Parses the name of a category or script after `\p`.
fn unicode(rest: &mut Peekable<Chars<'_>>, mut negated: bool) -> Result<ClassUnicode, RegexError> {
    let mut name = String::new();
    match rest.next() {
        Some('{') => {
            negated ^= rest.next_if_eq(&'^').is_some();
            loop {
                match rest.next() {
                    Some('}') => break,
                    Some(next) => name.push(next),
                    None => return Err(RegexError::new("missing `}` after `\\p{`")),
                }
            }
        }
        Some(next) => name.push(next),
        None => return Err(RegexError::new("missing name after `\\p`")),
    }
    let mut class = unicode_class(&name)
        .ok_or_else(|| RegexError::new(format!("unknown category or script `\\p{{{name}}}`")))?;
    if negated {
        class.negate();
    }
    Ok(class)
}

/// Parses a single character after a backslash.
pub(super) fn escaped_character(rest: &mut Peekable<Chars<'_>>) -> Result<char, RegexError> {
    let invalid = || RegexError::new("unknown escape: RE2 does not support it");
    let next = rest.next().ok_or_else(invalid)?;
    Ok(match next {
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        // A single digit is a reference to a group.
        '1'..='7' if !rest.peek().is_some_and(|c| matches!(c, '0'..='7')) => return Err(invalid()),
        '0'..='7' => {
            let mut code = next.to_digit(8).unwrap_or_default();
            for _ in 0..2 {
                let Some(digit) = rest.peek().and_then(|c| c.to_digit(8)) else { break };
                rest.next();
                code = code * 8 + digit;
            }
            char::from_u32(code).ok_or_else(invalid)?
        }
        'x' => hexadecimal(rest).ok_or_else(invalid)?,
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
        _ => return Err(invalid()),
    })
}

fn hexadecimal(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let mut code = 0u32;
    if rest.next_if_eq(&'{').is_none() {
        for _ in 0..2 {
            code = code * 16 + rest.next()?.to_digit(16)?;
        }
        return char::from_u32(code);
    }
    let mut digits = 0;
    loop {
        match rest.next()? {
            '}' if digits > 0 => return char::from_u32(code),
            digit => {
                code = code.checked_mul(16)?.checked_add(digit.to_digit(16)?)?;
                digits += 1;
            }
        }
    }
}

/// Returns the general category or the script that RE2 calls `name`.
fn unicode_class(name: &str) -> Option<ClassUnicode> {
    const CATEGORIES: &str = "C Cc Cf Co L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z \
                              Zl Zp Zs";
    if name == "Any" {
        return Some(of(&[('\0', char::MAX)], false));
    }
    let expression = if CATEGORIES.split(' ').any(|c| c == name) {
        format!(r"\p{{{name}}}")
    } else {
        let mut parts = name.split('_');
        let title = |part: &str| {
            let mut letters = part.chars();
            letters.next().is_some_and(|c| c.is_ascii_uppercase()) && letters.all(|c| c.is_ascii_lowercase())
        };
        if name.len() < 3 || !parts.all(title) {
            return None;
        }
        format!(r"\p{{sc={name}}}")
    };
    match regex_syntax::parse(&expression).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        _ => None,
    }
}
